"""A client of the fleet's service, and the server that it talks to."""
import http.client
import json
import pathlib
import signal
import socket
import subprocess
import time

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICE = "larder.fleet.v1.Fleet"
# How long something may take that must happen.
LONG = 60


def eventually(what, check):
    """What a check gives as soon as that is true."""
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        if found := check():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} has not happened within {LONG} s")


class Server:
    """A running `larder serve`."""

    def __init__(self, larder, folder, *options, port="0"):
        self.folder = pathlib.Path(folder)
        (self.folder / "binaries").mkdir(parents=True, exist_ok=True)
        command = [larder, "serve", "--dir", "binaries", "--port", port, "--grpc-port", port, "--log", "json", *options]
        self.log = self.folder / "log"
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=log)
        line = self.child.stdout.readline()
        assert line, self.log.read_text()
        listening = json.loads(line)
        self.http, self.grpc = listening["http"], listening["grpc"]

    def request(self, method, path, body=None, token=None):
        """An answer of the HTTP API: its status, and its JSON."""
        connection = http.client.HTTPConnection(self.http, timeout=LONG)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        is_json = "json" in (answer.getheader("content-type") or "")
        return answer.status, json.loads(text) if is_json and text else text.decode()

    def stop(self):
        """Stops it as a service manager does; it must end in time and without errors."""
        self.child.send_signal(signal.SIGTERM)
        assert self.child.wait(LONG) == 0
        errors = [line for line in self.log.read_text().splitlines() if '"level":"error"' in line or "panicked" in line]
        assert not errors, errors

    def kill(self):
        """Ends it if it still runs."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


class Client:
    """Calls with messages that are made from what reflection tells."""

    def __init__(self, address, certificate=None):
        if certificate:
            self.channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(certificate))
        else:
            self.channel = grpc.insecure_channel(address)
        self.database = ProtoReflectionDescriptorDatabase(self.channel)
        self.pool = DescriptorPool(self.database)
        self.methods = self.pool.FindServiceByName(SERVICE).methods_by_name

    def services(self):
        """The names of all services."""
        return sorted(self.database.get_services())

    def call(self, method, /, token=None, timeout=LONG, **fields):
        """Makes a call. The fields of the request are keyword arguments."""
        described = self.methods[method]
        asked, answered = GetMessageClass(described.input_type), GetMessageClass(described.output_type)
        kind = self.channel.unary_stream if described.server_streaming else self.channel.unary_unary
        made = kind(f"/{SERVICE}/{method}", request_serializer=asked.SerializeToString,
                    response_deserializer=answered.FromString)
        metadata = [("authorization", f"Bearer {token}")] if token else []
        answer = made(asked(**fields), timeout=timeout, metadata=metadata)
        if described.server_streaming:
            # The server has the call now: nothing that happens from here on is missed.
            answer.initial_metadata()
        return answer

    def fails(self, code, method, /, **arguments):
        """Makes a call that is refused with a code, and gives the reason."""
        try:
            answer = self.call(method, **arguments)
            if self.methods[method].server_streaming:
                answer = next(answer)
        except grpc.RpcError as error:
            assert error.code() is code, error
            return error.details()
        raise AssertionError(f"{method} {arguments} was answered: {answer}")


def free_port():
    """A port that is free now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]

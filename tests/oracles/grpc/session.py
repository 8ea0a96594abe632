"""Drives a server as an agent does: enrolment, heartbeats, hints, reports, refusals, both ports, TLS, the end."""
import hashlib
import json
import pathlib
import queue
import subprocess
import sys
import threading

import grpc
from client import LONG, SERVICE, Client, Server, eventually, free_port
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

larder, work = sys.argv[1], pathlib.Path(sys.argv[2])
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
ME = {"process": "process-1", "platform": "linux", "arch": "x86_64", "name": "tool"}
servers = []


def start(name, *options, port="0"):
    server = Server(larder, work / name, *options, port=port)
    servers.append(server)
    return server


def token(folder, role, *more):
    """The secret of a new token, which is added to the file of tokens."""
    made = subprocess.run([larder, "serve", "token", "new", "--role", role, "--name", f"{role}{len(more)}", *more],
                          check=True, capture_output=True, text=True).stdout.splitlines()
    (secret,) = [line for line in made if line.startswith("larder_")]
    (line,) = [line for line in made if "sha256" in line]
    with (folder / "tokens").open("a") as file:
        file.write(line.strip() + "\n")
    return secret


def health(client, service=""):
    stub = health_pb2_grpc.HealthStub(client.channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=LONG).status


def story():
    """One agent, from its enrolment to the end of the server."""
    # It would wait for streams that do not end.
    server = start("story", "--heartbeat", "200ms", "--drain", "300s")
    client = Client(server.grpc)
    assert client.services() == ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                 "grpc.reflection.v1alpha.ServerReflection", SERVICE], client.services()
    for service in ["", SERVICE]:
        eventually("health", lambda service=service: health(client, service) == SERVING)
    told = []
    watching = threading.Thread(target=lambda: told.extend(watch_health(client)))
    watching.start()

    enrolled = client.call("Enroll", agent_id="agent-1", channel="stable", agent_version="0.1.0", **ME)
    assert enrolled.node_id and enrolled.secret and 0 < enrolled.heartbeat_in_ms <= 250, enrolled
    node = {"node_id": enrolled.node_id, "process": ME["process"]}
    beat = client.call("Heartbeat", **node)
    assert beat.state == "ready" and not beat.HasField("target") and 100 <= beat.next_in_ms <= 300, beat

    hints = client.call("Watch", **node)
    body = b"the first version"
    digest = hashlib.sha256(body).hexdigest()
    assert server.request("PUT", "/api/binaries/tool/1.0.0/linux/x86_64", body)[0] == 201
    assert server.request("PUT", "/api/channels/tool/stable", json.dumps({"version": "1.0.0"}))[0] in (200, 201)
    next(hints)
    target = client.call("Heartbeat", **node).target
    assert (target.name, target.version, target.checksum, target.size_bytes) == ("tool", "1.0.0", digest, len(body))
    assert server.request("GET", f"/binaries/{target.file}") == (200, body.decode())

    running = {"name": "tool", "version": "1.0.0", "checksum": digest}
    client.call("Heartbeat", running=running, health="HEALTH_HEALTHY", healthy_for_ms=5000, pid=4711, **node)
    shown = eventually("what runs", lambda: (found := server.request("GET", "/api/nodes/agent-1")[1])["running"] and found)
    assert shown["running"] == running and shown["health"] == "healthy" and shown["state"] == "ready", shown

    attempt = {"version": "1.0.0", "checksum": digest, "phase": "PHASE_FAILED", "reason": "exit code 3"}
    for _ in range(2):
        assert client.call("Report", attempt=attempt, **node).denied == [digest]
    beat = client.call("Heartbeat", **node)
    assert beat.denied == [digest] and not beat.HasField("target"), beat
    again = client.call("Enroll", agent_id="agent-1", channel="stable", agent_version="0.1.0", **ME)
    assert again.node_id == enrolled.node_id and again.denied == [digest]

    for code, method, fields in [
        (grpc.StatusCode.NOT_FOUND, "Heartbeat", {"node_id": "n-0", "process": "p"}),
        (grpc.StatusCode.NOT_FOUND, "Watch", {"node_id": "n-0", "process": "p"}),
        (grpc.StatusCode.INVALID_ARGUMENT, "Heartbeat", {"node_id": enrolled.node_id}),
        (grpc.StatusCode.INVALID_ARGUMENT, "Enroll", {"agent_id": "x", **ME, "platform": "plan9"}),
        (grpc.StatusCode.INVALID_ARGUMENT, "Report", node),
    ]:
        assert client.fails(code, method, **fields)
    long = {"agent_id": "x" * (5 << 20), **ME}
    assert "too large" in client.fails(grpc.StatusCode.OUT_OF_RANGE, "Enroll", **long)

    # A node that is removed is told so, wherever it asks.
    assert server.request("DELETE", f"/api/nodes/{enrolled.node_id}")[0] == 204
    ended = last(hints)
    assert ended.code() is grpc.StatusCode.ABORTED, ended
    client.fails(grpc.StatusCode.PERMISSION_DENIED, "Heartbeat", **node)

    other = client.call("Enroll", agent_id="agent-2", **ME)
    hints = client.call("Watch", node_id=other.node_id, process=ME["process"])
    for line in ['fleet_nodes{state="ready"} 1', "fleet_watches 1",
                 f'grpc_calls_total{{method="{SERVICE}/Report",code="OK"}} 2']:
        # The stream that has ended is counted until the server has dropped it.
        eventually(line, lambda line=line: f"larder_serve_{line}\n" in server.request("GET", "/metrics")[1])
    asked = queue.SimpleQueue()
    held = reflection_pb2_grpc.ServerReflectionStub(client.channel).ServerReflectionInfo(iter(asked.get, None))
    asked.put(reflection_pb2.ServerReflectionRequest(list_services=""))
    next(held)
    server.stop()
    for stream in [hints, held]:
        ended = last(stream)
        assert ended.code() is grpc.StatusCode.UNAVAILABLE and "stopping" in ended.details(), ended
    asked.put(None)
    watching.join(LONG)
    assert told == [SERVING, NOT_SERVING], told


def watch_health(client):
    """Each health that is told until the stream ends."""
    stub = health_pb2_grpc.HealthStub(client.channel)
    try:
        for answer in stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=LONG * 5):
            yield answer.status
    except grpc.RpcError:
        pass


def last(stream):
    """The error that ends a stream."""
    try:
        for _ in stream:
            pass
    except grpc.RpcError as error:
        return error
    raise AssertionError("the stream ended without an error")


def access():
    """Tokens, secrets, and what guessing costs."""
    folder = work / "access"
    folder.mkdir()
    join, read = token(folder, "join"), token(folder, "read")
    expired = token(folder, "join", "--expires", "1s")
    server = start("access", "--tokens", "tokens", "--heartbeat", "200ms")
    client = Client(server.grpc)
    agent = {"agent_id": "agent-1", **ME}
    enrolled = client.call("Enroll", token=join, **agent)
    node = {"node_id": enrolled.node_id, "process": ME["process"]}
    assert client.call("Heartbeat", token=enrolled.secret, **node).state == "ready"
    again = client.call("Enroll", token=enrolled.secret, node_id=enrolled.node_id, **agent)
    assert again.node_id == enrolled.node_id and not again.secret, again

    def is_over():
        try:
            client.call("Enroll", token=expired, agent_id="late", **ME)
        except grpc.RpcError as error:
            return error.code() is grpc.StatusCode.UNAUTHENTICATED
        return False

    eventually("the end of a token", is_over)
    refused = grpc.StatusCode.UNAUTHENTICATED
    texts = {client.fails(refused, "Enroll", token=wrong, agent_id="other", **ME) for wrong in [None, "wrong", read, expired]}
    assert len(texts) == 1, texts
    texts = {client.fails(refused, "Heartbeat", token=wrong, **node) for wrong in [None, "wrong", read, join, expired]}
    assert len(texts) == 1, texts
    client.fails(refused, "Report", token="wrong", attempt={"version": "1"}, **node)
    client.fails(refused, "Watch", token="wrong", **node)
    # The secret of another node is no secret of this one.
    other = client.call("Enroll", token=join, agent_id="agent-2", **ME)
    client.fails(refused, "Heartbeat", token=other.secret, **node)
    server.stop()
    # Guessing is limited. Heartbeats are not: the server itself says how often they come.
    server = start("access", "--tokens", "tokens", "--rate", "2/s")
    client = Client(server.grpc)
    codes = []
    while grpc.StatusCode.RESOURCE_EXHAUSTED not in codes:
        codes.append(guess(client, node))
    assert len(codes) > 2 and set(codes[:-1]) == {refused}, codes
    for _ in range(200):
        client.call("Heartbeat", token=enrolled.secret, **node)
    audit = [json.loads(line) for line in server.log.read_text().splitlines() if '"level":"audit"' in line]
    enrolments = [(line["who"], line["object"], line["outcome"]) for line in audit if line.get("action") == "enroll"]
    assert ("join0", "agent-1", "done") in enrolments and ("anyone", "other", "refused") in enrolments, enrolments
    assert join not in server.log.read_text() and enrolled.secret not in server.log.read_text()
    server.stop()


def guess(client, node):
    """The code that a wrong secret is answered with."""
    try:
        client.call("Heartbeat", token="wrong", **node)
    except grpc.RpcError as error:
        return error.code()
    raise AssertionError("a wrong secret was admitted")


def one_port():
    """The same port for both."""
    server = start("one", port=str(free_port()))
    assert server.http == server.grpc
    client = Client(server.grpc)
    eventually("health", lambda: health(client) == SERVING)
    assert client.call("Enroll", agent_id="agent-1", **ME).node_id
    assert server.request("GET", "/readyz") == (200, "ready\n")
    assert server.request("GET", "/api/nodes")[1][0]["agent_id"] == "agent-1"
    server.stop()


def tls():
    """Encrypted, on a port of its own and on the shared one."""
    certificate = (work / "cert.pem").read_bytes()
    for name, port in [("tls", "0"), ("tls-one", str(free_port()))]:
        server = start(name, "--tls-cert", str(work / "cert.pem"), "--tls-key", str(work / "key.pem"), port=port)
        client = Client(f"localhost:{server.grpc.rsplit(':', 1)[1]}", certificate)
        assert client.call("Enroll", agent_id="agent-1", **ME).node_id
        server.stop()


try:
    for part in [story, access, one_port, tls]:
        part()
        print(f"{part.__name__}: {part.__doc__}")
finally:
    for server in servers:
        server.kill()

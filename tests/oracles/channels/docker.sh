#!/usr/bin/env bash
# Judges an image: skopeo reads the OCI layout, its index and the config of each platform; python compares the digests of all
# blobs and layers.
# usage: tests/oracles/channels/docker.sh FOLDER    (needs skopeo and python3)
set -euo pipefail
folder=$(realpath "$1")

skopeo inspect --raw "oci:$folder" > /dev/null
python3 - "$folder" << 'PYTHON'
import gzip, hashlib, io, json, pathlib, subprocess, sys, tarfile

folder = pathlib.Path(sys.argv[1])
used = set()


def refuse(why):
    sys.exit(f"docker: {folder}: {why}")


def blob(descriptor):
    digest = descriptor["digest"].removeprefix("sha256:")
    data = (folder / "blobs/sha256" / digest).read_bytes()
    if hashlib.sha256(data).hexdigest() != digest or len(data) != descriptor["size"]:
        refuse(f"the blob {digest} has other bytes than its descriptor says")
    used.add(digest)
    return data


if json.loads((folder / "oci-layout").read_text()) != {"imageLayoutVersion": "1.0.0"}:
    refuse("oci-layout is another version")
index = json.loads((folder / "index.json").read_text())
if len(index["manifests"]) != 1:
    refuse("index.json has not one descriptor")
images = json.loads(blob(index["manifests"][0]))
if images["mediaType"] != index["manifests"][0]["mediaType"] or not images["manifests"]:
    refuse("the descriptor is no index with manifests")
for descriptor in images["manifests"]:
    platform = descriptor["platform"]
    manifest = json.loads(blob(descriptor))
    config = json.loads(blob(manifest["config"]))
    for key in ("os", "architecture"):
        if platform[key] != config[key]:
            refuse(f"{platform}: the config says {config[key]}")
    diff_ids = []
    for layer in manifest["layers"]:
        data = blob(layer)
        if not layer["mediaType"].endswith("gzip"):
            diff_ids.append(None)
            continue
        tar = gzip.decompress(data)
        diff_ids.append("sha256:" + hashlib.sha256(tar).hexdigest())
    stated = config["rootfs"]["diff_ids"]
    if len(stated) != len(diff_ids) or any(d not in (None, s) for d, s in zip(diff_ids, stated)):
        refuse(f"{platform}: diff_ids are not those of the layers")
    members = tarfile.open(fileobj=io.BytesIO(tar)).getmembers()
    names = [member.name for member in members]
    if names != sorted(names) or any(m.uid or m.gid or m.mode not in (0o644, 0o755) for m in members):
        refuse(f"{platform}: the layer's entries are not sorted, or not root's")
    entrypoint = config["config"]["Entrypoint"]
    if entrypoint[0].lstrip("/") not in names:
        refuse(f"{platform}: there is no {entrypoint[0]}")
    if not any(text.startswith("PATH=") for text in config["config"]["Env"]):
        refuse(f"{platform}: PATH is not set")
    if "org.opencontainers.image.version" not in config["config"]["Labels"]:
        refuse(f"{platform}: there is no label with the version")
    history = [entry for entry in config["history"] if not entry.get("empty_layer")]
    if len(history) != len(diff_ids):
        refuse(f"{platform}: the history does not have an entry for each layer")
    variant = ["--override-variant", platform["variant"]] if "variant" in platform else []
    command = ["skopeo", "--override-os", "linux", "--override-arch", platform["architecture"], *variant]
    seen = subprocess.run([*command, "inspect", "--config", f"oci:{folder}"], check=True, stdout=subprocess.PIPE)
    if json.loads(seen.stdout)["architecture"] != platform["architecture"]:
        refuse(f"{platform}: skopeo reads another platform")
unused = {path.name for path in (folder / "blobs/sha256").iterdir()} - used
if unused:
    refuse(f"no manifest has the blobs {unused}")
PYTHON

"""Compares the index of a repository that larder has written with that of the package manager's own program.
usage: repositories.py apt THEIRS OURS       (two files `Packages`)
       repositories.py yum THEIRS OURS       (two folders with `repodata`)"""

import gzip
import hashlib
import sys
import xml.etree.ElementTree as tree
from pathlib import Path


def stanzas(path):
    found = {}
    for text in Path(path).read_text().strip().split("\n\n"):
        fields, name = {}, None
        for line in text.splitlines():
            if line.startswith(" "):
                fields[name] += "\n" + line
            else:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        found[fields["Filename"]] = {key: value for key, value in fields.items() if key not in ("MD5sum", "SHA1")}
    return found


def plain(element):
    """An element as a value that can be compared."""
    tag = element.tag.rsplit("}")[-1]
    attributes = dict(element.attrib)
    if tag == "time":
        # The time of the file on this machine.
        attributes.pop("file")
    children = [plain(child) for child in element]
    if tag in ("provides", "requires", "conflicts"):
        children.sort(key=repr)
    return tag, attributes, (element.text or "").strip(), children


def packages(folder):
    folder = Path(folder)
    found = {}
    for data in tree.parse(folder / "repodata/repomd.xml").getroot():
        kind = data.get("type")
        if kind not in ("primary", "filelists", "other"):
            continue
        values = {child.tag.rsplit("}")[-1]: child for child in data}
        path = folder / values["location"].get("href")
        raw = path.read_bytes()
        text = gzip.decompress(raw)
        assert hashlib.sha256(raw).hexdigest() == values["checksum"].text, path
        assert hashlib.sha256(text).hexdigest() == values["open-checksum"].text, path
        assert (len(raw), len(text)) == (int(values["size"].text), int(values["open-size"].text)), path
        root = tree.fromstring(text)
        assert int(root.get("packages")) == len(root), path
        found[kind] = sorted((plain(package) for package in root), key=repr)
    assert sorted(found) == ["filelists", "other", "primary"], found.keys()
    return found


kind, theirs, ours = sys.argv[1:]
read = {"apt": stanzas, "yum": packages}[kind]
theirs, ours = read(theirs), read(ours)
assert theirs, "they list nothing"
if theirs != ours:
    for key in sorted(set(theirs) | set(ours)):
        if theirs.get(key) != ours.get(key):
            print(f"{key}\n  theirs: {theirs.get(key)}\n  ours:   {ours.get(key)}")
    sys.exit(1)

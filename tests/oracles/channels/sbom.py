#!/usr/bin/env python3
"""Judges SBOMs: CycloneDX's own validator reads them, every reference leads somewhere, and package urls can be parsed.

usage: sbom.py FILE...    (needs cyclonedx-python-lib[json-validation])
"""

import json
import sys
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def components(of):
    """A component and all that are in it."""
    yield of
    for inner in of.get("components", []):
        yield from components(inner)


def faults(text):
    """What is wrong with a document."""
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        yield f"the schema of CycloneDX 1.6 does not allow it: {error.data.message} at {error.data.json_path}"
        return
    bom = json.loads(text)
    if bom["specVersion"] != "1.6":
        yield f"it has version {bom['specVersion']} of the format"
    try:
        Bom.from_json(bom)
    except Exception as why:  # whatever the library says
        yield f"the library can't read it: {why!r}"
    all_of_them = [*components(bom["metadata"]["component"])]
    for component in bom["components"]:
        all_of_them += components(component)
    known = [component.get("bom-ref") for component in all_of_them]
    if None in known:
        yield "a component has no bom-ref"
    for reference in {reference for reference in known if known.count(reference) > 1}:
        yield f"two components have the bom-ref {reference}"
    for edges in bom["dependencies"]:
        for reference in [edges["ref"], *edges.get("dependsOn", [])]:
            if reference not in known:
                yield f"an edge names {reference}, which is no component"
    for component in all_of_them:
        purl = component.get("purl")
        if purl is None:
            continue
        try:
            parsed = PackageURL.from_string(purl)
        except ValueError as why:
            yield f"{purl} is no package url: {why}"
            continue
        if parsed.version != component.get("version"):
            yield f"{purl} is of another version than {component.get('version')}"


def main(files):
    if not files:
        sys.exit(__doc__)
    wrong = [f"{file}: {fault}" for file in files for fault in faults(Path(file).read_text(encoding="utf-8"))]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(sys.argv[1:])

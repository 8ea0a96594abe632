#!/usr/bin/env python3
"""Judges provenance: each line must be an in-toto statement, and its predicate SLSA v1, as the definitions of both say.

usage: provenance.py FILE...    (needs in-toto-attestation)
"""

import json
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import resource_descriptor_pb2, statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement


def faults(line):
    """What is wrong with a statement."""
    try:
        statement = json_format.Parse(line, statement_pb2.Statement())
        Statement.copy_from_pb(statement).validate()
    except (json_format.ParseError, ValueError) as why:
        yield f"it is no statement of in-toto: {why}"
        return
    if statement.predicate_type != "https://slsa.dev/provenance/v1":
        yield f"its predicate is {statement.predicate_type}"
    for subject in statement.subject:
        if not re.fullmatch("[0-9a-f]{64}", subject.digest.get("sha256", "")):
            yield f"its subject {subject.name} has no sha256"
    predicate = json.loads(line)["predicate"]
    try:
        provenance = json_format.ParseDict(predicate, provenance_pb2.Provenance())
    except json_format.ParseError as why:
        yield f"its predicate is not SLSA v1: {why}"
        return
    definition, run = provenance.build_definition, provenance.run_details
    for what, uri in [("buildType", definition.build_type), ("builder.id", run.builder.id)]:
        if not urlsplit(uri).scheme:
            yield f"its {what} `{uri}` is no uri"
    if not definition.external_parameters.fields:
        yield "it has no external parameters"
    for descriptor in [*definition.resolved_dependencies, *run.byproducts]:
        copy = resource_descriptor_pb2.ResourceDescriptor()
        copy.CopyFrom(descriptor)
        try:
            ResourceDescriptor.copy_from_pb(copy).validate()
        except ValueError as why:
            yield f"it has an invalid descriptor: {why}"
        if not (copy.uri or copy.digest or copy.content):
            yield f"its descriptor `{copy.name}` has neither uri nor digest nor content"


def main(files):
    if not files:
        sys.exit(__doc__)
    wrong = []
    for file in files:
        lines = Path(file).read_text(encoding="utf-8").split("\n")
        if lines.pop() != "" or not lines:
            wrong.append(f"{file}: it does not consist of whole lines")
        for number, line in enumerate(lines, 1):
            wrong += [f"{file}:{number}: {fault}" for fault in faults(line)]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(sys.argv[1:])

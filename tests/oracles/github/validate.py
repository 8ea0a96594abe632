"""Holds every answer that the fake GitHub gave in a test run, and every request it got, against GitHub's own OpenAPI
description: validate.py DESCRIPTION.json FOLDER-OF-LOGS

A log is what `LARDER_FAKE_GITHUB_LOG` makes the fake write: one JSON object a line.
"""

import collections
import json
import pathlib
import re
import sys

import jsonschema
import requests
import schemathesis
from schemathesis.core.transport import Response

RELEASES = "/repos/{owner}/{repo}"
# Answers that GitHub really gives although its description omits them.
UNDESCRIBED = {
    # Any endpoint can answer so: bad token, missing permission, rate limit, missing length, 304.
    None: {304, 400, 401, 403, 404, 409, 422, 429},
}


def main(description, folder):
    full = json.loads(pathlib.Path(description).read_text())
    # Only the paths of what larder uses: preparing all of them takes long.
    used = tuple(RELEASES + part for part in ("/releases", "/immutable", "/git/", "/contents/", "/pulls", "/forks", "/merge-upstream"))
    wanted = {path: item for path, item in full["paths"].items() if path in (RELEASES, "/user") or path.startswith(used)}
    trimmed = {**full, "paths": wanted}
    trimmed.pop("webhooks", None)
    trimmed.pop("x-webhooks", None)
    schema = schemathesis.openapi.from_dict(trimmed)
    # The names of branches and the paths of files have slashes.
    segment = lambda name: ".+" if name[1] in ("ref", "path") else "[^/]+"
    patterns = [(re.compile("^" + re.sub(r"\{(\w+)\}", segment, path) + "$"), path) for path in wanted]
    # Literal paths come first: /releases/latest does not match /releases/{release_id}.
    patterns.sort(key=lambda pair: pair[1].count("{"))
    checked, passed_over, wrong = collections.Counter(), collections.Counter(), []
    seen = set()
    for log in sorted(pathlib.Path(folder).glob("*.jsonl")):
        for line in filter(None, log.read_text().splitlines()):
            entry = json.loads(line)
            path, _, query = entry["target"].partition("?")
            if path.endswith("/graphql") or not (path.startswith("/repos/") or path == "/user"):
                continue
            method = entry["method"]
            template = next((t for p, t in patterns if p.match(path) and method.lower() in wanted[t]), None)
            if template is None:
                wrong.append(f"{method} {path}: GitHub has no such endpoint")
                continue
            operation = wanted[template][method.lower()]
            problems = check_request(full, operation, entry, query)
            status = str(entry["status"])
            if status not in operation["responses"]:
                if entry["status"] in UNDESCRIBED[None]:
                    passed_over[f"{method} {template} {status}"] += 1
                    problems += check_error(full, entry)
                else:
                    problems.append(f"status {status} is not described")
            else:
                # There are thousands of similar answers: each distinct body is checked once.
                key = (template, method, status, entry["body"])
                if key not in seen:
                    seen.add(key)
                    problems += check_answer(schema, template, method, entry, path)
                checked[f"{method} {template} {status}"] += 1
            wrong += [f"{method} {path} -> {status}: {problem}" for problem in problems]
    for what, count in sorted(checked.items()):
        print(f"{count:6} {what}")
    for what, count in sorted(passed_over.items()):
        print(f"{count:6} {what}  (errors that can meet any endpoint)")
    if not checked:
        wrong.append(f"no answers in {folder}")
    for problem in wrong[:40]:
        print("WRONG", problem)
    print(f"{sum(checked.values())} answers as described, {len(wrong)} problems")
    return 1 if wrong else 0


def check_answer(schema, template, method, entry, path):
    kind = entry["headers"].get("content-type", "")
    if kind == "application/octet-stream" or "vnd.github.raw" in kind:
        return []  # the bytes of an asset or a file, requested by Accept; described in prose only
    body = entry["body"]
    # A broken upload has the state `starter` in GitHub's documentation and answers, but not in its
    # description.
    if body:
        body = body.replace('"state":"starter"', '"state":"open"')
    request = requests.Request(method, "http://fake" + path).prepare()
    headers = {name: [value] for name, value in entry["headers"].items()}
    response = Response(entry["status"], headers, (body or "").encode(), request, elapsed=0.0, verify=False)
    try:
        schema[template][method].validate_response(response)
    except BaseException as failure:  # schemathesis raises groups
        return [str(part).strip()[:500] for part in getattr(failure, "exceptions", [failure])]
    return []


def check_error(full, entry):
    if entry["status"] == 304 or not entry["body"]:
        return []
    body = json.loads(entry["body"])
    return [] if "message" in body and "documentation_url" in body else ["an error without message and documentation_url"]


def check_request(full, operation, entry, query):
    problems = []
    names = {p["name"] for p in map(lambda p: resolve(full, p), operation.get("parameters", [])) if p["in"] == "query"}
    for pair in filter(None, query.split("&")):
        if pair.split("=")[0] not in names:
            problems.append(f"we ask with `{pair}`, which is not described")
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content and entry["sent"]:
        validator = jsonschema.Draft202012Validator(content["schema"], resolver=jsonschema.RefResolver.from_schema(full))
        sent = json.loads(entry["sent"])
        for part in sent.get("tree", []) if isinstance(sent.get("tree"), list) else []:
            # "If the value is null then the file will be deleted", says the description's prose.
            if part.get("sha", "") is None:
                del part["sha"]
        problems += [f"we send: {e.message}" for e in validator.iter_errors(sent)]
        unknown = set(json.loads(entry["sent"])) - set(content["schema"].get("properties", {}))
        problems += [f"we send `{name}`, which is not described" for name in unknown]
    return problems


def resolve(full, part):
    while "$ref" in part:
        name = part["$ref"].removeprefix("#/").split("/")
        part = full
        for step in name:
            part = part[step]
    return part


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

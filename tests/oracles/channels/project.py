#!/usr/bin/env python3
"""Writes the larder project whose channels are judged, with programs for six platforms.

usage: project.py DIR BUILT [--plain] [--large MB]

DIR is the project, and BUILT a folder that keeps the compiled programs. With --plain there is no `publish:`. With --large there is one case instead of all, whose Linux binary has this size. The cases, and what each channel makes of them, are in cases.py.
"""
import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
import cases  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
TARGETS = {
    "linux-amd64": ["x86_64-linux-none", "-nostdlib", "-static"],
    "linux-arm64": ["aarch64-linux-none", "-nostdlib", "-static"],
    "darwin-amd64": ["x86_64-macos"],
    "darwin-arm64": ["aarch64-macos"],
    "windows-amd64": ["x86_64-windows-gnu", "-nostdlib", "-Wl,--entry=entry", "-lkernel32"],
    "windows-arm64": ["aarch64-windows-gnu", "-nostdlib", "-Wl,--entry=entry", "-lkernel32"],
}
FLAGS = ["-Os", "-s", "-ffreestanding", "-fno-builtin", "-fno-sanitize=all", "-fno-stack-protector"]
LICENSE = "MIT License\n\nCopyright (c) 2024 Acme\n\nPermission is hereby granted, free of charge, to any person.\n"


def compiled(built, platform, version, name):
    """The program of a platform that prints this version; compiled once. Two programs of a case have other bytes."""
    file = built / f"{name}-{platform}-{version}"
    if not file.exists():
        built.mkdir(parents=True, exist_ok=True)
        cache = str(built / "zig")
        target, *linked = TARGETS[platform]
        subprocess.run(
            [sys.executable, "-m", "ziglang", "cc", "-target", target, *FLAGS, f'-DVERSION="{version}"',
             f'-DNAME="{name}"', str(HERE / "program.c"), "-o", f"{file}.part", *linked],
            check=True, env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache})
        os.rename(f"{file}.part", file)
    return file.read_bytes()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def write(path, content, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)


def included(folder, case):
    """Files beside the binaries: a licence, a readme, and for each binary a page of the manual and completions."""
    files = {"LICENSE": LICENSE, "README.md": f"# {case.name}\n\nA program for judging packages.\n"}
    for binary in case.binaries:
        files |= {
            f"man/{binary}.1": f'.TH {binary.upper()} 1 2024-05-06\n.SH NAME\n{binary} \\- prints its arguments\n'
            f".SH SYNOPSIS\n.B {binary}\n[\\-\\-version]\n.SH DESCRIPTION\nPrints its arguments, one a line.\n",
            f"completions/{binary}.bash": f"complete -W --version {binary}\n",
            f"completions/_{binary}": f"#compdef {binary}\n_arguments '--version[print the version]'\n",
            f"completions/{binary}.fish": f"complete -c {binary} -l version\n",
        }
    for path, text in files.items():
        write(folder / path, text)
    return sorted(files)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("project", type=pathlib.Path)
    parser.add_argument("built", type=pathlib.Path)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--large", type=int, default=0)
    args = parser.parse_args()
    project, built = args.project, args.built.resolve()
    judged = [cases.LARGE] if args.large else cases.CASES
    versions = {
        "project": "judged",
        "versions": {case.name: case.version for case in judged},
        "platforms": sorted(TARGETS),
        "hub": {"dir": "hub"},
        "sources": ["build"],
    }
    if not args.plain:
        versions["publish"] = {**cases.PUBLISH, "url": cases.URL}
    write(project / "versions.yml", json.dumps(versions, indent=2, ensure_ascii=False))
    write(project / ".gitignore", ".larder/\n.dist/\n.bin/\nhub/\nout/\n")
    for case in judged:
        folder = project / "subsystems" / case.name
        for platform in case.platforms:
            exe = ".exe" if platform.startswith("windows") else ""
            for number, binary in enumerate(case.binaries):
                program = compiled(built, platform, case.version.removeprefix("v"), f"program{number}")
                file = folder / "prebuilt" / platform / (binary + exe)
                write(file, program, 0o755)
                if args.large and platform == "linux-amd64":
                    with file.open("ab") as large:
                        for _ in range(args.large):
                            large.write(os.urandom(1000 * 1000))
        recipe = {
            "description": case.description,
            "homepage": case.homepage,
            "license": case.license,
            "binaries": case.binaries,
            "platforms": case.platforms,
            "build": {
                "source": {"dir": "prebuilt"},
                "platforms": "all",
                "commands": [f"cp {{{{ platform }}}}/{binary}{{{{ exe }}}} {{{{ out }}}}/" for binary in case.binaries],
            },
            "package": {"include": included(folder / "prebuilt", case)},
            "verify": f"{case.binaries[0]} --version",
        }
        if not args.plain:
            recipe["publish"] = case.publish
            if case.name in cases.INSTALLED:
                recipe["publish"]["url"] = f"http://127.0.0.1:{free_port()}/{{{{ tag }}}}/{{{{ asset }}}}"
        for path, text in case.files.items():
            write(folder / path, text)
        write(folder / "recipe.yml", json.dumps(recipe, indent=2, ensure_ascii=False))
    git = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
           "GIT_AUTHOR_DATE": "2024-05-06T07:08:09Z", "GIT_COMMITTER_DATE": "2024-05-06T07:08:09Z"}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@acme.example"]
    for words in (["init", "--quiet", "-b", "main"], ["add", "--all"],
                  [*who, "commit", "--quiet", "-m", "feat: programs to judge packages with (#1)"]):
        subprocess.run(["git", *words], cwd=project, env=git, check=True)


main()

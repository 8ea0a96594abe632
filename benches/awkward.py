#!/usr/bin/env python3
"""Ten awkward releases, and what larder, mise, aqua, eget and ubi do with each: the table of docs/comparison.md.

The releases belong to an invented owner and are served on 127.0.0.1 (benches/publisher.py); every program in them knows which asset it
comes from. Each tool gets only the name of the repository, as a person would type it first: `larder add`, `mise use github:…`, `eget`,
`ubi`, and for aqua a definition of the package as `aqua generate-registry` writes it. Where aqua then misses the program in an archive, the
definition gets the line that says where it is, as its maintainers would write it. A tool that can be told a platform installs for Linux,
macOS on Apple silicon, and Windows. The table says which file was installed, whatever the tool itself reports.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common
from publisher import Publisher, served
from releases import CASES, GREETING, OUTSIDE, OWNER, PAGE, PLATFORMS, TAG, marked, page, replaced

PEERS = ("mise", "aqua", "eget", "ubi")


class Machine:
    """An empty home folder in which tools run. `files` are what a project would have committed."""

    def __init__(self, base, env, files=None):
        self.root = Path(tempfile.mkdtemp(dir=base, prefix="machine-"))
        # Paths that lead outside of a tool's folders stay in here.
        self.home = self.root / "a/b/c/home"
        self.work = self.root / "a/b/c/work"
        self.home.mkdir(parents=True)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.root), "LANG": "C.UTF-8", "NO_COLOR": "1", **env}
        shutil.copytree(files, self.work) if files else self.work.mkdir()
        self.said, self.edited = "", False

    def run(self, *command, timeout=120, **env):
        """Runs a command in the project's folder. Returns whether it succeeded, and what it printed to stdout."""
        try:
            done = subprocess.run([str(word) for word in command], cwd=self.work, env={**self.env, **env}, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
        except subprocess.TimeoutExpired:
            self.said += "\nit did not end\n"
            return False, ""
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        self.said += f"$ {' '.join(map(str, command))}\n{out}{err}"
        return done.returncode == 0, out

    def outside(self):
        return any(self.root.rglob(OUTSIDE))


class Tool:
    """How a tool is run. `install` returns whether the tool says that it installed, and the files that its user would start."""

    platforms = tuple(PLATFORMS)
    # The command that installs what the project's files name, if it has such files.
    command = None
    # Whether it has a lock that is off by default, and whether it starts programs through links of its own, whatever their files are called.
    optional_lock = links = False

    def __init__(self, path, publisher_url):
        self.path, self.url = path, publisher_url

    def env(self):
        return {}

    def kept(self, machine, files):
        """What a project would commit, for a second machine."""
        shutil.copytree(machine.work, files, ignore=shutil.ignore_patterns(".bin", ".larder", "bin"), symlinks=True)


def exe(name, platform):
    return name + ".exe" * platform.startswith("windows")


class Larder(Tool):
    command = ("ensure", "all")

    def env(self):
        return {"LARDER_UPSTREAM_GITHUB": self.url, "GITHUB_SERVER_URL": self.url, "GITHUB_API_URL": f"{self.url}/api", "HTTPS_PROXY": "", "https_proxy": ""}

    def install(self, machine, name, platform, edit=None):
        if not (machine.work / "versions.yml").exists():
            machine.work.joinpath("versions.yml").write_text(f"platforms: [{', '.join(PLATFORMS)}]\nversions: {{}}\n")
            if not machine.run(self.path, "add", name, f"github:{OWNER}/{name}")[0]:
                return False, []
        if edit:
            recipe = machine.work / "subsystems" / name / "recipe.yml"
            text = re.sub(r"(?m)^platforms: .*\n", "", recipe.read_text())
            recipe.write_text(text.replace("\nupstream:\n", f"\nupstream:\n  {edit}\n"))
        done, _ = machine.run(self.path, "ensure", name, "--platform", platform)
        folder = machine.work / "subsystems" / name / ".bin"
        folder = folder if platform == common.HOST else folder / ".p" / platform
        return done, [path for path in (folder / exe(name, platform), *sorted(folder.glob("*"))) if path.is_file()]


class Mise(Tool):
    command, optional_lock = ("install",), True

    def env(self):
        return {"MISE_YES": "1", "MISE_USE_VERSIONS_HOST": "0", "MISE_TRUSTED_CONFIG_PATHS": "/"}

    def install(self, machine, name, platform, lock=True):
        system, arch = platform.split("-")
        env = {"MISE_OS": {"darwin": "macos"}.get(system, system), "MISE_ARCH": {"amd64": "x64"}.get(arch, arch)} if platform != common.HOST else {}
        config = machine.work / "mise.toml"
        fresh = not config.exists()
        if fresh:
            config.write_text("[settings]\nlockfile = true\n" if lock else "")
        command = ["use", "--pin", "--path", "mise.toml", f"github:{OWNER}/{name}"] if fresh else ["install"]
        done, _ = machine.run(self.path, *command, **env)
        folders = [Path(line) for line in machine.run(self.path, "bin-paths", **env)[1].splitlines() if line.startswith("/")]
        found = [path for folder in folders for path in (folder / exe(name, platform), *sorted(folder.glob("*"))) if path.is_file()]
        return done, found


class Aqua(Tool):
    command = ("install",)
    optional_lock = links = True

    def env(self):
        return {"AQUA_DISABLE_POLICY": "true", "AQUA_LOG_COLOR": "never"}

    def install(self, machine, name, platform, lock=True):
        system, arch = platform.split("-")
        env = {"AQUA_GOOS": system, "AQUA_GOARCH": arch}
        registry = machine.work / "registry.yaml"
        if not registry.exists():
            done, definition = machine.run(self.path, "generate-registry", f"{OWNER}/{name}")
            if not done:
                return False, []
            registry.write_text(definition)
            machine.work.joinpath("aqua.yaml").write_text(
                (f"checksum:\n  enabled: true\n" if lock else "") + "registries:\n- name: local\n  type: local\n  path: registry.yaml\n"
                f"packages:\n- name: {OWNER}/{name}@{TAG}\n  registry: local\n")
        done, _ = machine.run(self.path, "install", **env)
        # Links on PATH lead to a program of aqua's own, which it downloads first. It is not looked at here, so it counts as there.
        if not done and (proxy := re.search(r"package_name=aqua-proxy package_version=(\S+)", machine.said)):
            folder = f".local/share/aquaproj-aqua/internal/pkgs/github_release/github.com/aquaproj/aqua-proxy/{proxy[1]}/aqua-proxy_{system}_{arch}.tar.gz"
            (machine.home / folder).mkdir(parents=True)
            machine.said = registry.read_text()
            done, _ = machine.run(self.path, "install", **env)
        # What the maintainers of a registry would do: say where in the archive the program is, as aqua itself lists it.
        listed = re.search(rf"executable files aren't found\n(?:.*\n)*?(\S+/{name}(?:\.exe)?)\n", machine.said)
        if not done and listed:
            source = re.sub(r"[^/]*-(?:linux|darwin|windows)-[^/]*|prism-[^/]*", "{{.AssetWithoutExt}}", listed[1], count=1).removesuffix(".exe")
            registry.write_text(registry.read_text() + f"    files:\n      - name: {name}\n        src: '{source}'\n")
            machine.edited = True
            done, _ = machine.run(self.path, "install", **env)
        there, path = machine.run(self.path, "which", name, **env) if done else (False, "")
        return done, [Path(path.strip())] if there and Path(path.strip()).is_file() else []


class Eget(Tool):
    def install(self, machine, name, platform):
        folder = machine.work / "bin"
        folder.mkdir(exist_ok=True)
        done, _ = machine.run(self.path, f"{OWNER}/{name}", "--to", folder, "--system", platform.replace("-", "/"))
        return done, sorted(path for path in folder.glob("*") if path.is_file())


class Ubi(Tool):
    platforms = ("linux-amd64",)

    def install(self, machine, name, platform):
        folder = machine.work / "bin"
        done, _ = machine.run(self.path, "--project", f"{OWNER}/{name}", "--in", folder, "--api-base-url", f"{self.url}/api")
        return done, sorted(path for path in folder.glob("*") if path.is_file())


TOOLS = {"larder": Larder, "mise": Mise, "aqua": Aqua, "eget": Eget, "ubi": Ubi}


def message(said):
    """The line of an output that says what went wrong."""
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).strip() for line in said.splitlines() if not line.startswith("$ ")]
    for word in ("error", "ERR", "select manually", "mismatch", "not", "no "):
        for line in lines:
            if re.search(rf"(?<![a-z]){word}", line):
                return line[:300]
    return lines[-1][:300] if lines else ""


def judge(case, platform, machine, done, files, links):
    """What was installed for a platform: a word of the table, and what explains it."""
    said = machine.said
    if "select manually" in said:
        return "asks", message(said)
    if not done:
        return "refuses", message(said)
    if not files:
        if not re.search(r"is only for|isn't supported|not supported", said):
            return "installs nothing, silently", message(said)
        return "finds none" if case.right[platform] else "says that there is none", message(said)
    path = files[0]
    data = path.read_bytes()
    if b"<html" in data:
        return "**installs the page**", ""
    mark = re.search(rb"<([^|<>]+)\|([^|<>]+)>", data)
    if not mark:
        return f"**installs another file**, `{path.name}`", ""
    asset, name = (text.decode() for text in mark.groups())
    if asset not in case.right[platform] or name != case.name:
        return ("**installs it**", "") if not case.right[platform] and case.name in ("flint", "gate") else (f"**wrong file**, `{asset}`", "")
    named = "" if links or path.name in (case.name, f"{case.name}.exe") else f", named `{path.name}`"
    if case.tree and not beside(path, platform):
        return "**program without its folder**" + named, ""
    if platform in case.told:
        return ("right, told" if re.search(r"emulat|rosetta", said, re.I) else "right, untold") + named, ""
    return "right" + named, ""


def beside(path, platform):
    """Whether the program finds the folder beside it."""
    if platform.startswith("windows"):
        return (path.resolve().parent.parent / "share/canopy/greeting").is_file()
    done = subprocess.run([str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return done.stdout == GREETING


class Bench:
    def __init__(self, base, publisher, env, tools):
        self.base, self.publisher, self.env, self.tools = base, publisher, env, tools

    def machine(self, tool, files=None):
        return Machine(self.base, {**self.env, **tool.env()}, files)

    def publish(self, case, answer=PAGE):
        """Publishes a release. `answer` comes in place of its assets, if the case says so."""
        self.publisher.repositories[case.name] = case.assets
        if case.page:
            self.publisher.pages.update({(case.name, asset): answer for asset in case.assets if asset != "checksums.txt"})

    def install(self, case, tool, platform, files=None, **options):
        """Lets a tool install for a platform. Returns what it did, what explains it, and the machine."""
        machine = self.machine(tool, files)
        done, found = tool.install(machine, case.name, platform, **options)
        text, why = judge(case, platform, machine, done, found, tool.links)
        if case.name == "fjord":
            text = "**writes outside**" if machine.outside() else text.replace("right", "installs the program, writes nothing outside")
        return text, {"why": why, "output": machine.said, "edited": machine.edited}, machine

    def cell(self, case, tool):
        """What a tool does with a release: a text for all platforms, and what it printed for each."""
        texts, notes = {}, {}
        self.publisher.asked.clear()
        for platform in tool.platforms:
            texts[platform], notes[platform], _ = self.install(case, tool, platform)
        text = together(texts)
        if case.odd and any(word in text for word in ("right", "wrong file")):
            text += "; sums read" if any(case.odd in path for _, path in self.publisher.asked) else "; sums not read"
        others = {}
        if case.name in ("gate", "flint"):
            self.publisher.states_digests = False
            others["if GitHub states no digest"] = self.install(case, tool, common.HOST)[0]
            self.publisher.states_digests = True
        if case.name == "gate":
            self.publish(case, marked(common.HOST, f"gate-{common.HOST}", "gate") + b"altered on the way")
            others["if it answers with an altered program"] = self.install(case, tool, common.HOST)[0]
            self.publish(page(with_sums=True))
            others["with `checksums.txt`"] = self.install(case, tool, common.HOST)[0]
            self.publish(case)
        if case.name == "flint" and tool.optional_lock:
            others["by default"] = self.install(case, tool, common.HOST, lock=False)[0]
        if isinstance(tool, Larder) and case.edit:
            platform, edit = case.edit
            edited = self.install(case, tool, platform, edit=edit)[0]
            if edited.startswith("right"):
                others[f"with `{edit}` in its recipe"] = f"{PLATFORMS[platform]}: {edited}"
        edits = any(note["edited"] for note in notes.values())
        return "after an edit: " * edits + but(text, others), notes

    def second(self, tool, **options):
        """What a second machine does after the asset was replaced."""
        case = replaced()
        self.publish(case)
        text, note, first = self.install(case, tool, common.HOST, **options)
        if text != "right":
            return f"the first install: {text}", {"first": note}
        kept = self.base / f"kept-{time.monotonic_ns()}"
        tool.kept(first, kept)
        self.publish(replaced("replaced"))
        text, again, _ = self.install(case, tool, common.HOST, kept, **options)
        text = "**installs the new bytes**" if text == "right" else text
        return ("after an edit: " * note["edited"]) + text, {"second": again}

    def drift(self, tool):
        text, notes = self.second(tool)
        return but(text, {"by default": self.second(tool, lock=False)[0]} if tool.optional_lock else {}), notes

    def again(self, runs):
        """The milliseconds that tools with a project take when its one program is installed already."""
        case = replaced()
        self.publish(case)
        machines = {}
        for name, tool in self.tools.items():
            text, _, machine = self.install(case, tool, common.HOST)
            if tool.command and text == "right":
                machines[name] = machine
        commands = {name: [self.tools[name].path, *self.tools[name].command] for name in machines}
        measured = common.interleaved(commands, runs, lambda name, command: common.run(command, machines[name].work, machines[name].env) * 1000)
        return {name: statistics.median(values) for name, values in measured.items()}

    def rows(self):
        for make in CASES:
            case = make()
            self.publish(case)
            yield case, {name: self.drift(tool) if case.name == "drift" else self.cell(case, tool) for name, tool in self.tools.items()}


def together(texts):
    """One text for all platforms: those with the same outcome share it."""
    groups = {}
    for platform, text in texts.items():
        groups.setdefault(text, []).append(PLATFORMS[platform])
    if len(groups) == 1:
        return next(iter(groups))
    return "; ".join(f"{' and '.join(names)}: {text}" for text, names in groups.items())


def but(text, others):
    """A text, and what is different under other conditions."""
    short = {condition: other.removeprefix("after an edit: ") for condition, other in others.items()}
    return "; ".join([text, *(f"{condition}: {other}" for condition, other in short.items() if other != text.removeprefix("after an edit: "))])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--larder", default=str(common.REPO / "target/release/larder"))
    parser.add_argument("--json", action="store_true", help="print all that the tools said, too")
    parser.add_argument("--into", metavar="PAGE", type=Path, help="replace the table of a page, such as docs/comparison.md")
    parser.add_argument("--messages", action="store_true", help="print below the table why a tool refused")
    parser.add_argument("--again", metavar="RUNS", type=int, default=0, help="also measure how long it takes to find that nothing is to be done")
    for peer in PEERS:
        parser.add_argument(f"--{peer}", metavar="PATH", help=f"default: {peer} on PATH")
    args = common.parse(parser)
    paths = {"larder": args.larder, **common.find_peers(args, PEERS)}
    publisher = Publisher(OWNER, TAG)
    with tempfile.TemporaryDirectory(prefix="larder-awkward-") as folder:
        base = Path(folder)
        with served(publisher, base) as (url, env):
            tools = {name: TOOLS[name](path, url) for name, path in paths.items()}
            bench = Bench(base, publisher, env, tools)
            rows = list(bench.rows())
            again = bench.again(args.again) if args.again else {}
    versions = {name: common.first_line([path, "--version"]) for name, path in paths.items()}
    if args.json:
        print(json.dumps({"versions": versions, "rows": {case.name: cells for case, cells in rows}, "again": again, "unreached": sorted(publisher.refused)}, indent=1))
        return
    print(time.strftime("%Y-%m-%d: ", time.gmtime()) + "; ".join(f"{name}: {version}" for name, version in versions.items()) + "\n")
    heads = [name + (" (Linux only)" if len(tools[name].platforms) == 1 else "") for name in paths]
    shown = table(["release", *heads], [[case.about, *(cells[name][0] for name in paths)] for case, cells in rows])
    print(shown)
    if args.into:
        args.into.write_text(re.sub(r"(?m)^\| release \|.*(?:\n\|.*)*", lambda _: shown, args.into.read_text(), count=1))
    if again:
        print(f"\nNothing to do, one program: {', '.join(f'{name} {common.figure(value)} ms' for name, value in again.items())}")
    if args.messages:
        for case, cells in rows:
            for name, (_, notes) in cells.items():
                for where, note in notes.items():
                    if note["why"]:
                        print(f"\n- {case.name}, {name}, {where}: {note['why']}")


def table(heads, lines):
    """A table of Markdown, all of whose columns are text."""
    rows = ["| " + " | ".join(row) + " |" for row in (heads, *lines)]
    return "\n".join([rows[0], "|---" * len(heads) + "|", *rows[1:]])


if __name__ == "__main__":
    sys.exit(main())

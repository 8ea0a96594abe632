"""The ten awkward releases of benches/awkward.py, and what is right for each platform.

The owner and the programs are invented; the names of the assets follow those that real publishers chose.
"""
import re

from publisher import program, sums, tar, zipped

PLATFORMS = {"linux-amd64": "Linux", "darwin-arm64": "macOS", "windows-amd64": "Windows"}
OWNER, TAG = "acme", "v1.2.0"
PAGE = b"<!doctype html><html><title>Sign in</title><body>The network wants you to sign in.</body></html>\n"
GREETING = b"hello from the folder beside\n"
OUTSIDE = "written-outside"


def marked(platform, asset, name):
    """A program that knows its asset and its name."""
    return program(platform, f"<{asset}|{name}>\n")


class Case:
    """A release: its assets, which of them are right for each platform (none: there is nothing to install), and what is special. `edit` is a line that
    a recipe of larder can have, and the platform for which it is tried."""

    def __init__(self, name, about, assets, right, page=False, tree=False, told=(), odd=None, edit=None):
        self.name, self.about, self.assets, self.right = name, about, assets, right
        self.page, self.tree, self.told, self.odd, self.edit = page, tree, told, odd, edit


def plain(name, platforms, form="{name}-{platform}"):
    """Assets that are the programs themselves."""
    named = {platform: form.format(name=name, platform=platform) for platform in platforms}
    return {asset: marked(platform, asset, name) for platform, asset in named.items()}


def packed(name, platforms, extra=None, inner="{stem}/{name}"):
    """Archives: the platform of each program, and the name of the asset. `extra` are more files for each."""
    assets = {}
    for asset, platform in platforms.items():
        form, ending = (zipped, ".zip") if asset.endswith(".zip") else (tar, ".tar.gz")
        exe = ".exe" if platform.startswith("windows") else ""
        path = inner.format(stem=asset.removesuffix(ending), name=name) + exe
        more = {key.format(stem=asset.removesuffix(ending)): data for key, data in (extra or {}).items()}
        assets[asset] = form({path: marked(platform, asset, name), **more})
    return assets


def both(linux, macos, windows):
    return {platform: {names} if isinstance(names, str) else set(names) for platform, names in zip(PLATFORMS, (linux, macos, windows))}


def usual(name, macos="darwin-arm64"):
    """The usual archives of a release, and which is right where."""
    names = {f"{name}-{platform}{'.zip' if 'windows' in platform else '.tar.gz'}": platform
             for platform in ("linux-amd64", "linux-arm64", "darwin-amd64", macos, "windows-amd64")}
    return names, both(f"{name}-linux-amd64.tar.gz", f"{name}-{macos}.tar.gz", f"{name}-windows-amd64.zip")


def flat():
    names = {"knot": "linux-amd64", "knot-arm64": "linux-arm64", "knot-armhf": "linux-arm", "knot-darwin": "darwin-amd64",
             "knot-darwin-arm64": "darwin-arm64", "knot.exe": "windows-amd64"}
    assets = {asset: marked(platform, asset, "knot") for asset, platform in names.items()}
    return Case("knot", "names without a system: `knot` is for Linux on amd64, beside `knot-arm64`, `knot-darwin-arm64`, `knot.exe`",
                assets, both("knot", "knot-darwin-arm64", "knot.exe"))


def twins():
    triples = {"x86_64-unknown-linux-musl": "linux-amd64", "aarch64-unknown-linux-musl": "linux-arm64", "x86_64-apple-darwin": "darwin-amd64",
               "aarch64-apple-darwin": "darwin-arm64", "x86_64-pc-windows-msvc.exe": "windows-amd64"}
    assets = {f"{name}-{triple}": marked(platform, f"{name}-{triple}", name) for triple, platform in triples.items() for name in ("relay", "relayd")}
    assets["hashes.sha256"] = sums(assets)
    right = both("relay-x86_64-unknown-linux-musl", "relay-aarch64-apple-darwin", "relay-x86_64-pc-windows-msvc.exe")
    return Case("relay", "two programs in one release, `relay-…` and `relayd-…`, and sums in `hashes.sha256`", assets, right, odd="hashes.sha256")


def foreign():
    names = {"linux-x64.tar.gz": "linux-amd64", "linux-x64-musl.tar.gz": "linux-amd64", "linux-arm64.tar.gz": "linux-arm64",
             "darwin-universal.tar.gz": "darwin-universal", "win32-x64.zip": "windows-amd64", "win32-arm64.zip": "windows-arm64"}
    assets = packed("prism", {f"prism-1.2.0-{name}": platform for name, platform in names.items()})
    right = both(["prism-1.2.0-linux-x64.tar.gz", "prism-1.2.0-linux-x64-musl.tar.gz"], "prism-1.2.0-darwin-universal.tar.gz",
                 "prism-1.2.0-win32-x64.zip")
    return Case("prism", "the words `x64`, `win32-x64` and `darwin-universal`, and musl beside gnu", assets, right)


def emulated():
    names = {"ember-linux-amd64.tar.gz": "linux-amd64", "ember-linux-arm64.tar.gz": "linux-arm64", "ember-darwin-amd64.tar.gz": "darwin-amd64",
             "ember-windows-amd64.zip": "windows-amd64"}
    return Case("ember", "macOS only for amd64, which Apple silicon emulates", packed("ember", names),
                both("ember-linux-amd64.tar.gz", "ember-darwin-amd64.tar.gz", "ember-windows-amd64.zip"), told=("darwin-arm64",),
                edit=("darwin-arm64", "emulate: true"))


def wordless():
    return Case("plume", "one `plume.zip` without a word of a platform, which holds a program for macOS only",
                packed("plume", {"plume.zip": "darwin-universal"}, inner="{name}"), both([], "plume.zip", []))


def tree():
    names, right = usual("canopy")
    script = b"#!/bin/sh\ncat \"$(dirname \"$(readlink -f \"$0\")\")/../share/canopy/greeting\" && exit 0\n# <%s|canopy>\n"
    assets = {}
    for asset, platform in names.items():
        stem = re.sub(r"\.(tar\.gz|zip)$", "", asset)
        main = marked(platform, asset, "canopy") if "windows" in platform else script % asset.encode()
        exe = ".exe" if "windows" in platform else ""
        files = {f"{stem}/bin/canopy{exe}": main, f"{stem}/share/canopy/greeting": GREETING, f"{stem}/lib/canopy/plugin.so": b"plugin"}
        assets[asset] = (zipped if "windows" in platform else tar)(files)
    return Case("canopy", "a program that reads the folder beside it (`bin`, `lib`, `share`)", assets, right, tree=True,
                edit=("linux-amd64", "keep: tree"))


def page(with_sums=False):
    assets = plain("gate", ("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"))
    assets["gate-windows-amd64.exe"] = marked("windows-amd64", "gate-windows-amd64.exe", "gate")
    if with_sums:
        assets["checksums.txt"] = sums(assets)
    return Case("gate", "no sums, and a proxy answers with its sign-in page, status 200, in place of the file", assets, both([], [], []), page=True)


def wrong_sums():
    names, _ = usual("flint")
    assets = packed("flint", names)
    assets["checksums.txt"] = sums({name: data + b"other" for name, data in assets.items()})
    return Case("flint", "the digests in `checksums.txt` are not those of the files", assets, both([], [], []))


def replaced(bytes_of=""):
    names, right = usual("drift")
    assets = packed("drift", names, {"{stem}/NOTES": bytes_of.encode()})
    assets["checksums.txt"] = sums(assets)
    return Case("drift", "the asset and `checksums.txt` were replaced after the tool was pinned; a second machine installs", assets, right)


def leading_out():
    names, right = usual("fjord")
    return Case("fjord", "an archive with a path that leads outside (`../../../…`)",
                packed("fjord", names, {"../" * depth + OUTSIDE: b"outside\n" for depth in (1, 2, 3, 4, 6)}), right)


CASES = (flat, twins, foreign, emulated, wordless, tree, page, wrong_sums, replaced, leading_out)

"""The cases that every channel's files are judged for, and what is expected of each channel."""
from dataclasses import dataclass, field

URL = "https://hub.example/acme/{{ tag }}/{{ asset }}"
# The cases that are installed through a registry or a server, which takes seconds for each. Their urls lead to a server on
# this machine.
INSTALLED = ["duo", "early", "texts"]

LINUX = ["linux-amd64", "linux-arm64"]
DARWIN = ["darwin-amd64", "darwin-arm64"]
WINDOWS = ["windows-amd64", "windows-arm64"]
ALL = LINUX + DARWIN + WINDOWS

CHANNELS = ["homebrew", "scoop", "winget", "chocolatey", "aur", "snap", "deb", "rpm", "docker", "npm", "pypi", "gomodule",
            "installer"]

# `publish:` of versions.yml: every channel is on for every case, except the Go module, which only one of them is.
PUBLISH = {
    "maintainer": "Acme Tools <tools@acme.org>",
    "homebrew": {"all": True, "tap": "acme/homebrew-tools"},
    "scoop": {"all": True, "bucket": "acme/scoop-bucket"},
    "winget": {"all": True, "repository": "acme/winget-pkgs", "publisher": "Acme"},
    "chocolatey": {"all": True, "owners": "acme", "push": "https://feed.example/api"},
    "aur": {"all": True},
    "snap": {"all": True, "confinement": "strict", "grade": "stable"},
    "deb": {"all": True, "section": "utils"},
    "rpm": {"all": True},
    "docker": {"all": True},
    "npm": {"all": True},
    "pypi": {"all": True},
    "installer": {"all": True},
}

# A text with all that one of the formats gives a meaning to.
NASTY = (
    "Says \"double\" and 'single', #{x} and #{`id`} and $x, ${y}, $(id) and `id`\n"
    "on two lines: <b>&amp;</b> & <&>, ]]>, %s %{name}, \\n \\\\, {{ version }}, {% x %}, @x, é, 🦀 and \"\"\"."
)


@dataclass
class Case:
    name: str
    version: str = "v1.4.2"
    binaries: list = None
    platforms: list = field(default_factory=lambda: list(ALL))
    description: str = "Prints its arguments, one a line"
    homepage: str = "https://acme.org/tools"
    license: str = "MIT"
    extra: dict = field(default_factory=dict)
    files: dict = field(default_factory=dict)

    def __post_init__(self):
        self.binaries = self.binaries or [self.name]
        self.publish = {
            "docker": {"images": [f"registry.example/acme/{self.name}"]},
            "npm": {"package": f"@acme/{self.name}"},
            "aur": {"git": f"ssh://aur@aur.example/{self.name}-bin.git", "conflicts": [self.name], "provides": [self.name]},
            "pypi": {"package": f"acme-{self.name}"},
            **self.extra,
        }

    def skips(self, channel):
        """Why the channel has no files for this case; None if it has some."""
        if channel == "gomodule":
            return None if channel in self.publish else "not configured"
        if "-" in self.version and channel in ("homebrew", "scoop", "winget", "chocolatey", "snap"):
            return "pre-release"
        if channel in ("scoop", "winget", "chocolatey") and not set(self.platforms) & set(WINDOWS):
            return "no asset"
        return None


CASES = [
    Case("arc", extra={"gomodule": {"module": "hub.example/acme/arc", "dir": "module"}},
         files={"module/go.mod": "module hub.example/acme/arc\n\ngo 1.21\n",
                "module/arc.go": "// Package arc is a module that a channel tells of.\npackage arc\n"}),
    Case("go-tool2"),
    Case("duo", binaries=["duo", "duo-server"]),
    Case("early", version="v1.2.3-rc.1"),
    Case("texts", extra={channel: {"post_install": NASTY} for channel in ("homebrew", "scoop", "deb", "rpm", "aur", "snap")},
         description=NASTY, homepage="https://acme.org/a?b=c&d='e'#$(f)", license="MIT OR Apache-2.0"),
    Case("lone", platforms=["linux-amd64"]),
    Case("posix", platforms=LINUX + DARWIN),
]

# Not judged, but rendered with a large binary.
LARGE = Case("large", platforms=["linux-amd64", "darwin-arm64", "windows-amd64"])

"""Prints the texts that larder shows to people as Markdown, for the prose linter: every string literal of the program (not of
its tests) that consists of words. A line `path:line` in a code span comes before each. Help texts are not among them: they are
doc comments, and docs/reference.md has them.

usage: messages.py > messages.md    (in the repository)
"""

import re
import subprocess

# One alternative for each kind of token that can hold a quote.
TOKEN = re.compile(
    r"""
    (?P<comment> //[^\n]* | /\*.*?\*/ )
  | (?P<raw> \bb?r(?P<hashes>\#*)"(?P<rawtext>.*?)"(?P=hashes) )
  | (?P<string> \bb?"(?P<b>(?:\\.|[^"\\])*)" | "(?P<text>(?:\\.|[^"\\])*)" )
  | (?P<char> '(?:\\.[^']*|[^'\\])' )
    """,
    re.VERBOSE | re.DOTALL,
)
# Texts for developers: they are shown only if larder has a fault, or never.
DEVELOPERS = re.compile(r"(expect(_err)?|panic!|unreachable!|(debug_)?assert(_eq|_ne)?!|reason\s*=|include_str!)\s*\(?\s*$")
ESCAPES = {"n": "\n\n", "t": " ", '"': '"', "\\": "\\", "'": "'", "0": "", "r": ""}


def unescaped(text):
    text = re.sub(r"\\\n\s*", "", text)
    text = re.sub(r"\\u\{[^}]*\}|\\x..", " ", text)
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], " "), text)


def markdown(text):
    """The prose of a text; `None` if it has none. A placeholder becomes a word."""
    lines = [line for line in text.split("\n") if not line.startswith("  ")]
    text = "\n".join(lines).replace("{{", "").replace("}}", "")
    numbers = iter(range(1, 1000))
    text = re.sub(r"\{[^}]*\}", lambda _: f"x{next(numbers)}", text).strip()
    prose = re.sub(r"`[^`]*`", "", text)
    if len(re.findall(r"(?<![\w./:=<-])[A-Za-z]{2,}(?![\w/:=(>])", prose)) < 3:
        return None
    return re.sub(r"^([#>+*-]|\d+\.)", r"\\\1", text, flags=re.MULTILINE)


def literals(source):
    """Offset and text of the string literals before the file's tests."""
    end = re.search(r"^#\[cfg\(test\)\]\nmod tests \{", source, re.MULTILINE)
    source = source[: end.start()] if end else source
    for token in TOKEN.finditer(source):
        text = token["rawtext"] if token["raw"] else unescaped(token["text"]) if token["text"] is not None else None
        if text and not DEVELOPERS.search(source[: token.start()][-80:]):
            yield token.start(), text


def main():
    files = subprocess.run(["git", "ls-files", "src/*.rs", "crates/*/src/*.rs"], check=True, capture_output=True, text=True).stdout.split()
    for path in files:
        if not path.endswith(".rs") or path.endswith("/tests.rs") or "/tests/" in path:
            continue
        source = open(path, encoding="utf-8").read()
        for offset, text in literals(source):
            if shown := markdown(text):
                print(f"`{path}:{source.count(chr(10), 0, offset) + 1}`\n\n{shown}\n")


main()

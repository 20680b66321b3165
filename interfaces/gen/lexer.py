"""Text to tokens. Doc lines (##) ride on the token that follows them; comments (#) are dropped."""

import re
from dataclasses import dataclass, field
from typing import List, Optional

from .model import Position, Problems

TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<comment>\#[^\n]*)
      | (?P<number>[0-9]+[A-Za-z]*)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<string>"[^"\n]*")
      | (?P<mark>->|<=|[@{}()\[\];:,?=<>.\-])""",
    re.VERBOSE,
)
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass
class Token:
    kind: str  # number, name, string, mark or end
    text: str
    position: Position
    first_on_line: bool
    doc: List[str] = field(default_factory=list)


def decode(data: bytes, problems: Problems) -> Optional[str]:
    """The file's text; what is not UTF-8 is a problem at its place, and all there is to say."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        line_start = before.rfind("\n") + 1
        position = Position(before.count("\n") + 1, len(before) - line_start + 1)
        problems.add(position, "expected UTF-8 text")
        return None


def tokens(text: str, problems: Problems) -> List[Token]:
    made: List[Token] = []
    doc: List[str] = []
    line, line_start, at = 1, 0, 0
    first_on_line = True
    while at < len(text):
        position = Position(line, at - line_start + 1)
        match = TOKEN.match(text, at)
        if match is None:
            problems.add(position, _unexpected(text[at]))
            at += 1
            continue
        kind, found = str(match.lastgroup), match.group()
        at = match.end()
        if kind == "space":
            if "\n" in found:
                line += found.count("\n")
                line_start = match.start() + found.rfind("\n") + 1
                first_on_line = True
        elif kind == "comment":
            if CONTROL.search(found.rstrip("\r").replace("\t", " ")):
                problems.add(position, "expected a comment without control characters")
            if found.startswith("##"):
                doc.append(found[2:].strip())
        else:
            made.append(Token(kind, found, position, first_on_line, doc))
            doc = []
            first_on_line = False
    made.append(Token("end", "", Position(line, at - line_start + 1), True, doc))
    return made


def _unexpected(character: str) -> str:
    if character == '"':
        return "expected a closing '\"' on the same line"
    if character.isprintable():
        return f"unexpected character '{character}'"
    return f"unexpected character U+{ord(character):04X}"

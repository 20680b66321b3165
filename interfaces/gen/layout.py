"""Lays an interface file out: one spacing between words, one indentation. Lines stay as they were broken, comments where they
were, so the contract and its documentation do not change."""

from typing import List, Optional

from .lexer import TOKEN
from .parser import DECLARATIONS

INDENT = 4
OPENING, CLOSING = ("(", "{", "["), (")", "}", "]")
NOTHING_BEFORE = {",", ";", ":", ".", ")", "]", "?", ">", "<", "=", "<=", "["}
NOTHING_AFTER = {"(", "[", "@", ".", ":", "<", "=", "<=", "-"}


def layout(text: str) -> str:
    """`text` must be one that the lexer has no complaint about."""
    lines: List[str] = []
    depth = 0
    pending: List[str] = []  # comment lines, which stand as deep as what follows them
    for line in text.splitlines():
        words, comment, gap = _split(line)
        if not words:
            if comment:
                pending.append(comment)
            elif pending or (lines and lines[-1]):
                pending.append("")
            continue
        column = INDENT * max(0, depth - (words[0] in CLOSING))
        if depth == 0 and words[0] not in DECLARATIONS and words[0] != "interface":
            column = INDENT  # the second line of a declaration
        _settle(lines, pending, INDENT * depth if words[0] in CLOSING else column)
        lines.append(" " * column + _spaced(words) + (gap + comment if comment else ""))
        depth = max(0, depth + sum((word in OPENING) - (word in CLOSING) for word in words))
    _settle(lines, pending, 0)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines) + "\n"


def _settle(lines: List[str], pending: List[str], column: int) -> None:
    for one in pending:
        if one or (lines and lines[-1]):
            lines.append(" " * column + one if one else "")
    pending.clear()


def _split(line: str) -> "tuple[List[str], str, str]":
    """Words, comment, and the room between them, by which comments under each other are aligned."""
    words: List[str] = []
    comment, gap = "", ""
    for match in TOKEN.finditer(line):
        if match.lastgroup == "space":
            gap = match.group().replace("\t", "  ")
        elif match.lastgroup == "comment":
            comment = _comment(match.group())
        else:
            words.append(match.group())
    return words, comment, gap if len(gap) >= 2 else "  "


def _comment(text: str) -> str:
    text = text.rstrip()
    return f"## {text[2:].strip()}".rstrip() if text.startswith("##") else text


def _spaced(words: List[str]) -> str:
    line, before = "", None
    for word in words:
        line += (" " if _apart(before, word) else "") + word
        before = word
    return line


def _apart(before: Optional[str], word: str) -> bool:
    if before is None or before in NOTHING_AFTER or word in NOTHING_BEFORE:
        return False
    return (before, word) != ("{", "}")

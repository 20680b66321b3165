"""Small helpers for writing C that people read: wrapped calls, comments, constants."""

import textwrap
from typing import List, Sequence

WIDTH = 100


def call(head: str, arguments: Sequence[str], tail: str, indent: int = 0) -> List[str]:
    """`head(a, b)tail`, wrapped under the parenthesis where it is longer than a line."""
    start = " " * indent + head + "("
    lines = _fill(start, " " * len(start), arguments, ")" + tail)
    if any(len(line) > WIDTH for line in lines):
        step = " " * (indent + 8)
        lines = [start] + _fill(step, step, arguments, ")" + tail)
    return lines


def _fill(start: str, step: str, arguments: Sequence[str], end: str) -> List[str]:
    lines, line, empty = [], start, True
    for at, one in enumerate(arguments):
        text = one + (end if at == len(arguments) - 1 else ",")
        if not empty and len(line) + 1 + len(text) > WIDTH:
            lines.append(line)
            line = step + text
        else:
            line += text if empty else " " + text
        empty = False
    return lines + [line]


def prototype(returns: str, name: str, parameters: Sequence[str], tail: str = "") -> List[str]:
    space = "" if returns.endswith("*") else " "
    return call(f"{returns}{space}{name}", parameters or ["void"], tail)


def clean(text: str) -> str:
    """So that it can't end a comment or make a trigraph."""
    return text.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")


def comment(lines: Sequence[str], indent: int = 0) -> List[str]:
    space = " " * indent
    made = wrap([clean(line) for line in lines], WIDTH - indent - 6)
    if not made:
        return []
    opened = [f"{space}/* {made[0]}".rstrip()]
    opened += [f"{space} * {line}".rstrip() for line in made[1:]]
    opened[-1] += " */"
    return opened


def wrap(lines: Sequence[str], width: int) -> List[str]:
    """Fills a paragraph anew if a line of it is too long; else it stays as it was written."""
    made: List[str] = []
    paragraph: List[str] = []
    for line in [*lines, ""]:
        if line:
            paragraph.append(line)
            continue
        if any(len(one) > width for one in paragraph):
            made += textwrap.wrap(" ".join(paragraph), width, break_long_words=False, break_on_hyphens=False)
        else:
            made += paragraph
        made.append("")
        paragraph = []
    return made[:-1]


def number(value: int) -> str:
    """A constant that has the right type wherever it stands."""
    if value == -(2**63):
        return "INT64_MIN"
    if value < -(2**31) + 1:
        return f"-INT64_C({-value})"
    if value >= 2**63:
        return f"UINT64_C({value})"
    if value >= 2**31:
        return f"INT64_C({value})"
    return str(value)


def unsigned(value: int) -> str:
    return str(value) if value < 2**31 else f"UINT64_C({value})"


def string(text: str) -> str:
    """A C literal of one line of UTF-8."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?").replace("\t", "\\t")
    return f'"{escaped}"'


def join(lines: Sequence[str]) -> str:
    """The file; one empty line at most between two others."""
    kept = [line for at, line in enumerate(lines) if line or (at > 0 and lines[at - 1])]
    return "\n".join(kept).rstrip("\n") + "\n"


def section(title: str) -> List[str]:
    return ["", f"/* ---- {title} " + "-" * max(3, WIDTH - len(title) - 12) + " */", ""]

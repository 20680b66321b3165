"""The reference of an interface, for people: what there is to say as a list of blocks, and NAME.md of it.
emit_html.py makes NAME.html of the same blocks."""

from dataclasses import dataclass, field
from typing import List, Tuple, Union

from . import canonical, limits
from .canonical import type_text
from .model import Bytes, Enum, Error, Event, Fields, Method, Struct
from .names import Names


@dataclass
class Heading:
    level: int
    text: str
    number: str = ""  # @1


@dataclass
class Doc:
    """Doc lines as they were written; an empty one is between two paragraphs."""

    lines: List[str]


@dataclass
class Note:
    """What the declaration says besides its fields."""

    text: str


@dataclass
class Table:
    title: str
    rows: List[Tuple[int, str, str]] = field(default_factory=list)  # number, `name: type`, what it is


Block = Union[Heading, Doc, Note, Table]


def blocks(names: Names) -> List[Block]:
    interface = names.interface
    made: List[Block] = [Heading(1, interface.name),
                         Doc([f"Interface @{interface.id}, version {interface.version}, "
                              f"hash `{canonical.hash8(interface):016x}`. C prefix `{names.prefix}_`."])]
    made += _doc(interface.doc)
    made += _part("Methods", [_method(one) for one in interface.methods])
    made += _part("Events", [_event(one) for one in interface.events])
    made += _part("Errors", [_error(one) for one in interface.errors])
    made += _part("Types", [_type(one) for one in interface.types])
    return made


def emit(names: Names) -> str:
    lines: List[str] = []
    for one in blocks(names):
        lines += _markdown(one) + [""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _markdown(one: Block) -> List[str]:
    if isinstance(one, Heading):
        return ["#" * one.level + f" {one.text} {one.number}".rstrip()]
    if isinstance(one, Doc):
        return one.lines
    if isinstance(one, Note):
        return [f"*{one.text}*"]
    rows = [f"| {number} | `{what}` | {_cell(text)} |" for number, what, text in one.rows]
    return [f"| {one.title} | | |", "|---|---|---|", *rows]


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|")


# ---- what there is to say ------------------------------------------------------------------------


def _part(title: str, parts: List[List[Block]]) -> List[Block]:
    return [Heading(2, title), *(block for part in parts for block in part)] if parts else []


def _doc(lines: List[str]) -> List[Block]:
    return [Doc(lines)] if lines else []


def _since(since: int) -> str:
    return f", since version {since}" if since else ""


def _table(title: str, fields: Fields) -> List[Block]:
    rows: List[Tuple[int, str, str]] = []
    for one in fields.by_ordinal():
        note = " ".join(one.doc)
        note += f" Default {one.default}." if one.has_default else ""
        note += " Secret." if one.secret else ""
        note += f" Since version {one.since}." if one.since else ""
        rows.append((one.ordinal, f"{one.name}: {type_text(one.type)}", note))
    return [Table(title, rows)] if rows else []


def _method(one: Method) -> List[Block]:
    notes = ["oneway"] if one.oneway else [f"deadline {one.deadline_ms or limits.DEADLINE_MS} ms"]
    notes += ["stream"] if one.stream else []
    notes += ["idempotent"] if one.idempotent else []
    notes += ["throws " + ", ".join(name for name, _ in one.throws)] if one.throws else []
    made: List[Block] = [Heading(3, one.name, f"@{one.ordinal}"), *_doc(one.doc), Note(", ".join(notes) + _since(one.since))]
    made += _table("Arguments", one.args)
    if one.results is not None:
        made += _table("Each item" if one.stream else "Results", one.results)
    return made


def _event(one: Event) -> List[Block]:
    overflow = "a slow subscriber keeps the newest" if one.latest else "a slow subscriber is told what it missed"
    snapshot = f", snapshot `{one.snapshot}`" if one.snapshot else ""
    return [Heading(3, one.name, f"@{one.ordinal}"), *_doc(one.doc), Note(f"{overflow}{snapshot}{_since(one.since)}"),
            *_table("Fields", one.fields)]


def _error(one: Error) -> List[Block]:
    return [Heading(3, one.name, f"@{one.code}"), *_doc(one.doc), *_table("Fields", one.fields)]


def _type(one: Union[Bytes, Enum, Struct]) -> List[Block]:
    made: List[Block] = [Heading(3, one.name), *_doc(one.doc)]
    if isinstance(one, Bytes):
        return made + [Doc([f"{one.size} bytes{_since(one.since)}."])]
    if isinstance(one, Struct):
        return made + _table("Fields", one.fields)
    made.append(Doc([f"{'Open' if one.open else 'Closed'} enumeration{_since(one.since)}."]))
    return made + [Table("Value", [(value.value, value.name, " ".join(value.doc)) for value in one.values])]

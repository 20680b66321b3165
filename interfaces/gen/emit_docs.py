"""NAME.md: the reference of an interface, for people."""

from typing import List, Union

from . import canonical, limits
from .canonical import type_text
from .model import Bytes, Enum, Error, Event, Fields, Method, Struct
from .names import Names


def emit(names: Names) -> str:
    interface = names.interface
    lines = [f"# {interface.name}", "", f"Interface @{interface.id}, version {interface.version}, "
             f"hash `{canonical.hash8(interface):016x}`. C prefix `{names.prefix}_`.", ""]
    lines += interface.doc + [""] if interface.doc else []
    lines += _part("Methods", [_method(one) for one in interface.methods])
    lines += _part("Events", [_event(one) for one in interface.events])
    lines += _part("Errors", [_error(one) for one in interface.errors])
    lines += _part("Types", [_type(one) for one in interface.types])
    return "\n".join(lines).rstrip("\n") + "\n"


def _part(title: str, parts: List[List[str]]) -> List[str]:
    if not parts:
        return []
    return [f"## {title}", ""] + [line for part in parts for line in part]


def _since(since: int) -> str:
    return f", since version {since}" if since else ""


def _doc(doc: List[str]) -> List[str]:
    return doc + [""] if doc else []


def _table(title: str, fields: Fields) -> List[str]:
    if not fields.items:
        return []
    lines = [f"| {title} | | |", "|---|---|---|"]
    for one in fields.by_ordinal():
        note = " ".join(one.doc)
        note += f" Default {one.default}." if one.has_default else ""
        note += " Secret." if one.secret else ""
        note += f" Since version {one.since}." if one.since else ""
        lines.append(f"| {one.ordinal} | `{one.name}: {type_text(one.type)}` | {_cell(note)} |")
    return lines + [""]


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|")


def _method(one: Method) -> List[str]:
    notes = ["oneway"] if one.oneway else [f"deadline {one.deadline_ms or limits.DEADLINE_MS} ms"]
    notes += ["stream"] if one.stream else []
    notes += ["idempotent"] if one.idempotent else []
    notes += ["throws " + ", ".join(name for name, _ in one.throws)] if one.throws else []
    lines = [f"### {one.name} @{one.ordinal}", ""] + _doc(one.doc)
    lines += [f"*{', '.join(notes)}{_since(one.since)}*", ""]
    lines += _table("Arguments", one.args)
    if one.results is not None:
        lines += _table("Each item" if one.stream else "Results", one.results)
    return lines


def _event(one: Event) -> List[str]:
    overflow = "a slow subscriber keeps the newest" if one.latest else "a slow subscriber is told what it missed"
    snapshot = f", snapshot `{one.snapshot}`" if one.snapshot else ""
    lines = [f"### {one.name} @{one.ordinal}", ""] + _doc(one.doc)
    lines += [f"*{overflow}{snapshot}{_since(one.since)}*", ""]
    return lines + _table("Fields", one.fields)


def _error(one: Error) -> List[str]:
    return [f"### {one.name} @{one.code}", ""] + _doc(one.doc) + _table("Fields", one.fields)


def _type(one: Union[Bytes, Enum, Struct]) -> List[str]:
    lines = [f"### {one.name}", ""] + _doc(one.doc)
    if isinstance(one, Bytes):
        return lines + [f"{one.size} bytes{_since(one.since)}.", ""]
    if isinstance(one, Struct):
        return lines + _table("Fields", one.fields)
    lines += [f"{'Open' if one.open else 'Closed'} enumeration{_since(one.since)}.", "", "| Value | | |", "|---|---|---|"]
    for value in one.values:
        lines.append(f"| {value.value} | `{value.name}` | {_cell(' '.join(value.doc))} |")
    return lines + [""]

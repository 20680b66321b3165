"""The normal form of an interface: one declaration per line, types by name, the rest by number.
Its SHA-256 says whether two builds speak the same contract; with doc lines it is what introspection
shows. Order, spacing, comments and doc lines of the file do not change the hash."""

import hashlib
from typing import Dict, List, Union

from .model import Bytes, Enum, Event, Field, Fields, Interface, Method, Position, Struct, Type


def hash8(interface: Interface) -> int:
    digest = hashlib.sha256(text(interface, docs=False).encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big")


def text(interface: Interface, docs: bool) -> str:
    lines = _doc(interface.doc, docs)
    lines.append(f"interface {interface.name} @{interface.id} version {interface.version}")
    for what, numbers in interface.reserved.items():
        if numbers:
            lines.append(f"reserved {what} {_numbers(numbers)}")
    for one in sorted(interface.types, key=lambda each: each.name):
        lines += _doc(one.doc, docs) + _type_decl(one, docs)
    for error in sorted(interface.errors, key=lambda each: each.code):
        lines += _doc(error.doc, docs)
        lines += _fields(f"error {error.name} @{error.code}{_since(error.since)} ", "{}", error.fields, "", docs)
    for method in sorted(interface.methods, key=lambda each: each.ordinal):
        lines += _doc(method.doc, docs) + _method(method, docs)
    for event in sorted(interface.events, key=lambda each: each.ordinal):
        lines += _doc(event.doc, docs) + _event(event, docs)
    return "\n".join(lines) + "\n"


def _doc(doc: List[str], docs: bool, indent: str = "") -> List[str]:
    return [f"{indent}## {line}".rstrip() for line in doc] if docs else []


def _numbers(numbers: Dict[int, Position]) -> str:
    return ", ".join(str(one) for one in sorted(numbers))


def _since(since: int) -> str:
    return f" since {since}" if since else ""


def _type_decl(one: Union[Bytes, Enum, Struct], docs: bool) -> List[str]:
    if isinstance(one, Bytes):
        return [f"bytes {one.name}[{one.size}]{_since(one.since)}"]
    if isinstance(one, Struct):
        return _fields(f"struct {one.name}{_since(one.since)} ", "{}", one.fields, "", docs)
    values = [f"reserved {_numbers(one.reserved)}"] if one.reserved else []
    lines = [f"enum {one.name} {'open' if one.open else 'closed'}{_since(one.since)} {{"]
    lines += [f"  {each}" for each in values]
    for value in sorted(one.values, key=lambda each: each.value):
        lines += _doc(value.doc, docs, "  ") + [f"  {value.name}={value.value}"]
    return lines + ["}"]


def _method(method: Method, docs: bool) -> List[str]:
    tail = ""
    if method.throws:
        tail += " throws " + ", ".join(sorted(name for name, _ in method.throws))
    if method.deadline_ms:
        tail += f" deadline {method.deadline_ms}ms"
    tail += " idempotent" if method.idempotent else ""
    tail += _since(method.since)
    head = f"method {method.name} @{method.ordinal} "
    if method.results is None:
        return _fields(head, "()", method.args, tail, docs)
    lines = _fields(head, "()", method.args, "", docs)
    arrow = " -> stream " if method.stream else " -> "
    results = _fields(lines.pop() + arrow, "()", method.results, tail, docs)
    return lines + results


def _event(event: Event, docs: bool) -> List[str]:
    tail = f" overflow {'latest' if event.latest else 'gap'}"
    tail += f" snapshot {event.snapshot}" if event.snapshot else ""
    tail += _since(event.since)
    return _fields(f"event {event.name} @{event.ordinal} ", "()", event.fields, tail, docs)


def _fields(head: str, marks: str, fields: Fields, tail: str, docs: bool) -> List[str]:
    if not fields.items and not fields.reserved:
        return [f"{head}{marks}{tail}"]
    lines = [head + marks[0]]
    if fields.reserved:
        lines.append(f"  reserved {_numbers(fields.reserved)};")
    for one in fields.by_ordinal():
        lines += _doc(one.doc, docs, "  ") + [f"  {_field(one)};"]
    return lines + [marks[1] + tail]


def _field(one: Field) -> str:
    made = f"{one.ordinal} {one.name}:{type_text(one.type)}"
    if one.has_default:
        made += f'="{one.default}"' if one.default_kind == "string" else f"={one.default}"
    return made + (" secret" if one.secret else "") + _since(one.since)


def type_text(made: Type) -> str:
    """As it is written in an interface."""
    if made.element is not None:
        plain = f"[{type_text(made.element)}]"
    elif made.kind == "ref":
        plain = f"ref<{made.name}>"
    else:
        plain = made.name or made.kind
    bound = f"<={made.bound}" if made.bound is not None else ""
    return plain + bound + ("?" if made.optional else "")

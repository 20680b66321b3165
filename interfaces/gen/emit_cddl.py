"""NAME.cddl (RFC 8610): the contract in a form that tools we did not write can check bytes against.

Keys are ordinals. `uint => any` lets fields of later versions through, as the reader does; the cut
in `0: type` keeps a known key from slipping through there."""

from typing import List

from . import canonical
from .model import Bytes, Enum, Fields, Interface, Type
from .names import Names


def emit(names: Names) -> str:
    interface = names.interface
    lines = [f"; interface {interface.name} @{interface.id} version {interface.version}, "
             f"hash {canonical.hash8(interface):016x}",
             f"; Generated from {names.prefix}.iface. Deterministic encoding (RFC 8949, 4.2.1), maps keyed by ordinal.",
             "; A blob is its size, the bytes travel beside; a ref is an index into the refs of the message.", ""]
    bodies = _bodies(names)
    lines += [f"{_rule(names.prefix)} = {(chr(10) + '  / ').join(bodies)}", ""]
    for one in interface.types:
        if isinstance(one, Bytes):
            lines += [f"{_rule(names.decl(one))} = bytes .size {one.size}", ""]
        elif isinstance(one, Enum):
            lines += _enum(names, one)
    for record in names.records():
        lines += [f"; {record.what}"] + _map(names, _rule(record.tag), record.fields)
    for method in interface.methods:
        if not method.args.items:
            lines += [f"; the arguments of {method.name}"] + _map(names, _rule(names.args(method).tag), method.args)
        if method.results is not None and not method.results.items:
            lines += [f"; the results of {method.name}"] + _map(names, _rule(names.results(method).tag), method.results)
    for error in interface.errors:
        if not error.fields.items:
            lines += [f"; error {error.name}"] + _map(names, _rule(names.decl(error)), error.fields)
    for event in interface.events:
        if not event.fields.items:
            lines += [f"; event {event.name}"] + _map(names, _rule(names.member(event)), event.fields)
    return "\n".join(lines).rstrip("\n") + "\n"


def _rule(tag: str) -> str:
    return tag.replace("_", "-")


def _bodies(names: Names) -> List[str]:
    """Everything that travels on its own: the first rule, which is what a validator starts at."""
    interface: Interface = names.interface
    found = [names.error(one).tag for one in interface.errors]
    for method in interface.methods:
        found.append(names.args(method).tag)
        if method.results is not None:
            found.append(names.results(method).tag)
    found += [names.event(one).tag for one in interface.events]
    found = found or [names.decl(one) for one in interface.types] or ["any"]
    return [_rule(one) for one in found]


def _enum(names: Names, enum: Enum) -> List[str]:
    values = ", ".join(f"{one.name.replace('_', '-')}: {one.value}" for one in enum.values)
    later = " / 0..2147483647 ; open: later values are kept" if enum.open else ""
    return [f"{_rule(names.decl(enum))} = &({values}){later}", ""]


def _map(names: Names, rule: str, fields: Fields) -> List[str]:
    if not fields.items:
        return [f"{rule} = {{ * uint => any }}", ""]
    lines = [f"{rule} = {{"]
    for one in fields.by_ordinal():
        mark = "" if one.required else "? "
        default = f" .default {_default(names, one.type, one.default)}" if one.has_default else ""
        made = _type(names, one.type)
        made = f"({made})" if default and (" " in made or ".." in made) else made
        lines += [f"  {mark}{one.ordinal}: {made}{default}, ; {one.name}"]
    return lines + ["  * uint => any", "}", ""]


def _default(names: Names, made: Type, value: object) -> str:
    if isinstance(made.decl, Enum):
        return str(next(one.value for one in made.decl.values if one.name == value))
    return f'"{value}"' if made.kind == "text" else str(value)


def _type(names: Names, made: Type) -> str:
    if made.kind == "bool":
        return "bool"
    if made.kind == "uint":
        most = made.bound if made.bound is not None else 2**made.bits - 1
        return "uint" if most == 2**64 - 1 else f"0..{most}"
    if made.kind == "int":
        return f"-{2 ** (made.bits - 1)}..{2 ** (made.bits - 1) - 1}"
    if made.kind in ("text", "bytes"):
        return f"{'tstr' if made.kind == 'text' else 'bstr'} .size (0..{made.bound})"
    if made.kind == "blob":
        return f"0..{made.bound}"
    if made.kind == "ref":
        return "0..15"
    if made.element is not None:
        element = _type(names, made.element)
        element += " / null" if made.element.optional else ""
        return f"[0*{made.bound} {f'({element})' if ' ' in element else element}]"
    assert made.decl is not None
    return _rule(names.decl(made.decl))

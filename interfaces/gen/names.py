"""What everything is called in C, and whether two things would get one name.

With the prefix `node_` of troupe.Node, method get_coins makes node_get_coins (sync),
node_get_coins_ask, struct node_get_coins_args and so on: `Names` is the one place that knows."""

import os
import re
from dataclasses import dataclass
from typing import Dict, Iterator, List, Set, Tuple, Union

from .model import (Bytes, Enum, Error, Event, Field, Fields, Interface, Method, Position, Problems,
                    Struct, Type)

# Words that a C or C++ compiler, or a common header, has taken.
TAKEN = frozenset(
    """alignas alignof and and_eq asm assert atomic auto bitand bitor bool break case catch char class
    compl concept const constexpr continue decltype default delete do double else enum errno explicit
    export extern false float for friend goto i386 if inline int linux long mutable namespace new
    noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast
    requires restrict return short signed sizeof static stderr stdin stdout struct switch template
    this throw true try typedef typeid typename typeof union unix unsigned using virtual void volatile
    wchar_t while xor xor_eq""".split()
)


def snake(name: str) -> str:
    """Hash32 -> hash32, TxOut -> tx_out, HTTPServer -> http_server."""
    spaced = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", spaced).lower()


@dataclass
class Record:
    """One map on the wire and the C struct for it."""

    tag: str  # of the C struct
    label: str  # for the names of fields in error texts
    constant: str  # in front of the names of its bounds
    fields: Fields
    position: Position
    what: str  # for the comment over the struct
    owns_message: bool = False  # the results of a sync call that borrow from the reply


@dataclass
class Bound:
    constant: str
    value: int
    field: Field


class Names:
    def __init__(self, interface: Interface):
        self.interface = interface
        self.prefix = snake(interface.short_name)
        self.PREFIX = self.prefix.upper()
        place = os.path.splitext(interface.path)[0]
        local = os.path.isabs(place) or place.startswith(".")
        # As others may include it: what is made lies at the place of its source, under a build folder.
        header = (os.path.basename(place) if local else place.replace(os.sep, "/")) + ".h"
        self.guard = re.sub(r"[^A-Z0-9]", "_", header.upper())

    def decl(self, one: Union[Bytes, Enum, Struct, Error]) -> str:
        return f"{self.prefix}_{snake(one.name)}"

    def enum_value(self, enum: Enum, value: str) -> str:
        return f"{self.decl(enum).upper()}_{value.upper()}"

    def error_code(self, error: Error) -> str:
        return self.decl(error).upper()

    def member(self, one: Union[Method, Event]) -> str:
        return f"{self.prefix}_{one.name}"

    def c_type(self, made: Type) -> str:
        """Of a value, without what `?` adds."""
        if made.kind == "array" and made.element is not None:
            return f"const {self.element_type(made)} *"
        if made.kind == "named":
            assert made.decl is not None
            return ("enum " if made.is_enum else "struct ") + self.decl(made.decl)
        return {
            "bool": "bool",
            "uint": f"uint{made.bits}_t",
            "int": f"int{made.bits}_t",
        }.get(made.kind, f"struct troupe_{made.kind}")

    def element_type(self, array: Type) -> str:
        assert array.element is not None
        if array.element.optional:
            return "struct " + self.maybe_tag(array.element)
        return self.c_type(array.element)

    def maybe_tag(self, element: Type) -> str:
        """Of the struct for one element of [T?]."""
        name = snake(element.name) if element.kind == "named" else element.name or element.kind
        return f"{self.prefix}_maybe_{'ref' if element.kind == 'ref' else name}"

    def maybes(self) -> List[Type]:
        """One element type for each such struct."""
        found: Dict[str, Type] = {}
        for record in self.records():
            for one in record.fields.items:
                element = one.type.element
                if element is not None and element.optional:
                    found.setdefault(self.maybe_tag(element), element)
        return list(found.values())

    def array_codec(self, record: Record, one: Field, verb: str) -> str:
        """The function that reads or writes one array field."""
        return f"{record.tag}_{one.name}_{verb}"

    def nothing_read(self) -> str:
        return f"{self.prefix}_nothing_read"

    # ---- records -----------------------------------------------------------------------------

    def struct(self, struct: Struct) -> Record:
        tag = self.decl(struct)
        return Record(tag, struct.name, tag.upper(), struct.fields, struct.position, f"struct {struct.name}")

    def error(self, error: Error) -> Record:
        tag = self.decl(error)
        return Record(tag, error.name, tag.upper(), error.fields, error.position, f"error {error.name}")

    def args(self, method: Method) -> Record:
        tag = self.member(method)
        return Record(f"{tag}_args", method.name, tag.upper(), method.args, method.position,
                      f"the arguments of {method.name}")

    def results(self, method: Method) -> Record:
        assert method.results is not None
        tag = self.member(method) + ("_item" if method.stream else "_results")
        what = f"one result of {method.name}" if method.stream else f"the results of {method.name}"
        owns = not method.stream and borrows(method.results)
        return Record(tag, method.name, tag.upper(), method.results, method.position, what, owns)

    def event(self, event: Event) -> Record:
        tag = self.member(event)
        return Record(tag, event.name, tag.upper(), event.fields, event.position, f"event {event.name}")

    def records(self) -> List[Record]:
        """Every struct that is made, in the order that C needs."""
        found = [self.struct(one) for one in inner_first(self.interface.structs)]
        found += [self.error(one) for one in self.interface.errors]
        for method in self.interface.methods:
            found.append(self.args(method))
            if method.results is not None:
                found.append(self.results(method))
        found += [self.event(one) for one in self.interface.events]
        return [one for one in found if one.fields.items]

    def bounds(self, record: Record) -> Iterator[Bound]:
        for one in record.fields.items:
            if one.type.bound is not None:
                yield Bound(self.bound(record, one), one.type.bound, one)
            element = one.type.element
            if element is not None and element.bound is not None:
                yield Bound(self.each_bound(record, one), element.bound, one)

    def bound(self, record: Record, one: Field) -> str:
        unit = "_BYTES_MAX" if one.type.kind in ("text", "bytes", "blob") else "_MAX"
        return f"{record.constant}_{one.name.upper()}{unit}"

    def each_bound(self, record: Record, one: Field) -> str:
        assert one.type.element is not None
        unit = "_BYTES_MAX" if one.type.element.kind in ("text", "bytes") else "_MAX"
        return f"{record.constant}_{one.name.upper()}_EACH{unit}"


def borrows(fields: Fields) -> bool:
    """True if the C struct points into the message that it was read from."""
    for one in fields.items:
        if one.type.kind in ("text", "bytes", "blob", "array"):
            return True
        if isinstance(one.type.decl, Struct) and borrows(one.type.decl.fields):
            return True
    return False


def holds_secret(fields: Fields) -> bool:
    for one in fields.items:
        inner = one.type.element or one.type
        if one.secret or (isinstance(inner.decl, Struct) and holds_secret(inner.decl.fields)):
            return True
    return False


def inner_first(structs: List[Struct]) -> List[Struct]:
    """A struct comes after those that it holds."""
    ordered: List[Struct] = []
    seen: Dict[str, bool] = {}

    def visit(struct: Struct) -> None:
        if struct.name in seen:
            return
        seen[struct.name] = True
        for one in struct.fields.items:
            inner = one.type.element or one.type
            if isinstance(inner.decl, Struct):
                visit(inner.decl)
        ordered.append(struct)

    for struct in structs:
        visit(struct)
    return ordered


# ---- clashes -------------------------------------------------------------------------------------

def check(interface: Interface, problems: Problems) -> None:
    """Refuses what would give two things one name in C, or a name that C has taken."""
    names = Names(interface)
    if names.prefix == "troupe":
        problems.add(interface.position, "'troupe_' is the bus's own prefix: expected another name")
    taken: Dict[Tuple[str, str], str] = {}
    told: Set[Tuple[str, str]] = set()
    for space, name, what, position in _all_names(names):
        other = taken.setdefault((space, name), what)
        if other != what and (what, other) not in told:
            told.add((what, other))
            problems.add(position, f"{what} and {other} would both be called '{name}' in C")
    for one in [*interface.methods, *interface.events]:
        if one.name in TAKEN:
            problems.add(one.position, f"'{one.name}' is taken in C: expected another name")
    for record in names.records():
        _check_members(record, problems)


def _check_members(record: Record, problems: Problems) -> None:
    taken: Dict[str, str] = {"message": "the message that owns the results"} if record.owns_message else {}
    for one in record.fields.items:
        if one.name in TAKEN:
            problems.add(one.position, f"'{one.name}' is taken in C: expected another name")
        made = [one.name]
        made += [f"has_{one.name}"] if one.type.optional else []
        made += [f"{one.name}_count"] if one.type.kind == "array" else []
        for name in made:
            other = taken.setdefault(name, f"'{one.name}'")
            if other != f"'{one.name}'":
                problems.add(one.position, f"'{one.name}' and {other} would both be called '{name}' in C")


def _all_names(names: Names) -> Iterator[Tuple[str, str, str, Position]]:
    """(name space of C, name, what it is for, where)"""
    interface, prefix = names.interface, names.prefix
    here = interface.position
    for suffix in ("interface", "methods", "events"):
        yield "plain", f"{prefix}_{suffix}", "the description of the interface", here
    yield "plain", names.nothing_read(), "the reader of an empty map", here
    yield "tag", f"{prefix}_handlers", "the table of handlers", here
    yield "plain", names.guard, "the header's guard", here
    for record in names.records():
        what = record.what
        yield "tag", record.tag, what, record.position
        yield "plain", f"{record.tag}_read", what, record.position
        yield "plain", f"{record.tag}_write", what, record.position
        for bound in names.bounds(record):
            yield "plain", bound.constant, f"the bound of '{bound.field.name}' in {record.what}", bound.field.position
        for one in record.fields.items:
            if one.type.element is not None:
                yield from _array_names(names, record, one, one.type.element)
    for one in interface.types:
        if not isinstance(one, Struct):
            what = f"type '{one.name}'"
            yield "tag", names.decl(one), what, one.position
        if isinstance(one, Enum):
            yield "plain", f"{names.decl(one)}_read", what, one.position
            yield "plain", f"{names.decl(one)}_write", what, one.position
            for value in one.values:
                yield "plain", names.enum_value(one, value.name), f"'{value.name}' of {one.name}", value.position
    for error in interface.errors:
        yield from _error_names(names, error)
    for method in interface.methods:
        yield from _method_names(names, method)
    for event in interface.events:
        what = f"event '{event.name}'"
        for name in (f"publish_{event.name}", f"on_{event.name}", f"{event.name}_fn", f"{event.name}_typed"):
            yield "plain", f"{prefix}_{name}", what, event.position
        if event.snapshot:
            yield "plain", f"{prefix}_follow_{event.name}", what, event.position


def _array_names(names: Names, record: Record, one: Field,
                 element: Type) -> Iterator[Tuple[str, str, str, Position]]:
    if element.optional:
        what = f"an element of [{element.name or element.kind}?]"
        yield "tag", names.maybe_tag(element), what, element.position
    what = f"'{one.name}' in {record.what}"
    yield "plain", names.array_codec(record, one, "read"), what, one.position
    yield "plain", names.array_codec(record, one, "write"), what, one.position


def _error_names(names: Names, error: Error) -> Iterator[Tuple[str, str, str, Position]]:
    what = f"error '{error.name}'"
    yield "plain", names.error_code(error), what, error.position
    yield "plain", f"{names.prefix}_fail_{snake(error.name)}", what, error.position
    yield "plain", f"{names.decl(error)}_from_error", what, error.position


def _method_names(names: Names, method: Method) -> Iterator[Tuple[str, str, str, Position]]:
    what = f"method '{method.name}'"
    made = ["", "_dispatch"]
    if not method.oneway:
        made += ["_ask", "_done", "_typed"]
        made += ["_each", "_item", "_item_typed", "_end"] if method.stream else ["_reply"]
    for suffix in made:
        yield "plain", f"{names.member(method)}{suffix}", what, method.position
    yield "plain", f"{names.prefix}_has_{method.name}", what, method.position

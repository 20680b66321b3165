"""Is the interface sound? Everything here is about one interface; sizes.py counts bytes and
names.py finds what would get one name in C."""

import difflib
import os
from typing import Dict, List, Optional, Sequence, Set

from . import limits, names, sizes
from .model import Bytes, Enum, Error, Event, Field, Fields, Interface, Position, Problems, Struct, Type


def check(interface: Interface, problems: Problems) -> None:
    _check_head(interface, problems)
    decls = _check_type_names(interface, problems)
    for each in _every_fields(interface):
        for one in each.items:
            _resolve(one.type, decls, problems)
    _check_enums_and_bytes(interface, problems)
    _check_ordinals(interface, problems)
    for each in _every_fields(interface):
        for one in each.items:
            _check_field(one, problems)
    _check_since(interface, problems)
    if _check_recursion(interface, problems):
        _check_places(interface, problems)
        _check_sizes(interface, problems)
    _check_throws(interface, problems)
    _check_snapshots(interface, problems)
    if not problems.found:
        names.check(interface, problems)


def check_together(interfaces: Sequence[Interface], problems: Sequence[Problems]) -> None:
    """Numbers and names that have to differ between the files of one run."""
    ids: Dict[int, Interface] = {}
    known: Dict[str, Interface] = {}
    for interface, its in zip(interfaces, problems):
        if its.found:
            continue
        other = ids.setdefault(interface.id, interface)
        if other is not interface:
            its.add(interface.position, f"@{interface.id} is the number of {other.name} already")
        other = known.setdefault(interface.short_name.lower(), interface)
        if other is not interface:
            its.add(interface.position, f"{interface.short_name} is the name of {other.path} already")


def _every_fields(interface: Interface) -> List[Fields]:
    found = [one.fields for one in interface.structs]
    found += [one.fields for one in interface.errors]
    for method in interface.methods:
        found.append(method.args)
        if method.results is not None:
            found.append(method.results)
    return found + [one.fields for one in interface.events]


def _check_head(interface: Interface, problems: Problems) -> None:
    if not interface.name:
        return
    stem = os.path.splitext(os.path.basename(interface.path))[0]
    prefix = names.snake(interface.short_name)
    if stem != prefix:
        problems.add(interface.position, f"expected the file to be called {prefix}.iface, as the interface")
    if interface.id > limits.INTERFACE_ID_MAX:
        problems.add(interface.position, f"expected a number up to {limits.INTERFACE_ID_MAX} after '@'")
    if not 1 <= interface.version <= 65535:
        problems.add(interface.position, "expected a version between 1 and 65535")


def _check_type_names(interface: Interface, problems: Problems) -> Dict[str, object]:
    seen: Dict[str, object] = {}
    for one in [*interface.types, *interface.errors]:
        if one.name in seen:
            problems.add(one.position, f"'{one.name}' is declared twice")
        else:
            seen[one.name] = one
    return seen


def _resolve(made: Type, decls: Dict[str, object], problems: Problems) -> None:
    if made.element is not None:
        _resolve(made.element, decls, problems)
    if made.kind != "named":
        return
    decl = decls.get(made.name)
    if isinstance(decl, (Bytes, Enum, Struct)):
        made.decl = decl
    elif isinstance(decl, Error):
        problems.add(made.position, f"'{made.name}' is an error, expected a type")
    else:
        near = difflib.get_close_matches(made.name, list(decls), 1)
        hint = f", did you mean {near[0]}?" if near else ""
        problems.add(made.position, f"unknown type '{made.name}'{hint}")


def _check_enums_and_bytes(interface: Interface, problems: Problems) -> None:
    for one in interface.types:
        if isinstance(one, Bytes) and not 1 <= one.size <= 4096:
            problems.add(one.position, f"'{one.name}' has {one.size} bytes, expected 1 to 4096")
        if isinstance(one, Struct) and not one.fields.items:
            problems.add(one.position, f"expected at least one field in '{one.name}'")
        if not isinstance(one, Enum):
            continue
        if not one.values:
            problems.add(one.position, f"expected at least one value in '{one.name}'")
        by_name: Set[str] = set()
        by_value: Dict[int, str] = {}
        for value in one.values:
            if value.name in by_name:
                problems.add(value.position, f"'{value.name}' is declared twice")
            if value.value in by_value:
                problems.add(value.position, f"{value.value} is '{by_value[value.value]}' already")
            if value.value in one.reserved:
                problems.add(value.position, f"{value.value} is reserved")
            if value.value > limits.ENUM_VALUE_MAX:
                problems.add(value.position, f"expected a value up to {limits.ENUM_VALUE_MAX}")
            by_name.add(value.name)
            by_value[value.value] = value.name


def _check_ordinals(interface: Interface, problems: Problems) -> None:
    for each in _every_fields(interface):
        _check_unique(each.items, [one.ordinal for one in each.items], each.reserved, problems,
                      0, limits.FIELD_ORDINAL_MAX)
    methods, events, errors = interface.methods, interface.events, interface.errors
    reserved = interface.reserved
    _check_unique(methods, [one.ordinal for one in methods], reserved["method"], problems,
                  1, limits.ORDINAL_MAX)
    _check_unique(events, [one.ordinal for one in events], reserved["event"], problems,
                  1, limits.ORDINAL_MAX)
    _check_unique(errors, [one.code for one in errors], reserved["error"], problems,
                  limits.ERROR_CODE_MIN, limits.ENUM_VALUE_MAX)


def _check_unique(items: Sequence[object], ordinals: List[int], reserved: Dict[int, Position],
                  problems: Problems, least: int, most: int) -> None:
    taken: Dict[int, str] = {}
    known: Set[str] = set()
    for one, ordinal in zip(items, ordinals):
        name, position = str(getattr(one, "name")), getattr(one, "position")
        if name in known:
            problems.add(position, f"'{name}' is declared twice")
        if ordinal in reserved:
            problems.add(position, f"{ordinal} is reserved: it had another meaning once")
        elif ordinal in taken:
            problems.add(position, f"{ordinal} is the number of '{taken[ordinal]}' already")
        elif not least <= ordinal <= most:
            problems.add(position, f"expected a number between {least} and {most} for '{name}'")
        known.add(name)
        taken.setdefault(ordinal, name)


def _check_field(one: Field, problems: Problems) -> None:
    made = one.type
    _check_bounds(made, problems)
    element = made.element
    if element is not None:
        if element.kind == "blob":
            problems.add(element.position, "an array of blobs is not possible: use bytes, or a stream")
    if one.has_default:
        _check_default(one, problems)


def _check_bounds(made: Type, problems: Problems) -> None:
    if made.element is not None:
        _check_bounds(made.element, problems)
    if made.bound is None:
        return
    if made.bound == 0:
        problems.add(made.position, "expected a bound of at least 1")
    if made.kind == "int":
        problems.add(made.position, f"'{made.name}' has a sign: bounds are for u8 to u64")
    if made.kind == "uint" and made.bound >= 2**made.bits:
        problems.add(made.position, f"'{made.name}' holds at most {2**made.bits - 1}")
    if made.kind == "blob" and made.bound > limits.LINK_BLOB_BYTES_MAX:
        problems.add(made.position, f"expected a blob of at most {limits.LINK_BLOB_BYTES_MAX} bytes: "
                           "larger things go as a stream of blobs")


def _check_default(one: Field, problems: Problems) -> None:
    at = one.default_position or one.position
    made, value = one.type, one.default
    if made.optional:
        problems.add(at, "a field is optional (?) or has a default, not both")
    elif made.kind in ("uint", "int"):
        least = 0 if made.kind == "uint" else -(2 ** (made.bits - 1))
        most = 2**made.bits - 1 if made.kind == "uint" else 2 ** (made.bits - 1) - 1
        if made.bound is not None:
            most = min(most, made.bound)
        if one.default_kind != "number" or not isinstance(value, int):
            problems.add(at, f"expected a number as the default of a {made.name}")
        elif not least <= value <= most:
            problems.add(at, f"expected a default between {least} and {most}")
    elif made.kind == "bool":
        if one.default_kind != "name" or value not in ("true", "false"):
            problems.add(at, "expected 'true' or 'false' as the default")
    elif made.kind == "text":
        _check_default_text(one, at, problems)
    elif isinstance(made.decl, Enum):
        known = [each.name for each in made.decl.values]
        if one.default_kind != "name" or value not in known:
            problems.add(at, f"expected one of {', '.join(known)} as the default")
    elif made.kind != "named" or made.decl is not None:
        problems.add(at, "only numbers, bool, text and enums have defaults")


def _check_default_text(one: Field, at: Position, problems: Problems) -> None:
    if one.default_kind != "string" or not isinstance(one.default, str):
        problems.add(at, 'expected a text such as "none" as the default')
    elif not one.default.isascii() or not one.default.isprintable() or "\\" in one.default:
        problems.add(at, "expected printable ASCII without '\\' in a default")
    elif len(one.default) > (one.type.bound or 0):
        problems.add(at, f"the default has {len(one.default)} bytes, more than its bound")


def _check_since(interface: Interface, problems: Problems) -> None:
    version = interface.version
    owners = [*interface.types, *interface.errors, *interface.methods, *interface.events]
    for owner in owners:
        if owner.since > version:
            problems.add(owner.position, f"since {owner.since}, but this is version {version}")
        for each in _fields_of(owner):
            for one in each.items:
                at = one.since_position or one.position
                if one.since > version:
                    problems.add(at, f"since {one.since}, but this is version {version}")
                elif one.since > max(owner.since, 1) and one.required:
                    problems.add(at, f"'{one.name}' is new: expected it to be optional (?) or have a default")


def _fields_of(owner: object) -> List[Fields]:
    found = [getattr(owner, name, None) for name in ("fields", "args", "results")]
    return [one for one in found if isinstance(one, Fields)]


def _check_recursion(interface: Interface, problems: Problems) -> bool:
    """False if a struct holds itself or nests too deep, so that nothing may walk into it."""
    heights: Dict[str, int] = {}  # 0: being visited
    sound = True

    def refuse(position: Position, text: str) -> None:
        nonlocal sound
        problems.add(position, text)
        sound = False

    def visit(struct: Struct, depth: int) -> int:
        heights[struct.name] = 0
        height = 1
        for one in struct.fields.items:
            inner = one.type.element or one.type
            decl = inner.decl
            if not isinstance(decl, Struct):
                continue
            if heights.get(decl.name) == 0:
                refuse(inner.position, f"'{decl.name}' would hold itself: that has no bound")
            elif depth < limits.DEPTH_MAX:
                height = max(height, 1 + (heights.get(decl.name) or visit(decl, depth + 1)))
            else:
                height = limits.DEPTH_MAX + 1
        if height > limits.DEPTH_MAX:
            refuse(struct.position, f"'{struct.name}' nests deeper than {limits.DEPTH_MAX}")
        heights[struct.name] = height
        return height

    for struct in interface.structs:
        if struct.name not in heights:
            visit(struct, 1)
    return sound


def _find(fields: Fields, wanted: str, seen: Optional[Set[str]] = None) -> Optional[Field]:
    """The first field that is, or holds, something `wanted`: array, ref, blob or secret."""
    seen = set() if seen is None else seen
    for one in fields.items:
        inner = one.type.element or one.type
        if wanted in (one.type.kind, inner.kind) or (wanted == "secret" and one.secret):
            return one
        if isinstance(inner.decl, Struct) and inner.decl.name not in seen:
            seen.add(inner.decl.name)
            if _find(inner.decl.fields, wanted, seen) is not None:
                return one
    return None


def _refuse(fields: Fields, wanted: str, why: str, problems: Problems) -> None:
    found = _find(fields, wanted)
    if found is not None:
        problems.add(found.type.position, why)


def _check_places(interface: Interface, problems: Problems) -> None:
    for struct in interface.structs:
        _refuse(struct.fields, "blob", "a blob can't be inside a struct: it is a field of args, results or items",
                problems)
    for error in interface.errors:
        _refuse(error.fields, "blob", "an error can't hold a blob", problems)
        _refuse(error.fields, "array", "an error can't hold an array", problems)
        _refuse(error.fields, "ref", "an error can't hold a ref", problems)
        _refuse(error.fields, "secret", "an error can't hold a secret: it is kept and shown", problems)
    for event in interface.events:
        _refuse(event.fields, "blob", "an event can't hold a blob: let subscribers ask for it", problems)
        _refuse(event.fields, "secret", "an event can't hold a secret: any subscriber sees it", problems)
        if event.latest:
            _refuse(event.fields, "ref", "an 'overflow latest' event can't hold a ref: its value is also fetched, as "
                    "bytes that hand nothing over; use 'overflow gap', or let subscribers ask for it", problems)
    for method in interface.methods:
        for each in _fields_of(method):
            blobs = [one for one in each.items if one.type.kind == "blob"]
            for one in blobs[1:]:
                problems.add(one.type.position, f"'{blobs[0].name}' is a blob already: expected at most one in a message")
        if method.stream and method.results is not None and not method.results.items:
            problems.add(method.results.position, "expected at least one field in the items of a stream")


def _check_sizes(interface: Interface, problems: Problems) -> None:
    frame = limits.FRAME_BYTES_MAX - limits.FRAME_HEAD_BYTES
    for method in interface.methods:
        sizes.check(method.args, f"the arguments of '{method.name}'", frame, problems, method.args.position)
        if method.results is not None:
            what = f"an item of '{method.name}'" if method.stream else f"the results of '{method.name}'"
            sizes.check(method.results, what, frame, problems, method.results.position)
    for event in interface.events:
        sizes.check(event.fields, f"event '{event.name}'",
                    limits.EVENT_BYTES_MAX - limits.EVENT_HEAD_BYTES, problems, event.fields.position)
    for error in interface.errors:
        sizes.check(error.fields, f"error '{error.name}'",
                    limits.ERROR_DATA_BYTES_MAX, problems, error.fields.position)


def _check_throws(interface: Interface, problems: Problems) -> None:
    known = {one.name for one in interface.errors}
    for method in interface.methods:
        thrown: Set[str] = set()
        for name, position in method.throws:
            if name not in known:
                problems.add(position, f"unknown error '{name}'")
            if name in thrown:
                problems.add(position, f"'{name}' is named twice")
            thrown.add(name)
        if method.deadline_ms > limits.DEADLINE_MS_MAX:
            problems.add(method.position, f"expected a deadline of at most {limits.DEADLINE_MS_MAX}ms")


def _check_snapshots(interface: Interface, problems: Problems) -> None:
    """What a subscriber can follow: see LANGUAGE.md."""
    taken: Dict[str, str] = {}
    for event in interface.events:
        if not event.snapshot:
            continue
        at = event.snapshot_position or event.position
        method = next((one for one in interface.methods if one.name == event.snapshot), None)
        other = taken.setdefault(event.snapshot, event.name)
        if event.latest:
            problems.add(at, "an 'overflow latest' event is its own snapshot, whose newest value comes first: "
                         "expected 'overflow gap'")
        elif method is None:
            problems.add(at, f"unknown method '{event.snapshot}'")
        elif other != event.name:
            problems.add(at, f"'{event.snapshot}' is the snapshot of '{other}' already: tell both in one event")
        elif method.results is None or method.stream or method.args.items:
            problems.add(at, f"'{event.snapshot}' can't be a snapshot: expected no arguments and one answer")
        else:
            _check_stamp(method.results, event, at, problems)


def _check_stamp(results: Fields, event: Event, at: Position, problems: Problems) -> None:
    for name in ("epoch", "sequence"):
        one = next((each for each in results.items if each.name == name), None)
        if one is None or one.type.name != "u64" or one.type.optional or one.type.bound is not None:
            problems.add(at, f"expected '{name}:u64' in the results of '{event.snapshot}': "
                         f"up to which '{event.name}' it counts")
    _refuse(results, "secret", f"the snapshot of an event can't hold a secret: '{event.name}' can't either", problems)

"""NAME.js: an ES module with what the facade is in C: a class whose methods are the interface's, for a peer that runs in a
browser or in Node.js. What crosses the wire is described as data over web/troupe.js, which reads, writes and checks it.

Records are called as in C (names.py knows), so that nothing clashes; methods, events, fields and values as in the contract."""

import re
from typing import List

from . import canonical, limits
from .model import Bytes, Enum, Event, Field, Fields, Method, Type
from .names import Names, Record, holds_secret, inner_first

INDENT = "  "


def emit(names: Names) -> str:
    interface = names.interface
    body: List[str] = []
    for one in interface.types:
        if isinstance(one, Bytes):
            body += _doc(one.doc, "") + [f"export const {names.decl(one)} = fixed({one.size});", ""]
        elif isinstance(one, Enum):
            body += _enum(names, one)
    for struct in inner_first(interface.structs):
        body += _doc(struct.doc, "") + _record(names, names.struct(struct), "struct")
    for error in interface.errors:
        body += _doc(error.doc, "")
        body += _members(f"export const {names.decl(error)} = failure({_string(error.name)}, {error.code}, {{",
                         names, error.fields, "});")
    body += _contract(names)
    body += _methods(names) if interface.methods else []
    body += _events(names) if interface.events else []
    body += _facade(names)
    head = [f"// Generated from {names.prefix}.iface by troupe-idl js: change that file, not this one."]
    head += [f"import {{ {', '.join(_used(body))} }} from './troupe.js';", ""]
    return "\n".join(head + body).rstrip("\n") + "\n"


RUNTIME = ("Facade", "array", "blob", "bool", "bytes", "enumeration", "event", "failure", "field", "fixed", "int", "method", "ref",
           "struct", "text", "uint")


def _used(body: List[str]) -> List[str]:
    """The runtime's names that the module needs, which are never those of a record: those have a `_`."""
    code = "\n".join(line for line in body if not line.lstrip().startswith(("/**", "*")))
    return [name for name in RUNTIME if re.search(rf"(?<![\w.'\[]){name}\(|extends {name} ", code)]


def _string(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _doc(lines: List[str], indent: str, *notes: str) -> List[str]:
    said = [line.replace("*/", "* /") for line in [*lines, *notes]]
    if not said:
        return []
    if len(said) == 1:
        return [f"{indent}/** {said[0]} */"]
    return [f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in said), f"{indent} */"]


# ---- what crosses the wire -----------------------------------------------------------------------


def _enum(names: Names, enum: Enum) -> List[str]:
    lines = _doc(enum.doc, "") + [f"export const {names.decl(enum)} = enumeration({_string(enum.name)}, "
                                  f"{'true' if enum.open else 'false'}, {{"]
    for value in enum.values:
        lines += _doc(value.doc, INDENT) + [f"{INDENT}{value.name}: {value.value},"]
    return lines + ["});", ""]


def _record(names: Names, record: Record, kind: str) -> List[str]:
    return _members(f"export const {record.tag} = {kind}({_string(record.label)}, {{", names, record.fields, "});")


def _members(head: str, names: Names, fields: Fields, tail: str) -> List[str]:
    if not fields.items:
        return [f"{head}{tail}", ""]
    lines = [head]
    for one in fields.by_ordinal():
        lines += _doc(one.doc, INDENT) + [f"{INDENT}{one.name}: {_field(names, one)},"]
    return lines + [tail, ""]


def _field(names: Names, one: Field) -> str:
    made = f"field({one.ordinal}, {_type(names, one.type)}"
    if one.has_default:
        made += f", {{ preset: {_preset(one)} }}"
    elif one.type.optional:
        made += ", { optional: true }"
    return made + ")"


def _preset(one: Field) -> str:
    if isinstance(one.type.decl, Enum):
        return str(next(value.value for value in one.type.decl.values if value.name == one.default))
    if one.type.kind == "bool":
        return str(one.default)
    if isinstance(one.default, int):
        return f"{one.default}n" if one.type.bits == 64 else str(one.default)
    return _string(str(one.default))


def _type(names: Names, made: Type) -> str:
    if made.kind == "bool":
        return "bool()"
    if made.kind == "uint":
        return f"uint({made.bits}, {made.bound})" if made.bound is not None else f"uint({made.bits})"
    if made.kind == "int":
        return f"int({made.bits})"
    if made.kind == "ref":
        return f"ref({_string(made.name)})"
    if made.kind == "array":
        assert made.element is not None
        element = _type(names, made.element)
        return f"array({element}, {made.bound}, true)" if made.element.optional else f"array({element}, {made.bound})"
    if made.kind == "named":
        assert made.decl is not None
        return names.decl(made.decl)
    return f"{made.kind}({made.bound})"


# ---- what can be asked ---------------------------------------------------------------------------


def _contract(names: Names) -> List[str]:
    interface = names.interface
    return _doc(interface.doc, "") + [
        f"export const {names.prefix}_contract = Object.freeze({{",
        f"{INDENT}name: {_string(interface.name)},",
        f"{INDENT}id: {interface.id},",
        f"{INDENT}version: {interface.version},",
        f"{INDENT}hash: 0x{canonical.hash8(interface):016x}n,",
        "});", ""]


def _shape(names: Names, word: str, what: str, fields: Fields) -> List[str]:
    """A record that has no name of its own, as a member."""
    lines = _members(f"{word}: struct({_string(what)}, {{", names, fields, "}),")[:-1]
    return [INDENT * 2 + line for line in lines]


def _methods(names: Names) -> List[str]:
    errors = {error.name: names.decl(error) for error in names.interface.errors}
    lines = ["const methods = Object.freeze({"]
    for one in names.interface.methods:
        lines.append(f"{INDENT}{one.name}: method({names.prefix}_contract, {one.ordinal}, {_string(one.name)}, {{")
        lines += _shape(names, "args", one.name, one.args)
        if one.results is not None:
            lines += _shape(names, "item" if one.stream else "results", one.name, one.results)
            lines.append(f"{INDENT * 2}deadline_ms: {one.deadline_ms or limits.DEADLINE_MS},")
        if one.throws:
            lines.append(f"{INDENT * 2}throws: [{', '.join(errors[name] for name, _ in one.throws)}],")
        if one.since > 1:
            lines.append(f"{INDENT * 2}since: {one.since},")
        if holds_secret(one.args) or (one.results is not None and holds_secret(one.results)):
            lines.append(f"{INDENT * 2}secret: true,")
        lines.append(f"{INDENT}}}),")
    return lines + ["});", ""]


def _events(names: Names) -> List[str]:
    lines = ["const events = Object.freeze({"]
    for one in names.interface.events:
        lines.append(f"{INDENT}{one.name}: event({names.prefix}_contract, {one.ordinal}, {_string(one.name)}, {{")
        lines += _shape(names, "fields", one.name, one.fields)
        lines.append(f"{INDENT * 2}latest: {'true' if one.latest else 'false'},")
        if one.snapshot:
            lines.append(f"{INDENT * 2}snapshot: methods.{one.snapshot},")
        lines.append(f"{INDENT}}}),")
    return lines + ["});", ""]


def _facade(names: Names) -> List[str]:
    interface = names.interface
    lines = _doc(interface.doc, "") + [f"export class {interface.short_name} extends Facade {{",
                                       f"{INDENT}static contract = {names.prefix}_contract;"]
    for method in interface.methods:
        lines += ["", *_method(names, method)]
    for event in interface.events:
        lines += ["", *_event(names, event)]
    return lines + ["}"]


def _method(names: Names, method: Method) -> List[str]:
    notes: List[str] = []
    if method.throws:
        errors = {error.name: names.decl(error) for error in names.interface.errors}
        notes.append("Throws " + ", ".join(errors[name] for name, _ in method.throws) + ".")
    verb = "$tell" if method.oneway else "$stream" if method.stream else "$call"
    taken = ["args"] if method.args.items else []
    given = "args" if method.args.items else "{}"
    taken += [] if method.oneway else ["options"]
    passed = given if method.oneway else f"{given}, options"
    # Not `constructor() {}`, which would be the class's own.
    name = f"['{method.name}']" if method.name == "constructor" else method.name
    return [*_doc(method.doc, INDENT, *notes),
            f"{INDENT}{name}({', '.join(taken)}) {{",
            f"{INDENT * 2}return this.{verb}(methods.{method.name}, {passed});",
            f"{INDENT}}}"]


def _event(names: Names, event: Event) -> List[str]:
    lines = [*_doc(event.doc, INDENT),
             f"{INDENT}on_{event.name}(on_event) {{",
             f"{INDENT * 2}return this.$subscribe(events.{event.name}, on_event);",
             f"{INDENT}}}"]
    if event.snapshot:
        lines += ["", *_doc([f"The snapshot that {event.snapshot} gives, then each event that is newer; again after a loss."], INDENT),
                  f"{INDENT}follow_{event.name}(on_snapshot, on_event) {{",
                  f"{INDENT * 2}return this.$follow(events.{event.name}, on_snapshot, on_event);",
                  f"{INDENT}}}"]
    return lines

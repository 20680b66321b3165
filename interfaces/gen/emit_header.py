"""NAME.h: what users and servers of an interface include."""

from typing import List

from . import limits
from .canonical import type_text
from .ctext import call, comment, join, prototype, section, unsigned
from .emit_codec import prototypes as codec_prototypes
from .model import Bytes, Enum, Error, Event, Field, Method
from .names import Names, Record, borrows, snake

SELF = "struct troupe_actor *self"
TROUPE = "struct troupe *troupe"
TO = "struct troupe_ref to"
USER = "void *user"
CALL = "struct troupe_call *call"
OPTIONS = "const struct troupe_options *options"
RET_ERROR = "struct troupe_error *ret_error"
CHECKED = "TROUPE_CHECKED int"


def emit(names: Names) -> str:
    interface, prefix = names.interface, names.prefix
    lines = comment([f"{prefix}.h - interface {interface.name}, version {interface.version}: types, facade and skeleton.",
                     f"Generated from {prefix}.iface; change that, not this."]
                    + ([""] + interface.doc if interface.doc else []))
    lines += [f"#ifndef {names.guard}", f"#define {names.guard}", ""]
    lines += ['#include "bus/troupe.h"', '#include "bus/troupe_gen.h"', ""]
    lines += ["#ifdef __cplusplus", 'extern "C" {', "#endif", ""]
    lines += ["/* Its number, methods and events: what troupe_service and the bus take. */"]
    lines += [f"extern const struct troupe_interface {prefix}_interface;"]
    lines += _bounds(names) + _types(names) + _errors(names)
    if interface.methods:
        lines += _messages(names) + _handlers(names) + _replies(names) + _facade(names)
    if interface.events:
        lines += _events(names)
    lines += section("codec: one record each way, for tests and tools") + codec_prototypes(names)
    lines += ["", "#ifdef __cplusplus", "}", "#endif", "", "#endif"]
    return join(lines)


# ---- types ---------------------------------------------------------------------------------------

def _bounds(names: Names) -> List[str]:
    made = [bound for record in names.records() for bound in names.bounds(record)]
    if not made:
        return []
    return section("bounds") + [f"#define {one.constant} {unsigned(one.value)}" for one in made]


def _types(names: Names) -> List[str]:
    lines: List[str] = []
    for one in names.interface.types:
        if isinstance(one, Bytes):
            lines += comment(one.doc) + [f"struct {names.decl(one)} {{", f"    uint8_t bytes[{one.size}];", "};"]
        elif isinstance(one, Enum):
            lines += _enum(names, one)
    for element in names.maybes():
        if not element.is_struct:
            lines += _maybe(names, names.maybe_tag(element), names.c_type(element))
    structs = {names.decl(one): one for one in names.interface.structs}
    for record in names.records():
        if record.tag in structs and record.what.startswith("struct "):
            lines += comment(structs[record.tag].doc) + _record(names, record)
            lines += [line for element in names.maybes() if element.is_struct
                      and names.c_type(element) == f"struct {record.tag}"
                      for line in _maybe(names, names.maybe_tag(element), names.c_type(element))]
    return section("types") + lines if lines else []


def _enum(names: Names, enum: Enum) -> List[str]:
    note = "Open: a value that this version does not know is kept." if enum.open else "Closed: other values are refused."
    lines = comment(enum.doc + [note]) + [f"enum {names.decl(enum)} {{"]
    for one in enum.values:
        lines += comment(one.doc, 4) + [f"    {names.enum_value(enum, one.name)} = {one.value},"]
    return lines + ["};"]


def _maybe(names: Names, tag: str, c_type: str) -> List[str]:
    return [f"struct {tag} {{", "    bool has;", f"    {_declare(c_type, 'value')};", "};"]


def _declare(c_type: str, name: str) -> str:
    return f"{c_type}{name}" if c_type.endswith("*") else f"{c_type} {name}"


def _record(names: Names, record: Record) -> List[str]:
    lines = [f"struct {record.tag} {{"]
    if record.owns_message:
        lines += ["    struct troupe_message *message; /* owns what is pointed to: see the sync call */"]
    for one in record.fields.items:
        lines += comment(one.doc, 4)
        if one.type.optional:
            lines.append(f"    bool has_{one.name};")
        lines.append(f"    {_declare(names.c_type(one.type), one.name)};{_field_note(one)}")
        if one.type.kind == "array":
            lines.append(f"    size_t {one.name}_count;")
    return lines + ["};"]


def _field_note(one: Field) -> str:
    notes = []
    if one.type.bound is not None or (one.type.element is not None and one.type.element.bound is not None):
        notes.append(type_text(one.type).rstrip("?"))
    if one.type.kind == "ref":
        notes.append(f"to {one.type.name}")
    if one.has_default:
        default = f'"{one.default}"' if one.default_kind == "string" else str(one.default)
        notes.append(f"{default} if it is missing")
    if one.secret:
        notes.append("secret")
    if one.since:
        notes.append(f"since version {one.since}")
    return f" /* {', '.join(notes)} */" if notes else ""


def _errors(names: Names) -> List[str]:
    errors = names.interface.errors
    if not errors:
        return []
    lines = section("errors") + ["enum {"]
    for error in errors:
        lines += comment(error.doc, 4) + [f"    {names.error_code(error)} = {error.code},"]
    lines += ["};"]
    for error in errors:
        if error.fields.items:
            lines += _record(names, names.error(error))
    lines += ["", "/* Each answers `call` with its error and takes it over, as troupe_fail does; `text` may be NULL. */"]
    for error in errors:
        lines += prototype("int", f"{names.prefix}_fail_{snake(error.name)}", fail_parameters(names, error), ";")
    with_data = [one for one in errors if one.fields.items]
    if with_data:
        lines += ["", "/* Reads the fields of that error; texts and bytes point into `error`. TROUPE_EINVAL if its code is",
                  " * another, TROUPE_EMALFORMED if its fields are not valid. */"]
    for error in with_data:
        lines += prototype(CHECKED, f"{names.decl(error)}_from_error", from_error_parameters(names, error), ";")
    return lines


def fail_parameters(names: Names, error: Error) -> List[str]:
    data = [f"const struct {names.decl(error)} *data"] if error.fields.items else []
    return [CALL, *data, "const char *text"]


def from_error_parameters(names: Names, error: Error) -> List[str]:
    return ["const struct troupe_error *error", f"struct {names.decl(error)} *ret_data"]


def _messages(names: Names) -> List[str]:
    lines: List[str] = []
    for method in names.interface.methods:
        records = [names.args(method)] + ([] if method.oneway else [names.results(method)])
        for record in records:
            if record.fields.items:
                lines += comment([record.what[0].upper() + record.what[1:] + "."]) + _record(names, record)
    return section("messages") + lines if lines else []


# ---- skeleton ------------------------------------------------------------------------------------

def _handlers(names: Names) -> List[str]:
    lines = section("skeleton: for the actor that serves it")
    lines += comment(["What troupe_service takes as `handlers`. `state` is the actor's own; `args` [borrowed] is valid",
                      "until the function returns: after troupe_defer keep a copy, what it points to stays with the call.",
                      "An entry that is NULL answers TROUPE_EUNIMPLEMENTED."])
    lines += [f"struct {names.prefix}_handlers {{"]
    for method in names.interface.methods:
        lines += call(f"void (*{method.name})", handler_parameters(names, method), ";", 4)
    return lines + ["};"]


def handler_parameters(names: Names, method: Method) -> List[str]:
    args = [f"const struct {names.member(method)}_args *args"] if method.args.items else []
    return [SELF, "void *state", CALL, *args]


def _replies(names: Names) -> List[str]:
    about = ["Answers. Each but ..._item takes the call over, as troupe_reply does; _item is as troupe_item."]
    if any(one.snapshot for one in names.interface.events):
        about += ["The reply of an event's snapshot fills in epoch and sequence itself: it has to hold what there is",
                  "when it is sent, and to come from the actor that publishes."]
    lines = [""] + comment(about)
    before = len(lines)
    for method in names.interface.methods:
        if method.oneway:
            continue
        if method.stream:
            lines += prototype(CHECKED, f"{names.member(method)}_item", item_parameters(names, method), ";")
            lines += prototype("int", f"{names.member(method)}_end", [CALL], ";")
        else:
            lines += prototype("int", f"{names.member(method)}_reply", reply_parameters(names, method), ";")
    return lines if len(lines) > before else []


def item_parameters(names: Names, method: Method) -> List[str]:
    return [CALL, f"const struct {names.member(method)}_item *item"]


def reply_parameters(names: Names, method: Method) -> List[str]:
    has = method.results is not None and method.results.items
    return [CALL] + ([f"const struct {names.member(method)}_results *results"] if has else [])


# ---- facade --------------------------------------------------------------------------------------

def _facade(names: Names) -> List[str]:
    lines = section("facade: for those who call it")
    lines += comment(["Each method three ways: NAME waits (plain threads only), NAME_ask completes later in the actor, and",
                      f"{names.prefix}_has_NAME says whether `to` serves it. Errors are those of troupe_call, troupe_ask and",
                      "troupe_tell, and what a method throws; a value that breaks a bound is TROUPE_EINVAL and nothing is",
                      "sent. `options` and `ret_error` may be NULL. Callbacks get exactly one of `error` and results. A",
                      "oneway method has only NAME: it never waits and may be called from anywhere."])
    for method in names.interface.methods:
        lines += [""] + comment(_method_comment(names, method))
        member = names.member(method)
        if method.oneway:
            lines += prototype(CHECKED, member, sync_parameters(names, method), ";")
        else:
            if method.stream:
                lines += prototype("typedef void", f"{member}_each", each_parameters(names, method), ";")
            lines += prototype("typedef void", f"{member}_done", done_parameters(names, method), ";")
            lines += prototype(CHECKED, member, sync_parameters(names, method), ";")
            lines += prototype(CHECKED, f"{member}_ask", ask_parameters(names, method), ";")
        lines += prototype("bool", f"{names.prefix}_has_{method.name}", [TROUPE, TO], ";")
    return lines


def _method_comment(names: Names, method: Method) -> List[str]:
    lines = list(method.doc)
    notes: List[str] = []
    if method.oneway:
        notes.append("Oneway: nothing comes back.")
    else:
        per = " per item" if method.stream else ""
        notes.append(f"Deadline {method.deadline_ms or limits.DEADLINE_MS} ms{per}.")
    if method.throws:
        codes = {one.name: names.error_code(one) for one in names.interface.errors}
        notes.append("Throws " + ", ".join(codes[name] for name, _ in method.throws) + ".")
    if method.idempotent:
        notes.append("Idempotent: may be repeated after an unknown outcome.")
    if method.since:
        notes.append(f"Since version {method.since}.")
    lines.append(" ".join(notes))
    if method.results is not None and not method.stream and borrows(method.results):
        lines.append("The results of the sync call point into ret_results->message [owned]: free it with troupe_release.")
        lines.append("Those that a callback gets are [borrowed] until it returns, and their message is NULL.")
    if method.stream:
        lines.append("`on_each` runs once for each item [borrowed], with self NULL in the sync call; then the call ends.")
    return lines


def args_parameter(names: Names, method: Method) -> List[str]:
    return [f"const struct {names.member(method)}_args *args"] if method.args.items else []


def sync_parameters(names: Names, method: Method) -> List[str]:
    head = [TROUPE, TO, *args_parameter(names, method)]
    if method.oneway:
        return head
    if method.stream:
        return [*head, f"{names.member(method)}_each *on_each", USER, RET_ERROR, OPTIONS]
    has = method.results is not None and method.results.items
    results = [f"struct {names.member(method)}_results *ret_results"] if has else []
    return [*head, *results, RET_ERROR, OPTIONS]


def ask_parameters(names: Names, method: Method) -> List[str]:
    member = names.member(method)
    each = [f"{member}_each *on_each"] if method.stream else []
    return [SELF, TO, *args_parameter(names, method), *each, f"{member}_done *on_done", USER, OPTIONS]


def each_parameters(names: Names, method: Method) -> List[str]:
    return [SELF, USER, f"const struct {names.member(method)}_item *item"]


def done_parameters(names: Names, method: Method) -> List[str]:
    has = not method.stream and method.results is not None and method.results.items
    results = [f"const struct {names.member(method)}_results *results"] if has else []
    return [SELF, USER, "const struct troupe_error *error", *results]


# ---- events --------------------------------------------------------------------------------------

def _events(names: Names) -> List[str]:
    lines = section("events")
    lines += comment(["Publishing is as troupe_publish, subscribing as troupe_subscribe; disconnect with",
                      "troupe_handler_disconnect. When events were LOST `event` is NULL and info->sequence is 0."])
    if any(one.snapshot for one in names.interface.events):
        lines += [""] + comment([
            f"{names.prefix}_follow_NAME keeps a copy level with its source. on_snapshot gets all there is, at first and again",
            "whenever events were missed: it replaces the copy. on_event gets each event that came after it, once and in",
            "order, never NULL. on_snapshot with an error: the copy may be old; it is fetched again, on and on, until",
            "troupe_handler_disconnect. No callback runs before this returns. Errors: as troupe_subscribe."])
    for event in names.interface.events:
        note = "A slow subscriber keeps the newest." if event.latest else "A slow subscriber is told what it missed."
        since = f" Since version {event.since}." if event.since else ""
        lines += [""] + comment(event.doc + [note + since])
        if event.fields.items:
            lines += _record(names, names.event(event))
        member = names.member(event)
        lines += prototype("typedef void", f"{member}_fn", event_fn_parameters(names, event), ";")
        lines += prototype("int", f"{names.prefix}_publish_{event.name}", publish_parameters(names, event), ";")
        lines += prototype(CHECKED, f"{names.prefix}_on_{event.name}", on_parameters(names, event), ";")
        if event.snapshot:
            lines += prototype(CHECKED, f"{names.prefix}_follow_{event.name}", follow_parameters(names, event), ";")
    return lines


def event_fn_parameters(names: Names, event: Event) -> List[str]:
    data = [f"const struct {names.member(event)} *event"] if event.fields.items else []
    return [SELF, USER, *data, "const struct troupe_event_info *info"]


def publish_parameters(names: Names, event: Event) -> List[str]:
    return [SELF] + ([f"const struct {names.member(event)} *event"] if event.fields.items else [])


def on_parameters(names: Names, event: Event) -> List[str]:
    return [SELF, "struct troupe_ref source", f"{names.member(event)}_fn *on_event", USER,
            "struct troupe_handler **ret_handler"]


def follow_parameters(names: Names, event: Event) -> List[str]:
    snapshot = f"{names.member(names.interface.snapshot_of(event))}_done *on_snapshot"
    head = on_parameters(names, event)
    return head[:2] + [snapshot] + head[2:]

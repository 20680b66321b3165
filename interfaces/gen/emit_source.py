"""NAME.c: codec, dispatch, description, answers, facade and events."""

from typing import List

from . import canonical, limits
from .ctext import call, comment, join, prototype, section, string
from . import emit_codec, emit_header as header
from .model import Error, Event, Fields, Method
from .names import Names, holds_secret, snake


def emit(names: Names) -> str:
    interface, prefix = names.interface, names.prefix
    lines = comment([f"{prefix}.c - interface {interface.name}, version {interface.version}.",
                     f"Generated from {prefix}.iface; change that, not this. What it calls is in bus/troupe_gen.h."])
    lines += [f'#include "{names.prefix}.h"', "", "#include <string.h>"]
    lines += emit_codec.emit(names)
    if interface.methods:
        lines += section("skeleton: read the arguments, run the handler")
        for method in sorted(interface.methods, key=lambda one: one.ordinal):
            lines += _dispatch(names, method)
    lines += _description(names)
    if interface.methods:
        lines += section("answers")
        for method in interface.methods:
            lines += _answers(names, method)
    for error in interface.errors:
        lines += _error(names, error)
    if interface.methods:
        lines += section("facade")
        for method in interface.methods:
            lines += _facade(names, method)
    if interface.events:
        lines += section("events")
        for event in interface.events:
            lines += _event(names, event)
    return join(lines)


def _function(returns: str, name: str, parameters: List[str], body: List[str]) -> List[str]:
    return prototype(returns, name, parameters) + ["{"] + [f"    {line}" if line else "" for line in body] + ["}", ""]


def _call(head: str, arguments: List[str], indent: int = 0) -> List[str]:
    """A statement of a function's body, which _function moves in by 4."""
    return [line[4:] for line in call(head, arguments, ";", indent + 4)]


def _wipe(fields: Fields, name: str) -> List[str]:
    return [f"explicit_bzero(&{name}, sizeof({name}));"] if holds_secret(fields) else []


def _write(names: Names, tag: str, fields: Fields, value: str) -> List[str]:
    """Statements that put one message into `writer`."""
    put = f"{tag}_write(&writer, {value});" if fields.items else "troupe_put_map(&writer, 0);"
    return ["troupe_writer_init(&writer);", put]


def _read(names: Names, tag: str, fields: Fields, value: str) -> str:
    return f"{tag}_read(reader, &{value});" if fields.items else f"{names.nothing_read()}(reader);"


# ---- skeleton ------------------------------------------------------------------------------------

def _dispatch(names: Names, method: Method) -> List[str]:
    tag, what = f"{names.member(method)}_args", f"{names.prefix}.{method.name}"
    body = [f"const struct {names.prefix}_handlers *table = handlers;"]
    body += [f"struct {tag} args;"] if method.args.items else []
    body += ["", f"if (table->{method.name} == NULL) {{"]
    body += _call("(void)troupe_fail", ["call", "TROUPE_EUNIMPLEMENTED", string(what + " is not served here")], 4)
    body += ["    return;", "}"]
    body += [_read(names, tag, method.args, "args")]
    body += ["if (troupe_reader_finish(reader, NULL) != 0) {", "    troupe_gen_refuse(call, reader);"]
    body += [f"    {line}" for line in _wipe(method.args, "args")]
    body += ["    return;", "}"]
    body += [f"table->{method.name}(self, state, call{', &args' if method.args.items else ''});"]
    body += _wipe(method.args, "args")
    return _function("static void", f"{names.member(method)}_dispatch",
                     ["const void *handlers", header.SELF, "void *state", header.CALL,
                      "struct troupe_reader *reader"], body)


def _answers(names: Names, method: Method) -> List[str]:
    if method.results is None:
        return []
    member = names.member(method)
    if method.stream:
        body = ["struct troupe_writer writer;", ""] + _write(names, f"{member}_item", method.results, "item")
        lines = _function("int", f"{member}_item", header.item_parameters(names, method),
                          body + ["return troupe_gen_item(call, &writer);"])
        body = ["struct troupe_writer writer;", ""] + _write(names, "", Fields(method.position), "")
        return lines + _function("int", f"{member}_end", [header.CALL],
                                 body + ["return troupe_gen_reply(call, &writer);"])
    event = names.interface.followed_by(method)
    if event is not None:
        body = ["struct troupe_writer writer;", f"struct {member}_results stamped = *results;", ""]
        body += _call("troupe_gen_stamp", ["call", _event_at(names, event), "&stamped.epoch", "&stamped.sequence"])
        body += _write(names, f"{member}_results", method.results, "&stamped")
    else:
        body = ["struct troupe_writer writer;", ""] + _write(names, f"{member}_results", method.results, "results")
    return _function("int", f"{member}_reply", header.reply_parameters(names, method),
                     body + ["return troupe_gen_reply(call, &writer);"])


def _error(names: Names, error: Error) -> List[str]:
    tag, code = names.decl(error), names.error_code(error)
    body = ["struct troupe_writer writer;", ""] + _write(names, tag, error.fields, "data")
    lines = _function("int", f"{names.prefix}_fail_{snake(error.name)}", header.fail_parameters(names, error),
                      body + [f"return troupe_gen_fail(call, {code}, &writer, text);"])
    if not error.fields.items:
        return lines
    body = ["struct troupe_reader reader;", f"struct {tag} data;", "int err;", "",
            f"if (error->code != {code})", "    return TROUPE_EINVAL;",
            "troupe_gen_error_reader(error, &reader);",
            f"{tag}_read(&reader, &data);",
            "err = troupe_reader_finish(&reader, NULL);",
            "if (err != 0)", "    return err;",
            "*ret_data = data;", "return 0;"]
    return lines + _function("int", f"{tag}_from_error", header.from_error_parameters(names, error), body)


# ---- description ---------------------------------------------------------------------------------

def _description(names: Names) -> List[str]:
    interface, prefix = names.interface, names.prefix
    lines = section("description")
    methods = sorted(interface.methods, key=lambda one: one.ordinal)
    events = sorted(interface.events, key=lambda one: one.ordinal)
    if methods:
        lines += [f"static const struct troupe_method {prefix}_methods[{len(methods)}] = {{"]
        for method in methods:
            lines += _describe_method(names, method)
        lines += ["};"]
    if events:
        lines += [f"static const struct troupe_event {prefix}_events[{len(events)}] = {{"]
        for event in events:
            overflow = "TROUPE_LATEST" if event.latest else "TROUPE_GAP"
            lines += ["    {", f"        .interface = &{prefix}_interface,", f"        .ordinal = {event.ordinal},",
                      f"        .overflow = {overflow},", f"        .name = {string(event.name)},"]
            lines += _describe_snapshot(names, event) + ["    },"]
        lines += ["};"]
    lines += ["", f"const struct troupe_interface {prefix}_interface = {{",
              f"    .id = {interface.id},",
              f"    .version = {interface.version},",
              f"    .hash = UINT64_C(0x{canonical.hash8(interface):016x}),",
              f"    .name = {string(interface.name)},"]
    if methods:
        lines += [f"    .methods = {prefix}_methods,", f"    .methods_count = {len(methods)},"]
    if events:
        lines += [f"    .events = {prefix}_events,", f"    .events_count = {len(events)},"]
    text = canonical.text(interface, docs=True).splitlines()
    lines += ["    .text ="] + [f"        {string(line)[:-1]}\\n\"" for line in text]
    lines[-1] += ","
    return lines + ["};"]


def _describe_method(names: Names, method: Method) -> List[str]:
    flags = []
    flags += ["TROUPE_IDEMPOTENT"] if method.idempotent else []
    flags += ["TROUPE_STREAM"] if method.stream else []
    flags += ["TROUPE_ONEWAY"] if method.oneway else []
    flags += ["TROUPE_SECRET_ARGS"] if holds_secret(method.args) else []
    flags += ["TROUPE_SECRET_RESULTS"] if method.results is not None and holds_secret(method.results) else []
    lines = ["    {", f"        .interface = &{names.prefix}_interface,", f"        .ordinal = {method.ordinal},"]
    lines += [f"        .flags = {' | '.join(flags)},"] if flags else []
    lines += [] if method.oneway else [f"        .deadline_ms = {method.deadline_ms or limits.DEADLINE_MS},"]
    lines += _blob_max(method.args, "args", names.args(method), names)
    if method.results is not None:
        lines += _blob_max(method.results, "results", names.results(method), names)
    lines += [f"        .since = {method.since},"] if method.since else []
    lines += [f"        .name = {string(method.name)},", f"        .dispatch = {names.member(method)}_dispatch,"]
    return lines + ["    },"]


def _describe_snapshot(names: Names, event: Event) -> List[str]:
    if not event.snapshot:
        return []
    method = names.interface.snapshot_of(event)
    ordinals = {one.name: one.ordinal for one in (method.results.items if method.results is not None else [])}
    return [f"        .snapshot = {_method_at(names, method)},",
            f"        .epoch_ordinal = {ordinals['epoch']},", f"        .sequence_ordinal = {ordinals['sequence']},"]


def _blob_max(fields: Fields, which: str, record: "header.Record", names: Names) -> List[str]:
    blobs = [one for one in fields.items if one.type.kind == "blob"]
    return [f"        .blob_{which}_bytes_max = {names.bound(record, one)}," for one in blobs]


def _method_at(names: Names, method: Method) -> str:
    ordered = sorted(one.ordinal for one in names.interface.methods)
    return f"&{names.prefix}_methods[{ordered.index(method.ordinal)}]"


def _event_at(names: Names, event: Event) -> str:
    ordered = sorted(one.ordinal for one in names.interface.events)
    return f"&{names.prefix}_events[{ordered.index(event.ordinal)}]"


# ---- facade --------------------------------------------------------------------------------------

def _facade(names: Names, method: Method) -> List[str]:
    member, at = names.member(method), _method_at(names, method)
    if method.results is None:
        body = ["struct troupe_writer writer;", ""] + _write(names, f"{member}_args", method.args, "args")
        lines = _function("int", member, header.sync_parameters(names, method),
                          body + [f"return troupe_gen_tell(troupe, to, {at}, &writer);"])
    elif method.stream:
        lines = _stream(names, method, at)
    else:
        lines = _typed_done(names, method) + _sync(names, method, at) + _ask(names, method, at)
    return lines + _function("bool", f"{names.prefix}_has_{method.name}", [header.TROUPE, header.TO],
                             [f"return troupe_gen_has(troupe, to, {at});"])


TYPED = [header.SELF, "troupe_any_fn *on_done", header.USER, "const struct troupe_error *error",
         "struct troupe_reader *reader"]


def _typed_done(names: Names, method: Method) -> List[str]:
    """Between the bus and the user's on_done."""
    assert method.results is not None
    member = names.member(method)
    results = Fields(method.position) if method.stream else method.results
    none, some = (", NULL", ", &results") if results.items else ("", "")
    body = [f"{member}_done *done = ({member}_done *)on_done;"]
    body += [f"struct {member}_results results;"] if results.items else []
    body += ["struct troupe_error failure;", "",
             "if (error != NULL) {", f"    done(self, user, error{none});", "    return;", "}",
             _read(names, f"{member}_results", results, "results"),
             "if (troupe_reader_finish(reader, &failure) != 0)",
             f"    done(self, user, &failure{none});",
             "else",
             f"    done(self, user, NULL{some});"]
    body += _wipe(results, "results")
    return _function("static void", f"{member}_typed", TYPED, body)


def _sync(names: Names, method: Method, at: str) -> List[str]:
    assert method.results is not None
    member, results = names.member(method), method.results
    owns = names.results(method).owns_message
    body = ["struct troupe_writer writer;", "struct troupe_reader reader;", "struct troupe_message *message;"]
    body += [f"struct {member}_results results;"] if results.items else []
    body += ["int err;", ""] + _write(names, f"{member}_args", method.args, "args")
    body += _call("err = troupe_gen_call",
                  ["troupe", "to", at, "&writer", "&reader", "&message", "ret_error", "options"])
    body += ["if (err != 0)", "    return err;",
             _read(names, f"{member}_results", results, "results").replace("(reader", "(&reader"),
             "err = troupe_reader_finish(&reader, ret_error);"]
    if not results.items:
        body += ["troupe_release(message);", "return err;"]
    elif owns:
        body += ["if (err != 0) {", "    troupe_release(message);", "    return err;", "}",
                 "results.message = message;", "*ret_results = results;"]
        body += _wipe(results, "results") + ["return 0;"]
    else:
        body += ["if (err == 0)", "    *ret_results = results;"]
        body += _wipe(results, "results") + ["troupe_release(message);", "return err;"]
    return _function("int", member, header.sync_parameters(names, method), body)


def _ask(names: Names, method: Method, at: str) -> List[str]:
    member = names.member(method)
    body = ["struct troupe_writer writer;", ""] + _write(names, f"{member}_args", method.args, "args")
    body += _call("return troupe_gen_ask", ["self", "to", at, "&writer", f"{member}_typed",
                                            "(troupe_any_fn *)on_done", "user", "options"])
    return _function("int", f"{member}_ask", header.ask_parameters(names, method), body)


def _stream(names: Names, method: Method, at: str) -> List[str]:
    assert method.results is not None
    member = names.member(method)
    write = ["struct troupe_writer writer;", ""] + _write(names, f"{member}_args", method.args, "args")
    body = [f"{member}_each *each = ({member}_each *)on_item;", f"struct {member}_item item;", "",
            "(void)error; /* an item has none */",
            f"{member}_item_read(reader, &item);",
            "if (troupe_reader_finish(reader, NULL) == 0)",
            "    each(self, user, &item);"] + _wipe(method.results, "item")
    typed = [one.replace("on_done", "on_item") for one in TYPED]
    lines = comment(["An item that is not valid stays unread: the bus sees that in the reader and ends the call."])
    lines += _function("static void", f"{member}_item_typed", typed, body)
    lines += _typed_done(names, method)
    body = write + _call("return troupe_gen_call_stream",
                         ["troupe", "to", at, "&writer", f"{member}_item_typed", "(troupe_any_fn *)on_each", "user",
                          "ret_error", "options"])
    lines += _function("int", member, header.sync_parameters(names, method), body)
    body = write + _call("return troupe_gen_ask_stream",
                         ["self", "to", at, "&writer", f"{member}_item_typed", "(troupe_any_fn *)on_each",
                          f"{member}_typed", "(troupe_any_fn *)on_done", "user", "options"])
    return lines + _function("int", f"{member}_ask", header.ask_parameters(names, method), body)


# ---- events --------------------------------------------------------------------------------------

def _event(names: Names, event: Event) -> List[str]:
    member, prefix, at = names.member(event), names.prefix, _event_at(names, event)
    data = bool(event.fields.items)
    body = [f"{member}_fn *fn = ({member}_fn *)on_event;"]
    body += [f"struct {member} event;"] if data else []
    body += ["", "if (reader == NULL) {", f"    fn(self, user, {'NULL, ' if data else ''}info);", "    return;", "}",
             _read(names, member, event.fields, "event"),
             "if (troupe_reader_finish(reader, NULL) == 0)",
             f"    fn(self, user, {'&event, ' if data else ''}info);"]
    lines = _function("static void", f"{member}_typed",
                      [header.SELF, "troupe_any_fn *on_event", header.USER, "struct troupe_reader *reader",
                       "const struct troupe_event_info *info"], body)
    body = ["struct troupe_writer writer;", ""] + _write(names, member, event.fields, "event")
    lines += _function("int", f"{prefix}_publish_{event.name}", header.publish_parameters(names, event),
                       body + [f"return troupe_gen_publish(self, {at}, &writer);"])
    body = _call("return troupe_gen_subscribe",
                 ["self", "source", at, f"{member}_typed", "(troupe_any_fn *)on_event", "user", "ret_handler"])
    lines += _function("int", f"{prefix}_on_{event.name}", header.on_parameters(names, event), body)
    if not event.snapshot:
        return lines
    method = names.member(names.interface.snapshot_of(event))
    body = _call("return troupe_gen_follow",
                 ["self", "source", at, f"{method}_typed", "(troupe_any_fn *)on_snapshot", f"{member}_typed",
                  "(troupe_any_fn *)on_event", "user", "ret_handler"])
    return lines + _function("int", f"{prefix}_follow_{event.name}", header.follow_parameters(names, event), body)

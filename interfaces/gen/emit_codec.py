"""The codec in NAME.c: for every record a `_write` and a `_read` that a person can step through,
one statement per field; for every array field a pair of small functions of its own."""

from typing import List

from .ctext import call, number, section, string, unsigned
from .model import Enum, Field, Type
from .names import Names, Record


def emit(names: Names) -> List[str]:
    lines = section("codec")
    if _needs_nothing(names):
        lines += _nothing_read(names)
    for one in names.interface.types:
        if isinstance(one, Enum):
            lines += _enum_write(names, one) + _enum_read(names, one)
    for record in names.records():
        for one in record.fields.items:
            if one.type.kind == "array":
                lines += _array_write(names, record, one) + _array_read(names, record, one)
        lines += _record_write(names, record) + _record_read(names, record)
    return lines


def prototypes(names: Names) -> List[str]:
    """For the header."""
    lines: List[str] = []
    for one in names.interface.types:
        if isinstance(one, Enum):
            lines += _enum_write_head(names, one, ";") + _enum_read_head(names, one, ";")
    for record in names.records():
        lines += _write_head(record.tag, ";") + _read_head(record.tag, ";")
    return lines


def _needs_nothing(names: Names) -> bool:
    interface = names.interface
    methods = any(not one.args.items or (one.results is not None and (one.stream or not one.results.items))
                  for one in interface.methods)
    return methods or any(not one.fields.items for one in interface.events)


def _nothing_read(names: Names) -> List[str]:
    return [
        "/* A map of which this version knows no field. */",
        f"static void {names.nothing_read()}(struct troupe_reader *reader)",
        "{",
        "    struct troupe_map map;",
        "    uint64_t key;",
        "",
        "    troupe_get_map(reader, &map);",
        "    while (troupe_get_key(reader, &map, &key))",
        "        troupe_get_skip(reader);",
        "}",
        "",
    ]


# ---- enums ---------------------------------------------------------------------------------------

def _enum_write_head(names: Names, enum: Enum, tail: str = "") -> List[str]:
    tag = names.decl(enum)
    return call(f"void {tag}_write", ["struct troupe_writer *writer", f"enum {tag} value", "const char *what"], tail)


def _enum_read_head(names: Names, enum: Enum, tail: str = "") -> List[str]:
    tag = names.decl(enum)
    return call(f"enum {tag} {tag}_read", ["struct troupe_reader *reader", "const char *what"], tail)


def _enum_cases(names: Names, enum: Enum) -> List[str]:
    return [f"    case {names.enum_value(enum, one.name)}:" for one in enum.values]


def _enum_write(names: Names, enum: Enum) -> List[str]:
    lines = _enum_write_head(names, enum) + ["{"]
    if enum.open:
        return lines + [
            "    if ((uint64_t)value > INT32_MAX)",
            "        troupe_put_invalid(writer, what);",
            "    else",
            "        troupe_put_uint(writer, (uint64_t)value);",
            "}",
            "",
        ]
    lines += ["    switch (value) {"] + _enum_cases(names, enum)
    return lines + [
        "        troupe_put_uint(writer, (uint64_t)value);",
        "        break;",
        "    default:",
        "        troupe_put_invalid(writer, what);",
        "        break;",
        "    }",
        "}",
        "",
    ]


def _enum_read(names: Names, enum: Enum) -> List[str]:
    tag = names.decl(enum)
    lines = _enum_read_head(names, enum) + ["{"]
    lines += call(f"enum {tag} value = (enum {tag})troupe_get_uint", ["reader", "INT32_MAX", "what"], ";", 4)
    lines += [""]
    if not enum.open:
        lines += ["    switch (value) {"] + _enum_cases(names, enum)
        lines += [
            "        break;",
            "    default:",
            "        troupe_get_invalid(reader, what);",
            "        break;",
            "    }",
        ]
    return lines + ["    return value;", "}", ""]


# ---- arrays --------------------------------------------------------------------------------------

def _array_write(names: Names, record: Record, one: Field) -> List[str]:
    element = one.type.element
    assert element is not None
    what, count = string(f"{record.label}.{one.name}"), f"value->{one.name}_count"
    lines = call(f"static void {names.array_codec(record, one, 'write')}",
                 ["struct troupe_writer *writer", f"const struct {record.tag} *value"], "")
    lines += ["{"]
    lines += call("troupe_put_array", ["writer", count, names.bound(record, one), what], ";", 4)
    # A count over the bound must not be walked: nobody knows whether there is memory behind it.
    lines += [f"    for (size_t i = 0; i < {count} && writer->error == 0; i++) {{"]
    target = f"value->{one.name}[i]"
    limit = names.each_bound(record, one)
    if element.optional:
        lines += [f"        if (!{target}.has) {{", "            troupe_put_null(writer);", "            continue;", "        }"]
        target += ".value"
    lines += _put(names, element, target, limit, what, 8)
    return lines + ["    }", "}", ""]


def _array_read(names: Names, record: Record, one: Field) -> List[str]:
    element = one.type.element
    assert element is not None
    what = string(f"{record.label}.{one.name}")
    c_type = names.element_type(one.type)
    lines = call(f"static void {names.array_codec(record, one, 'read')}",
                 ["struct troupe_reader *reader", f"struct {record.tag} *value"], "")
    lines += ["{", f"    {c_type} *items;", "    size_t count = 0;", ""]
    lines += call("items = troupe_get_array",
                  ["reader", names.bound(record, one), "sizeof(*items)", "&count", what], ";", 4)
    lines += ["    if (items == NULL)", "        count = 0;"]
    lines += ["    for (size_t i = 0; i < count && reader->error == 0; i++) {"]
    target = "items[i]"
    limit = names.each_bound(record, one)
    if element.optional:
        lines += ["        if (troupe_get_null(reader))", "            continue;", "        items[i].has = true;"]
        target += ".value"
    lines += _get(names, element, target, limit, what, 8)
    lines += ["    }", "    troupe_get_array_end(reader);"]
    return lines + [f"    value->{one.name} = items;", f"    value->{one.name}_count = count;", "}", ""]


# ---- records -------------------------------------------------------------------------------------

def _write_head(tag: str, tail: str = "") -> List[str]:
    return call(f"void {tag}_write", ["struct troupe_writer *writer", f"const struct {tag} *value"], tail)


def _read_head(tag: str, tail: str = "") -> List[str]:
    return call(f"void {tag}_read", ["struct troupe_reader *reader", f"struct {tag} *value"], tail)


def _record_write(names: Names, record: Record) -> List[str]:
    fields = record.fields.by_ordinal()
    always = sum(1 for one in fields if one.required)
    lines = _write_head(record.tag) + ["{"]
    if always == len(fields):
        lines.append(f"    troupe_put_map(writer, {always});")
    else:
        lines += [f"    size_t pairs = {always};", ""]
        for one in fields:
            if not one.required:
                lines += [f"    if ({_is_there(names, one)})", "        pairs++;"]
        lines.append("    troupe_put_map(writer, pairs);")
    for one in fields:
        if one.required:
            lines += _put_field(names, record, one, 4)
        else:
            lines += [f"    if ({_is_there(names, one)}) {{"] + _put_field(names, record, one, 8) + ["    }"]
    return lines + ["}", ""]


def _put_field(names: Names, record: Record, one: Field, indent: int) -> List[str]:
    lines = [f"{' ' * indent}troupe_put_uint(writer, {one.ordinal});"]
    if one.type.kind == "array":
        return lines + [f"{' ' * indent}{names.array_codec(record, one, 'write')}(writer, value);"]
    what = string(f"{record.label}.{one.name}")
    return lines + _put(names, one.type, f"value->{one.name}", names.bound(record, one), what, indent)


def _is_there(names: Names, one: Field) -> str:
    """The condition under which a field that may be missing is written."""
    target = f"value->{one.name}"
    if one.type.optional:
        return f"value->has_{one.name}"
    if one.type.kind == "bool":
        return f"!{target}" if one.default == "true" else target
    if one.type.kind == "text":
        size = len(str(one.default))
        same = f"{target}.size != {size}"
        return f"{same} || memcmp({target}.data, {string(str(one.default))}, {size}) != 0" if size else same
    return f"{target} != {default_value(names, one)}"


def default_value(names: Names, one: Field) -> str:
    """As a C expression; not for text."""
    if isinstance(one.type.decl, Enum):
        return names.enum_value(one.type.decl, str(one.default))
    if one.type.kind == "bool":
        return str(one.default)
    assert isinstance(one.default, int)
    return unsigned(one.default) if one.type.kind == "uint" else number(one.default)


def _record_read(names: Names, record: Record) -> List[str]:
    fields = record.fields.by_ordinal()
    required = sum(1 << one.ordinal for one in fields if one.required)
    lines = _read_head(record.tag)
    lines += ["{", "    struct troupe_map map;", "    uint64_t key;"]
    lines += ["    uint64_t seen = 0;"] if required else []
    lines += ["", "    memset(value, 0, sizeof(*value));"]
    for one in fields:
        if one.has_default:
            lines += _set_default(names, one)
    lines += ["    troupe_get_map(reader, &map);", "    while (troupe_get_key(reader, &map, &key)) {", "        switch (key) {"]
    for one in fields:
        lines += [f"        case {one.ordinal}:"] + _get_field(names, record, one)
        lines += [f"            seen |= UINT64_C(1) << {one.ordinal};"] if one.required else []
        lines += ["            break;"]
    lines += ["        default:", "            troupe_get_skip(reader);", "            break;", "        }", "    }"]
    if required:
        lines += [f"    troupe_get_require(reader, seen, UINT64_C(0x{required:x}), {string(record.label)});"]
    return lines + ["}", ""]


def _set_default(names: Names, one: Field) -> List[str]:
    if one.type.kind == "text":
        if not one.default:
            return []
        return [f"    value->{one.name} = troupe_text({string(str(one.default))});"]
    value = default_value(names, one)
    return [] if value in ("0", "false") else [f"    value->{one.name} = {value};"]


def _get_field(names: Names, record: Record, one: Field) -> List[str]:
    lines = [f"            value->has_{one.name} = true;"] if one.type.optional else []
    if one.type.kind == "array":
        return lines + [f"            {names.array_codec(record, one, 'read')}(reader, value);"]
    what = string(f"{record.label}.{one.name}")
    return lines + _get(names, one.type, f"value->{one.name}", names.bound(record, one), what, 12)


# ---- values --------------------------------------------------------------------------------------

def _put(names: Names, made: Type, target: str, limit: str, what: str, indent: int) -> List[str]:
    """The statements that write `target`."""
    space = " " * indent
    if made.kind == "uint" and made.bound is not None and made.bound < 2**made.bits - 1:
        return [f"{space}if ({target} > {limit})", f"{space}    troupe_put_invalid(writer, {what});",
                f"{space}troupe_put_uint(writer, {target});"]
    if made.kind in ("bool", "uint", "int", "ref"):
        return [f"{space}troupe_put_{made.kind}(writer, {target});"]
    if made.kind in ("text", "bytes", "blob"):
        return call(f"troupe_put_{made.kind}", ["writer", target, limit, what], ";", indent)
    if made.is_fixed:
        return [f"{space}troupe_put_fixed(writer, {target}.bytes, sizeof({target}.bytes));"]
    assert made.decl is not None
    tag = names.decl(made.decl)
    if made.is_enum:
        return call(f"{tag}_write", ["writer", target, what], ";", indent)
    return [f"{space}{tag}_write(writer, &{target});"]


def _get(names: Names, made: Type, target: str, limit: str, what: str, indent: int) -> List[str]:
    """The statements that read into `target`."""
    space = " " * indent
    if made.kind == "bool":
        return [f"{space}{target} = troupe_get_bool(reader, {what});"]
    if made.kind == "uint":
        most = limit if made.bound is not None else f"UINT{made.bits}_MAX"
        cast = "" if made.bits == 64 else f"(uint{made.bits}_t)"
        return call(f"{target} = {cast}troupe_get_uint", ["reader", most, what], ";", indent)
    if made.kind == "int":
        cast = "" if made.bits == 64 else f"(int{made.bits}_t)"
        limits = [f"INT{made.bits}_MIN", f"INT{made.bits}_MAX"]
        return call(f"{target} = {cast}troupe_get_int", ["reader", *limits, what], ";", indent)
    if made.kind in ("text", "bytes", "blob"):
        return call(f"{target} = troupe_get_{made.kind}", ["reader", limit, what], ";", indent)
    if made.kind == "ref":
        return [f"{space}{target} = troupe_get_ref(reader, {what});"]
    if made.is_fixed:
        return call("troupe_get_fixed", ["reader", f"{target}.bytes", f"sizeof({target}.bytes)", what], ";", indent)
    assert made.decl is not None
    tag = names.decl(made.decl)
    if made.is_enum:
        return call(f"{target} = {tag}_read", ["reader", what], ";", indent)
    return [f"{space}{tag}_read(reader, &{target});"]

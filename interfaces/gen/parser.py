"""Tokens to model. Hand-written recursive descent; after an error it goes on at the next
declaration, so that one run shows what is wrong in each."""

import re
from typing import Dict, List, Optional

from .lexer import Token, decode, tokens
from .model import (Bytes, Enum, EnumValue, Error, Event, Field, Fields, Interface, Method, Position,
                    Problems, Struct, Type)

DECLARATIONS = ("bytes", "enum", "struct", "error", "method", "event", "reserved")
INTEGER = re.compile(r"([ui])(8|16|32|64)")
SIZE_UNITS = {"": 1, "KiB": 1024, "MiB": 1024 * 1024}
TIME_UNITS = {"ms": 1, "s": 1000, "m": 60 * 1000, "h": 3600 * 1000}
TYPE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
FIELD_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
NUMBER_DIGITS_MAX = 20


class Failed(Exception):
    """One declaration can't be read on; the problem is on record."""


def parse(path: str, data: bytes, problems: Problems) -> Interface:
    """The interface in `data`. What is wrong goes to `problems`; then the result is not complete."""
    text = decode(data, problems)
    if text is None:
        return Interface(path)
    return Parser(path, tokens(text, problems), problems).interface()


class Parser:
    def __init__(self, path: str, made: List[Token], problems: Problems):
        self.path = path
        self.tokens = made
        self.at = 0
        self.problems = problems

    # ---- tokens ---------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def fail(self, expected: str, position: Optional[Position] = None) -> Failed:
        """Records that `expected` was not there; for `raise`."""
        before = self.tokens[self.at - 1].text if self.at > 0 else ""
        after = f" after '{before}'" if before else ""
        found = f"'{self.token.text}'" if self.token.kind != "end" else "the end of the file"
        self.problems.add(position or self.token.position, f"expected {expected}{after}, found {found}")
        return Failed()

    def step(self) -> Token:
        token = self.token
        if token.doc:
            self.problems.add(token.position, "doc lines (##) must come right before what they describe")
        if token.kind != "end":
            self.at += 1
        return token

    def is_mark(self, text: str) -> bool:
        return self.token.kind == "mark" and self.token.text == text

    def is_word(self, text: str) -> bool:
        return self.token.kind == "name" and self.token.text == text

    def accept(self, text: str) -> bool:
        if self.token.kind in ("mark", "name") and self.token.text == text:
            self.step()
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.fail(f"'{text}'")

    def doc(self) -> List[str]:
        """Takes the doc lines before the coming token."""
        taken = self.token.doc
        self.token.doc = []
        return taken

    def name(self, pattern: "re.Pattern[str]", expected: str) -> str:
        if self.token.kind != "name" or not pattern.fullmatch(self.token.text):
            raise self.fail(expected)
        return self.step().text

    def number(self, expected: str) -> int:
        if self.token.kind != "number" or not self.token.text.isdigit():
            raise self.fail(expected)
        if len(self.token.text) > NUMBER_DIGITS_MAX:
            raise self.fail("a number below 2^64")
        return int(self.step().text)

    def measure(self, units: Dict[str, int], expected: str) -> int:
        """A number with a unit, such as 4MiB or 500ms."""
        match = re.fullmatch(r"([0-9]+)([A-Za-z]*)", self.token.text)
        if self.token.kind != "number" or match is None or match[2] not in units:
            raise self.fail(expected)
        if len(match[1]) > NUMBER_DIGITS_MAX:
            raise self.fail("a number below 2^64")
        self.step()
        return int(match[1]) * units[match[2]]

    def ordinal(self, what: str) -> int:
        self.expect("@")
        return self.number(f"the {what}'s number, such as @1")

    def numbers(self, into: Dict[int, Position]) -> None:
        """The list after 'reserved'."""
        while True:
            position = self.token.position
            into.setdefault(self.number("a number that is no longer used"), position)
            if not self.accept(","):
                return

    def since(self) -> int:
        return self.number("a version, such as since 2") if self.accept("since") else 0

    # ---- declarations ---------------------------------------------------------------------

    def interface(self) -> Interface:
        interface = Interface(self.path)
        try:
            self.head(interface)
        except Failed:
            self.recover()
        while self.token.kind != "end":
            try:
                self.declaration(interface)
            except Failed:
                self.recover()
        if self.token.doc:
            self.step()
        return interface

    def recover(self) -> None:
        while True:
            self.doc()
            if self.token.kind == "end":
                return
            if self.token.first_on_line and self.token.text in DECLARATIONS and self.at > 0:
                return
            self.at += 1

    def head(self, interface: Interface) -> None:
        interface.doc = self.doc()
        if not self.is_word("interface"):
            raise self.fail("'interface NAME @ID version N' first")
        self.step()
        interface.position = self.token.position
        parts = [self.name(re.compile("[A-Za-z][A-Za-z0-9]*"), "a name such as troupe.Node")]
        while self.accept("."):
            parts.append(self.name(re.compile("[A-Za-z][A-Za-z0-9]*"), "a name"))
        if not TYPE_NAME.fullmatch(parts[-1]):
            self.at -= 1
            self.problems.add(self.token.position, "the last part of the name must begin with a capital")
            raise Failed()
        interface.name = ".".join(parts)
        interface.id = self.ordinal("interface")
        self.expect("version")
        interface.version = self.number("a version number")

    def declaration(self, interface: Interface) -> None:
        doc = self.doc()
        word = self.token.text if self.token.kind == "name" else ""
        if word not in DECLARATIONS:
            raise self.fail("a declaration (" + ", ".join(DECLARATIONS) + ")")
        self.step()
        if word == "reserved":
            self.reserved(interface)
            return
        declare = {
            "bytes": self.declare_bytes,
            "enum": self.declare_enum,
            "struct": self.declare_struct,
            "error": self.declare_error,
            "method": self.declare_method,
            "event": self.declare_event,
        }[word]
        declare(interface, self.token.position, doc)

    def reserved(self, interface: Interface) -> None:
        for what in interface.reserved:
            if self.accept(what):
                self.numbers(interface.reserved[what])
                return
        raise self.fail("'method', 'event' or 'error'")

    def declare_bytes(self, interface: Interface, position: Position, doc: List[str]) -> None:
        name = self.name(TYPE_NAME, "a type name such as Hash32")
        self.expect("[")
        size = self.measure(SIZE_UNITS, "a size in bytes")
        self.expect("]")
        interface.types.append(Bytes(name, size, position, self.since(), doc))

    def declare_enum(self, interface: Interface, position: Position, doc: List[str]) -> None:
        name = self.name(TYPE_NAME, "a type name such as Network")
        if not self.is_word("open") and not self.is_word("closed"):
            raise self.fail("'open' (unknown values are kept) or 'closed' (they are refused)")
        enum = Enum(name, self.step().text == "open", position, doc=doc)
        enum.since = self.since()
        self.expect("{")
        while not self.accept("}"):
            if self.accept("reserved"):
                self.numbers(enum.reserved)
            else:
                value_doc, at = self.doc(), self.token.position
                value_name = self.name(FIELD_NAME, "a value such as main=0, or '}'")
                self.expect("=")
                value = self.number("the value's number")
                enum.values.append(EnumValue(value_name, value, at, value_doc))
            self.accept(";")
        interface.types.append(enum)

    def declare_struct(self, interface: Interface, position: Position, doc: List[str]) -> None:
        name = self.name(TYPE_NAME, "a type name such as Tip")
        since = self.since()
        interface.types.append(Struct(name, self.fields("{", "}"), position, since, doc))

    def declare_error(self, interface: Interface, position: Position, doc: List[str]) -> None:
        name = self.name(TYPE_NAME, "an error name such as NotFound")
        code = self.ordinal("error")
        since = self.since()
        interface.errors.append(Error(name, code, self.fields("{", "}"), position, since, doc))

    def declare_method(self, interface: Interface, position: Position, doc: List[str]) -> None:
        name = self.name(FIELD_NAME, "a method name such as get_tip")
        ordinal = self.ordinal("method")
        method = Method(name, ordinal, self.fields("(", ")"), position, doc=doc)
        if self.accept("->"):
            method.stream = self.accept("stream")
            method.results = self.fields("(", ")")
        while self.token.kind == "name" and self.token.text not in DECLARATIONS:
            self.modifier(method)
        interface.methods.append(method)

    def modifier(self, method: Method) -> None:
        at = self.token.position
        if self.accept("throws"):
            while True:
                thrown_at = self.token.position
                method.throws.append((self.name(TYPE_NAME, "the name of an error"), thrown_at))
                if not self.accept(","):
                    break
        elif self.accept("deadline"):
            method.deadline_ms = self.measure(TIME_UNITS, "a time such as 10s or 500ms")
            if method.deadline_ms == 0:
                self.problems.add(at, "a deadline is at least 1ms")
        elif self.accept("idempotent"):
            method.idempotent = True
        elif self.is_word("since"):
            method.since = self.since()
        elif self.accept("oneway"):
            if method.results is not None:
                self.problems.add(at, "a oneway method has no '->': nothing comes back")
        else:
            raise self.fail("'throws', 'deadline', 'idempotent', 'oneway', 'since' or a declaration")
        if method.oneway and (method.throws or method.deadline_ms or method.idempotent):
            self.problems.add(at, "a oneway method has no answer: no throws, deadline or idempotent")

    def declare_event(self, interface: Interface, position: Position, doc: List[str]) -> None:
        name = self.name(FIELD_NAME, "an event name such as tip_changed")
        ordinal = self.ordinal("event")
        fields = self.fields("(", ")")
        self.expect("overflow")
        if not self.is_word("latest") and not self.is_word("gap"):
            raise self.fail("'latest' (keep the newest) or 'gap' (tell what was missed)")
        latest = self.step().text == "latest"
        event = Event(name, ordinal, fields, latest, position, doc=doc)
        if self.accept("snapshot"):
            event.snapshot_position = self.token.position
            event.snapshot = self.name(FIELD_NAME, "the method that answers with all there is, such as get_all")
        event.since = self.since()
        interface.events.append(event)

    # ---- fields and types -------------------------------------------------------------------

    def fields(self, opening: str, closing: str) -> Fields:
        fields = Fields(self.token.position)
        self.expect(opening)
        while not self.accept(closing):
            if self.accept("reserved"):
                self.numbers(fields.reserved)
            else:
                fields.items.append(self.field())
            if not self.is_mark(closing) and not self.accept(";"):
                raise self.fail(f"';' or '{closing}'")
        return fields

    def field(self) -> Field:
        doc, position = self.doc(), self.token.position
        ordinal = self.number("a field such as 0 height:u32")
        name = self.name(FIELD_NAME, "a field name such as height")
        self.expect(":")
        field = Field(ordinal, name, self.type(), position, doc=doc)
        if self.accept("="):
            self.default(field)
        while self.token.kind == "name":
            field.since_position = self.token.position
            if self.accept("secret"):
                field.secret = True
            elif self.is_word("since"):
                field.since = self.since()
            else:
                raise self.fail("'secret', 'since', ';' or the end of the fields")
        return field

    def default(self, field: Field) -> None:
        field.default_position = self.token.position
        if self.token.kind == "string":
            field.default, field.default_kind = self.step().text[1:-1], "string"
        elif self.token.kind == "name":
            field.default, field.default_kind = self.step().text, "name"
        else:
            sign = -1 if self.accept("-") else 1
            field.default = sign * self.number("a default: a number, true, false, a name or \"text\"")
            field.default_kind = "number"

    def type(self) -> Type:
        made = self.plain_type()
        if self.accept("?"):
            made.optional = True
            if self.is_mark("?"):
                raise self.fail("one '?' at most")
        return made

    def plain_type(self) -> Type:
        position = self.token.position
        if self.accept("["):
            if self.is_mark("["):
                raise self.fail("a type that is no array (put the inner array into a struct)")
            element = self.type()
            self.expect("]")
            return Type("array", position, bound=self.bound("']', such as [u32]<=100", {"": 1}), element=element)
        if self.token.kind != "name":
            raise self.fail("a type")
        word = self.token.text
        integer = INTEGER.fullmatch(word)
        if integer is not None:
            self.step()
            bound = self.bound("", {"": 1}) if self.is_mark("<=") else None
            kind = "uint" if integer[1] == "u" else "int"
            return Type(kind, position, bits=int(integer[2]), bound=bound, name=word)
        if word in ("text", "bytes", "blob"):
            self.step()
            return Type(word, position, bound=self.bound(f"'{word}'", SIZE_UNITS))
        if word == "bool":
            self.step()
            return Type("bool", position)
        if word == "ref":
            return self.ref(position)
        return Type("named", position, name=self.name(TYPE_NAME, "a type"))

    def ref(self, position: Position) -> Type:
        self.step()
        self.expect("<")
        parts = [self.name(re.compile("[A-Za-z][A-Za-z0-9]*"), "an interface's name, such as ref<Wallet>")]
        while self.accept("."):
            parts.append(self.name(re.compile("[A-Za-z][A-Za-z0-9]*"), "a name"))
        self.expect(">")
        return Type("ref", position, name=".".join(parts))

    def bound(self, after: str, units: Dict[str, int]) -> int:
        if not self.is_mark("<="):
            self.problems.add(self.token.position, f"expected a bound such as <=256 after {after}")
            raise Failed()
        self.step()
        return self.measure(units, "a bound such as 256")

"""NAME.lock: the contract as it was last published, in the normal form. Whatever would break a peer that was built
from it is refused, with what to do instead. `troupe-idl lock` writes the file anew, after the same questions."""

import os
from typing import Dict, List, Sequence, Set, Tuple, Union

from . import canonical
from .check import check
from .model import Bytes, Enum, Error, Event, Field, Fields, Interface, Method, Position, Problems, Struct, Type
from .names import snake
from .parser import parse

HEAD = """# What peers were built from: the contract as it was last published. Written by
# troupe-idl lock {iface}
"""


def path_of(interface: Interface) -> str:
    return os.path.splitext(interface.path)[0] + ".lock"


def text(interface: Interface) -> str:
    return HEAD.format(iface=interface.path) + canonical.text(interface, docs=False)


def check_lock(interface: Interface, problems: Problems) -> None:
    """Nothing to say if there is no lock, or one of another interface number."""
    path = path_of(interface)
    if not os.path.exists(path):
        return
    locked, damage = load(path)
    if damage:
        problems.add(interface.position, f"the lock is damaged ({damage[0]}): take it from the last release")
    elif locked.id == interface.id:
        compare(locked, interface, problems)


def load(path: str) -> Tuple[Interface, List[str]]:
    """A contract to compare with: a lock, or an interface file of whatever name. And what is wrong with it."""
    problems = Problems(path)
    with open(path, "rb") as file:
        locked = parse(path, file.read(), problems)
    locked.path = f"{snake(locked.short_name)}.lock"  # an older one may have been put aside under another name
    if not problems.found:
        check(locked, problems)
    return locked, problems.lines()


def compare(locked: Interface, now: Interface, problems: Problems) -> None:
    compared = _Compared(locked, now, problems)
    compared.everything()
    if problems.found or canonical.text(locked, docs=False) == canonical.text(now, docs=False):
        return
    if now.version <= locked.version:
        problems.add(now.position, f"the contract changed since version {locked.version} was published: expected version "
                     f"{locked.version + 1} here and 'since {locked.version + 1}' on what is new (if version "
                     f"{locked.version} never left this checkout, delete {os.path.basename(path_of(now))})")
        return
    for position, what, since in compared.new:
        if since <= locked.version:
            problems.add(position, f"{what} is new: expected 'since {now.version}'")


Member = Union[Method, Event, Error]


class _Compared:
    def __init__(self, locked: Interface, now: Interface, problems: Problems):
        self.locked, self.now, self.problems = locked, now, problems
        self.new: List[Tuple[Position, str, int]] = []
        self.seen: Set[Tuple[str, str]] = set()

    def refuse(self, position: Position, what: str, instead: str) -> None:
        self.problems.add(position, f"{what}, which breaks peers of version {self.locked.version}: {instead}")

    def everything(self) -> None:
        locked, now = self.locked, self.now
        for what in now.reserved:
            self.reserved(locked.reserved[what], now.reserved[what], f"{what} number", now.position)
        for method, same in self.members(locked.methods, now.methods, "method"):
            assert isinstance(method, Method) and isinstance(same, Method)
            self.method(method, same)
        for event, same in self.members(locked.events, now.events, "event"):
            assert isinstance(event, Event) and isinstance(same, Event)
            self.event(event, same)
        for error, same in self.members(locked.errors, now.errors, "error"):
            assert isinstance(error, Error) and isinstance(same, Error)
            self.fields(error.fields, same.fields, f"error '{error.name}'")

    def reserved(self, old: Dict[int, Position], new: Dict[int, Position], what: str, at: Position) -> None:
        for number in sorted(old):
            if number not in new:
                self.refuse(at, f"the {what} {number} is reserved no more", f"put {number} back into 'reserved'")

    def members(self, old: Sequence[Member], new: Sequence[Member], what: str) -> List[Tuple[Member, Member]]:
        """Those that both have, by number."""
        by_number = {_number(one): one for one in new}
        names = {one.name: one for one in new}
        pairs: List[Tuple[Member, Member]] = []
        for one in sorted(old, key=_number):
            number, same = _number(one), by_number.get(_number(one))
            if same is not None and same.name == one.name:
                pairs.append((one, same))
            elif one.name in names:
                self.refuse(names[one.name].position, f"{what} '{one.name}' was @{number}", "give it its number back")
            elif same is not None:
                self.refuse(same.position, f"@{number} was {what} '{one.name}'",
                            f"take a number that was never used for '{same.name}'")
            elif number not in self.now.reserved[what]:
                self.refuse(self.now.position, f"{what} '{one.name}' @{number} is gone",
                            f"keep it or, if no peer uses it any more, say 'reserved {what} {number}'")
        taken = {_number(one) for one in old}
        self.new += [(one.position, f"{what} '{one.name}'", one.since) for one in new if _number(one) not in taken]
        return pairs

    def method(self, old: Method, new: Method) -> None:
        if (old.oneway, old.stream) != (new.oneway, new.stream):
            self.refuse(new.position, f"'{old.name}' answers in another way than it did", "add another method")
            return
        if old.idempotent and not new.idempotent:
            self.refuse(new.position, f"'{old.name}' was idempotent", "peers may repeat it; add another method")
        self.fields(old.args, new.args, f"the arguments of '{old.name}'")
        if old.results is not None and new.results is not None:
            self.fields(old.results, new.results, f"the results of '{old.name}'")

    def event(self, old: Event, new: Event) -> None:
        if old.latest != new.latest or (old.snapshot and old.snapshot != new.snapshot):
            self.refuse(new.position, f"'{old.name}' has another overflow or snapshot than it had", "add another event")
        self.fields(old.fields, new.fields, f"event '{old.name}'")

    def fields(self, old: Fields, new: Fields, what: str) -> None:
        by_ordinal = {one.ordinal: one for one in new.items}
        self.reserved(old.reserved, new.reserved, f"number in {what}", new.position)
        for one in old.by_ordinal():
            same = by_ordinal.get(one.ordinal)
            if same is None:
                self.gone(one, new, what)
            elif same.name != one.name:
                self.refuse(same.position, f"{one.ordinal} in {what} was '{one.name}'",
                            f"give it its number back and '{same.name}' one that was never used")
            else:
                self.field(one, same)
        taken = {one.ordinal for one in old.items}
        for one in new.items:
            if one.ordinal in taken:
                continue
            if one.required:
                self.refuse(one.position, f"'{one.name}' in {what} is new and required",
                            "make it optional (?) or give it a default")
            self.new.append((one.position, f"'{one.name}'", one.since))

    def gone(self, one: Field, new: Fields, what: str) -> None:
        if one.required:
            self.refuse(new.position, f"'{one.name}' in {what} is gone and was required", "put it back")
        elif one.ordinal not in new.reserved:
            self.refuse(new.position, f"'{one.name}' in {what} is gone", f"say 'reserved {one.ordinal}' in its place")

    def field(self, old: Field, new: Field) -> None:
        if (old.type.optional, old.default) != (new.type.optional, new.default):
            self.refuse(new.position, f"'{old.name}' is missing in another way than it was (? or default)",
                        "add another field")
        self.type(old.type, new.type, new)

    def type(self, old: Type, new: Type, field: Field) -> None:
        plain = (old.kind, old.bits, old.element is None, type(old.decl))
        if plain != (new.kind, new.bits, new.element is None, type(new.decl)) or (
                old.kind == "ref" and old.name != new.name):
            self.refuse(new.position, f"'{field.name}' has another type than it had", "add another field")
            return
        if (new.bound if new.bound is not None else 2**64) < (old.bound if old.bound is not None else 2**64):
            self.refuse(new.position, f"'{field.name}' has a smaller bound than it had", "a bound only grows")
        if old.element is not None and new.element is not None:
            if old.element.optional != new.element.optional:
                self.refuse(new.position, f"'{field.name}' has another type than it had", "add another field")
            self.type(old.element, new.element, field)
        if old.decl is not None and new.decl is not None:
            self.decl(old.decl, new.decl)

    def decl(self, old: Union[Bytes, Enum, Struct], new: Union[Bytes, Enum, Struct]) -> None:
        if (old.name, new.name) in self.seen:
            return
        self.seen.add((old.name, new.name))
        if isinstance(old, Bytes) and isinstance(new, Bytes) and old.size != new.size:
            self.refuse(new.position, f"'{new.name}' had {old.size} bytes", "add another type, and another field for it")
        if isinstance(old, Struct) and isinstance(new, Struct):
            self.fields(old.fields, new.fields, f"'{new.name}'")
        if isinstance(old, Enum) and isinstance(new, Enum):
            self.enum(old, new)

    def enum(self, old: Enum, new: Enum) -> None:
        if old.open != new.open:
            self.refuse(new.position, f"'{new.name}' was {'open' if old.open else 'closed'}", "leave it so")
        self.reserved(old.reserved, new.reserved, f"value of '{new.name}'", new.position)
        values = {one.value: one for one in new.values}
        for one in old.values:
            same = values.pop(one.value, None)
            if same is None and one.value not in new.reserved:
                self.refuse(new.position, f"'{one.name}' is gone from '{new.name}'", f"say 'reserved {one.value}' in its place")
            elif same is not None and same.name != one.name:
                self.refuse(same.position, f"{one.value} of '{new.name}' was '{one.name}'", "give it its number back")
        for one in values.values():
            if not new.open:
                self.refuse(one.position, f"'{one.name}' is new in a closed enum", "add another enum, and another field for it")


def _number(one: Member) -> int:
    return one.code if isinstance(one, Error) else one.ordinal

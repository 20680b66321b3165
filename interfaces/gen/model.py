"""What the parser makes and every later stage reads: an interface as plain data."""

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple, Union


@dataclass(frozen=True)
class Position:
    line: int
    column: int


class Problems:
    """Everything that is wrong with one file, in the order it was found."""

    MAX = 20

    def __init__(self, path: str):
        self.path = path
        self.found: List[Tuple[Position, str]] = []

    def add(self, position: Position, text: str) -> None:
        if (position, text) not in self.found:
            self.found.append((position, text))

    def lines(self) -> List[str]:
        ordered = sorted(self.found, key=lambda one: (one[0].line, one[0].column))
        lines = [f"{self.path}:{at.line}:{at.column}: {text}" for at, text in ordered[: self.MAX]]
        if len(ordered) > self.MAX:
            lines.append(f"{self.path}: {len(ordered) - self.MAX} more")
        return lines


@dataclass
class Type:
    """kind: bool, uint, int, text, bytes, blob, ref, array or named (then `decl` says what)."""

    kind: str
    position: Position
    bits: int = 0
    bound: Optional[int] = None
    name: str = ""  # of a named type, or of the interface that a ref speaks
    element: Optional["Type"] = None
    optional: bool = False
    decl: Optional[Union["Bytes", "Enum", "Struct"]] = None  # set by check

    @property
    def is_struct(self) -> bool:
        return isinstance(self.decl, Struct)

    @property
    def is_enum(self) -> bool:
        return isinstance(self.decl, Enum)

    @property
    def is_fixed(self) -> bool:
        return isinstance(self.decl, Bytes)


@dataclass
class Field:
    ordinal: int
    name: str
    type: Type
    position: Position
    default: Union[None, int, str] = None  # str: a text, true, false, or the name of an enum's value
    default_kind: str = ""  # number, name or string, as it was written
    default_position: Optional[Position] = None
    secret: bool = False
    since: int = 0  # 0: not said
    since_position: Optional[Position] = None
    doc: List[str] = field(default_factory=list)

    @property
    def has_default(self) -> bool:
        return self.default is not None

    @property
    def required(self) -> bool:
        return not self.type.optional and not self.has_default


@dataclass
class Fields:
    """The fields of one map on the wire."""

    position: Position
    items: List[Field] = field(default_factory=list)
    reserved: Dict[int, Position] = field(default_factory=dict)

    def by_ordinal(self) -> List[Field]:
        return sorted(self.items, key=lambda one: one.ordinal)


@dataclass
class Bytes:
    name: str
    size: int
    position: Position
    since: int = 0
    doc: List[str] = field(default_factory=list)


@dataclass
class EnumValue:
    name: str
    value: int
    position: Position
    doc: List[str] = field(default_factory=list)


@dataclass
class Enum:
    name: str
    open: bool
    position: Position
    values: List[EnumValue] = field(default_factory=list)
    reserved: Dict[int, Position] = field(default_factory=dict)
    since: int = 0
    doc: List[str] = field(default_factory=list)


@dataclass
class Struct:
    name: str
    fields: Fields
    position: Position
    since: int = 0
    doc: List[str] = field(default_factory=list)
    size: Optional[object] = None  # remembered by sizes


@dataclass
class Error:
    name: str
    code: int
    fields: Fields
    position: Position
    since: int = 0
    doc: List[str] = field(default_factory=list)


@dataclass
class Method:
    name: str
    ordinal: int
    args: Fields
    position: Position
    results: Optional[Fields] = None  # of each item, for a stream; None: oneway
    stream: bool = False
    throws: List[Tuple[str, Position]] = field(default_factory=list)
    deadline_ms: int = 0  # 0: not said
    idempotent: bool = False
    since: int = 0
    doc: List[str] = field(default_factory=list)

    @property
    def oneway(self) -> bool:
        return self.results is None


@dataclass
class Event:
    name: str
    ordinal: int
    fields: Fields
    latest: bool
    position: Position
    since: int = 0
    doc: List[str] = field(default_factory=list)
    snapshot: str = ""  # the method that answers with all that the events tell piece by piece
    snapshot_position: Optional[Position] = None


@dataclass
class Interface:
    path: str
    name: str = ""
    id: int = 0
    version: int = 0
    position: Position = Position(1, 1)
    doc: List[str] = field(default_factory=list)
    types: List[Union[Bytes, Enum, Struct]] = field(default_factory=list)
    errors: List[Error] = field(default_factory=list)
    methods: List[Method] = field(default_factory=list)
    events: List[Event] = field(default_factory=list)
    # what ("method", "event", "error") -> ordinal -> where
    reserved: Dict[str, Dict[int, Position]] = field(
        default_factory=lambda: {"method": {}, "event": {}, "error": {}}
    )

    @property
    def short_name(self) -> str:
        return self.name.rsplit(".", 1)[-1]

    @property
    def structs(self) -> List[Struct]:
        return [one for one in self.types if isinstance(one, Struct)]

    def snapshot_of(self, event: Event) -> Method:
        """Of an event that was checked and has one."""
        return next(one for one in self.methods if one.name == event.snapshot)

    def followed_by(self, method: Method) -> Optional[Event]:
        """The event whose snapshot `method` is."""
        return next((one for one in self.events if one.snapshot == method.name), None)

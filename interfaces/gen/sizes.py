"""How large a message can get: bytes, CBOR items, nesting and refs in the worst case."""

from dataclasses import dataclass
from typing import Union

from . import limits
from .model import Bytes, Enum, Fields, Problems, Position, Struct, Type


@dataclass(frozen=True)
class Size:
    bytes: int = 0
    items: int = 0
    depth: int = 0
    refs: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(self.bytes + other.bytes, self.items + other.items,
                    max(self.depth, other.depth), self.refs + other.refs)

    def times(self, count: int) -> "Size":
        return Size(self.bytes * count, self.items * count, self.depth, self.refs * count)


def head_bytes(value: int) -> int:
    """Of CBOR's head for a number, a length or a count (RFC 8949, 3)."""
    for most, size in ((23, 1), (0xFF, 2), (0xFFFF, 3), (0xFFFFFFFF, 5)):
        if value <= most:
            return size
    return 9


def of_fields(fields: Fields) -> Size:
    total = Size(head_bytes(len(fields.items)), 1)
    inside = Size()
    for one in fields.items:
        inside += Size(head_bytes(one.ordinal), 1) + of_type(one.type)
    return total + Size(inside.bytes, inside.items, inside.depth + 1, inside.refs)


def of_type(made: Type) -> Size:
    if made.kind == "bool":
        return Size(1, 1)
    if made.kind == "uint":
        most = made.bound if made.bound is not None else 2**made.bits - 1
        return Size(head_bytes(most), 1)
    if made.kind == "int":
        return Size(head_bytes(2 ** (made.bits - 1) - 1), 1)
    if made.kind in ("text", "bytes"):
        bound = made.bound or 0
        return Size(head_bytes(bound) + bound, 1)
    if made.kind == "blob":
        return Size(head_bytes(made.bound or 0), 1)
    if made.kind == "ref":
        return Size(1, 1, 0, 1)
    if made.kind == "array" and made.element is not None:
        bound = made.bound or 0
        each = of_type(made.element).times(bound)
        return Size(head_bytes(bound) + each.bytes, 1 + each.items, each.depth + 1, each.refs)
    return of_decl(made.decl)


def of_decl(decl: Union[None, Bytes, Enum, Struct]) -> Size:
    if isinstance(decl, Bytes):
        return Size(head_bytes(decl.size) + decl.size, 1)
    if isinstance(decl, Enum):
        most = limits.ENUM_VALUE_MAX if decl.open else max((one.value for one in decl.values), default=0)
        return Size(head_bytes(most), 1)
    if isinstance(decl, Struct):
        if not isinstance(decl.size, Size):
            decl.size = of_fields(decl.fields)
        return decl.size
    return Size()


def check(fields: Fields, what: str, bytes_max: int, problems: Problems, position: Position) -> None:
    """Refuses a message that could be larger than the bus carries."""
    size = of_fields(fields)
    advice = "give a smaller bound, or use a blob"
    if size.bytes > bytes_max:
        problems.add(position, f"{what} can be {size.bytes} bytes, expected at most {bytes_max}: {advice}")
    elif size.items + limits.FRAME_ITEMS > limits.ITEMS_MAX:
        most = limits.ITEMS_MAX - limits.FRAME_ITEMS
        problems.add(position, f"{what} can be {size.items} items, expected at most {most}: give a smaller bound")
    if size.depth + limits.FRAME_DEPTH > limits.DEPTH_MAX:
        most = limits.DEPTH_MAX - limits.FRAME_DEPTH
        problems.add(position, f"{what} nests {size.depth} deep, expected at most {most}")
    if size.refs > limits.REFS_MAX:
        problems.add(position, f"{what} can hold {size.refs} refs, expected at most {limits.REFS_MAX}")

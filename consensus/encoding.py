"""One byte string per value: the canonical encoding behind every hash in this package.

What is hashed here is never what crosses the wire (that is protobuf, `node.wire`); it is what two nodes must
agree on: plans, headers, decisions, the state after a round. The form is type-tagged and length-prefixed, so no
two different values share an encoding, and there is exactly one encoding per value, so decoding can refuse the rest.

    None   n                          int    i <u8 length> <two's complement, big-endian, shortest>
    False  F    True  T               bytes  b <u32 length> ...        str  s <u32 length> UTF-8
    tuple  t <u32 count> items        frozen dataclass  d <u16 field count> fields in order of declaration

Floats, maps and sets are refused: none of them has one obvious order or value everywhere.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import types
import typing
from typing import Any, TypeVar, cast

from consensus.types import Hash

T = TypeVar("T")

DOMAIN = b"swarm-node/v1/"
"""Prefix of every domain tag, so that no hash of ours can be mistaken for one of another system."""


class EncodingError(ValueError):
    """The value has no canonical encoding, or the bytes are not the canonical encoding of the type asked for."""


def encode(value: object) -> bytes:
    """Return the canonical encoding of `value`.

    Raises:
        EncodingError: `value` is or contains a float, a map, a set or a mutable object.
    """
    parts: list[bytes] = []
    _encode_into(value, parts)
    return b"".join(parts)


def hash_bytes(tag: str, data: bytes) -> Hash:
    """SHA-256 over the domain tag, a zero byte and `data`."""
    return Hash(hashlib.sha256(DOMAIN + tag.encode() + b"\0" + data).digest())


def hash_value(tag: str, value: object) -> Hash:
    """SHA-256 over the domain tag, a zero byte and the canonical encoding of `value`."""
    return hash_bytes(tag, encode(value))


def _encode_into(value: object, parts: list[bytes]) -> None:
    # Most values are of exactly these types, and everything that is signed, drawn or agreed on comes through here.
    if type(value) is int:
        length = (value.bit_length() + 8) // 8
        if length > 255:
            raise EncodingError(f"an integer of {length} bytes is beyond the 255 the encoding holds")
        parts.append(_INT_HEADS[length] + value.to_bytes(length, "big", signed=True))
    elif type(value) is bytes:
        parts += (b"b" + len(value).to_bytes(4, "big"), value)
    elif type(value) is tuple:
        parts.append(b"t" + len(value).to_bytes(4, "big"))
        for item in value:
            _encode_into(item, parts)
    else:
        _encode_other_into(value, parts)


_INT_HEADS = [b"i" + bytes([length]) for length in range(256)]


def _encode_other_into(value: object, parts: list[bytes]) -> None:
    # bool before int: it is a subclass. Enums by value: their names may be improved, their numbers not.
    if value is None:
        parts.append(b"n")
    elif isinstance(value, bool):
        parts.append(b"T" if value else b"F")
    elif isinstance(value, enum.Enum):
        _encode_into(value.value, parts)
    elif isinstance(value, int):
        _encode_into(int(value), parts)
    elif isinstance(value, bytes):
        _encode_into(bytes(value), parts)
    elif isinstance(value, str):
        data = value.encode()
        parts += (b"s", len(data).to_bytes(4, "big"), data)
    elif isinstance(value, tuple):
        _encode_into(tuple(value), parts)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = _field_names(type(value))
        parts.append(b"d" + len(names).to_bytes(2, "big"))
        for name in names:
            _encode_into(getattr(value, name), parts)
    else:
        raise EncodingError(f"{type(value).__name__} has no canonical encoding")


def decode(kind: type[T], data: bytes) -> T:
    """Return the value of type `kind` whose canonical encoding is exactly `data`.

    Raises:
        EncodingError: `data` is truncated, has a rest, is not the shortest form, or does not fit `kind`.
    """
    reader = _Reader(data)
    try:
        value = reader.read(kind)
    except (UnicodeDecodeError, RecursionError) as error:
        raise EncodingError(f"not an encoding of {kind}: {error}") from error
    if reader.position != len(data):
        raise EncodingError(f"{len(data) - reader.position} bytes follow the value")
    return cast("T", value)


@functools.cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@functools.cache
def _field_types(kind: type) -> tuple[Any, ...]:
    hints = typing.get_type_hints(kind)
    return tuple(hints[name] for name in _field_names(kind))


class _Reader:
    """A cursor over canonical bytes, led by the expected type."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._data):
            raise EncodingError(f"truncated: {count} bytes wanted at {self.position} of {len(self._data)}")
        piece = self._data[self.position : end]
        self.position = end
        return piece

    def _expect(self, tag: bytes, kind: object) -> None:
        found = self._take(1)
        if found != tag:
            raise EncodingError(f"{kind}: tag {tag!r} expected, {found!r} found")

    def read(self, kind: Any) -> object:
        kind = getattr(kind, "__supertype__", kind)  # a NewType reads as the type it names
        origin = typing.get_origin(kind)
        if origin in {typing.Union, types.UnionType}:
            return self._read_optional(kind)
        if origin is tuple:
            return self._read_tuple(kind)
        if kind is bool:
            return self._read_bool()
        if kind is int:
            return self._read_int()
        if kind is bytes:
            self._expect(b"b", kind)
            return self._take(int.from_bytes(self._take(4), "big"))
        if kind is str:
            self._expect(b"s", kind)
            return self._take(int.from_bytes(self._take(4), "big")).decode()
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return self._read_enum(kind)
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            return self._read_dataclass(kind)
        raise EncodingError(f"{kind} has no canonical encoding")

    def _read_optional(self, kind: Any) -> object:
        members = [member for member in typing.get_args(kind) if member is not type(None)]
        if len(members) != 1:
            raise EncodingError(f"{kind}: only `X | None` can be decoded")
        if self._data[self.position : self.position + 1] == b"n":
            self.position += 1
            return None
        return self.read(members[0])

    def _read_tuple(self, kind: Any) -> tuple[object, ...]:
        self._expect(b"t", kind)
        count = int.from_bytes(self._take(4), "big")
        members = typing.get_args(kind)
        if len(members) == 2 and members[1] is Ellipsis:
            if count > len(self._data) - self.position:  # every item takes a byte: a lying count ends here
                raise EncodingError(f"a tuple of {count} items does not fit the remaining bytes")
            return tuple(self.read(members[0]) for _ in range(count))
        if count != len(members):
            raise EncodingError(f"{kind}: {len(members)} items expected, {count} found")
        return tuple(self.read(member) for member in members)

    def _read_bool(self) -> bool:
        found = self._take(1)
        if found not in {b"T", b"F"}:
            raise EncodingError(f"a truth value expected, {found!r} found")
        return found == b"T"

    def _read_int(self) -> int:
        self._expect(b"i", int)
        length = self._take(1)[0]
        value = int.from_bytes(self._take(length), "big", signed=True)
        if length != (value.bit_length() + 8) // 8:
            raise EncodingError("an integer is not in its shortest form")
        return value

    def _read_enum(self, kind: type[enum.Enum]) -> enum.Enum:
        raw = self.read(type(next(iter(kind)).value))
        try:
            return kind(raw)
        except ValueError as error:
            raise EncodingError(str(error)) from error

    def _read_dataclass(self, kind: Any) -> object:
        self._expect(b"d", kind)
        count = int.from_bytes(self._take(2), "big")
        members = _field_types(kind)
        if count != len(members):
            raise EncodingError(f"{kind.__name__}: {len(members)} fields expected, {count} found")
        return kind(*[self.read(member) for member in members])

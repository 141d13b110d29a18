"""Frozen dataclasses as strict JSON: for people and for programs that know nothing of our encoding.

Objects have the fields in order of declaration, bytes are lower-case hex, enumerations their values. There is one text
per value, without white space, and nothing else parses: no other order, no repeated key, no float, no upper case.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import types
import typing
from typing import Any, TypeVar, cast

T = TypeVar("T")

INT_MAX = 1 << 63


class JsonFormError(ValueError):
    """The text is not the JSON of the type asked for; the message names the place."""


def dump_json(value: object) -> bytes:
    """The JSON of a frozen value, UTF-8."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def parse_json(kind: type[T], data: bytes, *, bytes_max: int) -> T:
    """The value of type `kind` whose JSON is exactly `data`.

    Raises:
        JsonFormError: Longer than `bytes_max`, not JSON, not of this type, or not in the one form.
    """
    if len(data) > bytes_max:
        raise JsonFormError(f"{len(data)} bytes, at most {bytes_max} allowed")
    try:
        value = _typed(kind, json.loads(data), "")
    except JsonFormError:
        raise
    except (ValueError, RecursionError) as error:
        raise JsonFormError(f"not JSON: {error}") from error
    if dump_json(value) != data:
        raise JsonFormError("not in canonical form")
    return cast("T", value)


def _plain(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def _typed(kind: Any, value: object, place: str) -> object:
    kind = getattr(kind, "__supertype__", kind)
    origin = typing.get_origin(kind)
    if origin in {typing.Union, types.UnionType}:
        (member,) = [member for member in typing.get_args(kind) if member is not type(None)]
        return None if value is None else _typed(member, value, place)
    if origin is tuple:
        return _tuple(typing.get_args(kind), value, place)
    if kind is int and type(value) is int and -INT_MAX <= value < INT_MAX:
        return value
    if kind is str and isinstance(value, str):
        return value
    if kind is bytes and isinstance(value, str):
        return _bytes(value, place)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(value)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, place)
    raise JsonFormError(f"{place or 'the text'} is not {getattr(kind, '__name__', kind)}")


def _tuple(members: tuple[Any, ...], value: object, place: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise JsonFormError(f"{place} is not a list")
    if len(members) == 2 and members[1] is Ellipsis:
        members = (members[0],) * len(value)
    if len(members) != len(value):
        raise JsonFormError(f"{place} has {len(value)} items, {len(members)} are expected")
    pairs = enumerate(zip(members, value, strict=True))
    return tuple(_typed(member, item, f"{place}[{number}]") for number, (member, item) in pairs)


def _dataclass(kind: type, value: object, place: str) -> object:
    hints = _hints(kind)
    if not isinstance(value, dict) or value.keys() != hints.keys():
        raise JsonFormError(f"{place or 'the text'} has not the fields of {kind.__name__}")
    return kind(**{name: _typed(hint, value[name], f"{place}.{name}".lstrip(".")) for name, hint in hints.items()})


def _bytes(value: str, place: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except ValueError as error:
        raise JsonFormError(f"{place} is not hex") from error


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}

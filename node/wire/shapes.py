"""What a field may hold: small shapes that turn protobuf into frozen values and back, and refuse the rest.

A shape reads one protobuf field and writes one; both ways it checks the same bounds, so that a node can neither
accept nor send what breaks them. Bounds come before work: a list is measured before its first item is looked at.
Protobuf types stay behind here and in the tables made of shapes (`messages`, `node.rpc.forms`).
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

T = TypeVar("T")


class ShapeError(ValueError):
    """A value does not have the shape that its place asks for.

    Attributes:
        rule: Which kind of bound it broke, e.g. `"out-of-range"`.
    """

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule

    def inside(self, place: str) -> ShapeError:
        """The same error, told from further out."""
        return ShapeError(self.rule, f"{place}: {self}")


class Shape(ABC, Generic[T]):
    """Reads a value out of protobuf and writes it back."""

    @abstractmethod
    def read(self, raw: Any) -> T:
        """The value that `raw` stands for. Raises ShapeError."""

    @abstractmethod
    def write(self, value: T) -> Any:
        """What protobuf's constructor takes for `value`. Raises ShapeError."""

    def read_field(self, message: Message, name: str) -> T:
        """The value of one field of a message. Raises ShapeError."""
        return self.read(getattr(message, name))


class _Plain(Shape[T]):
    """A scalar that looks the same on both sides."""

    @abstractmethod
    def check(self, value: T) -> None:
        """Raise ShapeError unless the value is within bounds."""

    def read(self, raw: Any) -> T:
        self.check(raw)
        value: T = raw
        return value

    def write(self, value: T) -> Any:
        self.check(value)
        return value


@dataclasses.dataclass(frozen=True, slots=True)
class Integer(_Plain[int]):
    """A whole number, both ends included."""

    low: int
    high: int

    def check(self, value: int) -> None:
        """Refuse what is outside the range."""
        if not self.low <= value <= self.high:
            raise ShapeError("out-of-range", f"{value} is not within {self.low}..{self.high}")


@dataclasses.dataclass(frozen=True, slots=True)
class Blob(_Plain[Any]):
    """Bytes of a bounded length."""

    low: int
    high: int

    def check(self, value: bytes) -> None:
        """Refuse another length."""
        if not self.low <= len(value) <= self.high:
            raise ShapeError("wrong-length", f"{len(value)} bytes where {self.low} to {self.high} are allowed")


@dataclasses.dataclass(frozen=True, slots=True)
class Text(_Plain[str]):
    """UTF-8 text of a bounded length in bytes, for people's eyes: no control characters unless it is `free`."""

    high: int
    low: int = 0
    free: bool = False

    def check(self, value: str) -> None:
        """Refuse what is too long or could drive a terminal."""
        try:
            size = len(value.encode())
        except UnicodeEncodeError as error:  # half a surrogate pair: only our own side can bring it
            raise ShapeError("not-text", str(error)) from error
        if not self.low <= size <= self.high:
            raise ShapeError("wrong-length", f"{size} bytes of text where {self.low} to {self.high} are allowed")
        if not self.free and any(map(_is_control, value)):
            raise ShapeError("control-character", "text with control characters")


def _is_control(letter: str) -> bool:
    # By code point and not `isprintable`, whose tables change with the Python version: all nodes must agree.
    return letter < " " or "\x7f" <= letter <= "\x9f"


def clean_line(text: str, bytes_max: int) -> str:
    """The nearest text that `Text(bytes_max)` takes: control characters and runs of space become one space; cut."""
    folded = " ".join("".join(" " if _is_control(letter) else letter for letter in text).split())
    return folded.encode(errors="replace")[:bytes_max].decode(errors="ignore").rstrip()


@dataclasses.dataclass(frozen=True, slots=True)
class Word(_Plain[str]):
    """One of a few known texts."""

    known: frozenset[str]

    def check(self, value: str) -> None:
        """Refuse an unknown one."""
        if value not in self.known:
            raise ShapeError("unknown-value", f"{value[:40]!r} is not known")


@dataclasses.dataclass(frozen=True, slots=True)
class Pattern(_Plain[str]):
    """Text of one form, e.g. a name that is going to be part of a path."""

    form: re.Pattern[str]

    def check(self, value: str) -> None:
        """Refuse what the form does not match as a whole."""
        if not self.form.fullmatch(value):
            raise ShapeError("wrong-form", f"{value[:40]!r} is not of the form {self.form.pattern}")


class Flag(_Plain[bool]):
    """A truth value; protobuf lets nothing else through."""

    def check(self, value: bool) -> None:
        """Refuse other types, which only our own code could bring."""
        if not isinstance(value, bool):
            raise ShapeError("out-of-range", f"{value!r} is not a truth value")


class Real(_Plain[float]):
    """A finite number with fractions. Never part of anything signed."""

    def check(self, value: float) -> None:
        """Refuse infinities and what is not a number."""
        if not abs(value) < float("inf"):
            raise ShapeError("out-of-range", f"{value} is not finite")


EnumT = TypeVar("EnumT", bound=Enum)


class Choice(Shape[EnumT]):
    """A member of one of our enumerations, by protobuf's number for the same name."""

    def __init__(self, kind: type[EnumT], numbers: Mapping[str, int], prefix: str) -> None:
        """Pair the two enumerations by name.

        Args:
            kind: Ours.
            numbers: Protobuf's names and numbers (`Wrapper.items()`), zero meaning "not said".
            prefix: What protobuf's names have in front, e.g. `"CHECK_FACT_"`.
        """
        theirs = {name.removeprefix(prefix): number for name, number in numbers.items() if number}
        ours = {member.name: member for member in kind}
        assert theirs.keys() == ours.keys(), f"{kind.__name__} and its protobuf differ: {theirs.keys() ^ ours.keys()}"
        self._numbers = {member: theirs[name] for name, member in ours.items()}
        self._members = {number: member for member, number in self._numbers.items()}

    def read(self, raw: Any) -> EnumT:
        """Refuse numbers without a name."""
        member = self._members.get(raw)
        if member is None:
            raise ShapeError("unknown-value", f"{raw} names nothing known")
        return member

    def write(self, value: EnumT) -> int:
        """Protobuf's number."""
        return self._numbers[value]


class Optional(Shape[T | None]):
    """A field that may be absent; only of fields for which protobuf keeps presence."""

    def __init__(self, inner: Shape[T]) -> None:
        self._inner = inner

    def read(self, raw: Any) -> T | None:
        """What is there has the inner shape."""
        return self._inner.read(raw)

    def read_field(self, message: Message, name: str) -> T | None:
        """None where the field was not sent."""
        return self.read(getattr(message, name)) if message.HasField(name) else None

    def write(self, value: T | None) -> Any:
        """None leaves the field out."""
        return None if value is None else self._inner.write(value)


class Many(Shape[tuple[T, ...]]):
    """A list with a bounded number of items, optionally in strictly rising order (which leaves no repetition)."""

    def __init__(
        self, item: Shape[T], high: int, *, low: int = 0, order: Callable[[T], Any] | None = None, unique: bool = False
    ) -> None:
        self._item = item
        self._low = low
        self._high = high
        self._order = order
        self._unique = unique

    def read(self, raw: Any) -> tuple[T, ...]:
        """Count, then read, then look at the order."""
        self._count(len(raw))
        values = tuple(self._each(self._item.read, raw))
        self._check_order(values)
        return values

    def write(self, value: tuple[T, ...]) -> list[Any]:
        """The items as protobuf takes them."""
        self._count(len(value))
        self._check_order(value)
        return list(self._each(self._item.write, value))

    def _count(self, count: int) -> None:
        if not self._low <= count <= self._high:
            raise ShapeError("wrong-count", f"{count} items where {self._low} to {self._high} are allowed")

    @staticmethod
    def _each(act: Callable[[Any], Any], items: Iterable[Any]) -> Iterable[Any]:
        for index, item in enumerate(items):
            try:
                yield act(item)
            except ShapeError as error:
                raise error.inside(f"item {index}") from error

    def _check_order(self, values: tuple[T, ...]) -> None:
        if self._unique and len(set(values)) != len(values):
            raise ShapeError("repeated-item", "an item is listed twice")
        if self._order is None:
            return
        keys = [self._order(value) for value in values]
        if any(later <= earlier for earlier, later in itertools.pairwise(keys)):
            raise ShapeError("not-sorted", "items are not in rising order, each once")


class Record(Shape[T]):
    """A frozen dataclass and the protobuf message with the same fields."""

    def __init__(
        self,
        kind: type[T],
        message: type[Message],
        /,
        *,
        check: Callable[[T], None] | None = None,
        **fields: Shape[Any],
    ) -> None:
        """Pair the two types; a field that one of the three lists lacks is found when the module is loaded.

        Args:
            kind: Our type.
            message: Protobuf's.
            check: What must hold between fields; raises ShapeError.
            fields: A shape per field.
        """
        ours = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]  # T is a dataclass
        theirs = {field.name for field in message.DESCRIPTOR.fields}
        assert fields.keys() == set(ours) == theirs, f"{kind.__name__}: {fields.keys() ^ theirs ^ set(ours)}"
        self._kind = kind
        self._fields = [(name, fields[name]) for name in ours]
        self._check = check
        self.message = message

    def read(self, raw: Any) -> T:
        """Every field in its shape, then what must hold between them."""
        values = []
        for name, shape in self._fields:
            try:
                values.append(shape.read_field(raw, name))
            except ShapeError as error:
                raise error.inside(name) from error
        value = self._kind(*values)
        if self._check is not None:
            self._check(value)
        return value

    def read_field(self, message: Message, name: str) -> T:
        """A part that must be there."""
        if not message.HasField(name):
            raise ShapeError("missing-field", "is missing")
        return self.read(getattr(message, name))

    def write(self, value: T) -> Message:
        """The protobuf message."""
        if self._check is not None:
            self._check(value)
        parts = {}
        for name, shape in self._fields:
            try:
                parts[name] = shape.write(getattr(value, name))
            except ShapeError as error:
                raise error.inside(name) from error
        return self.message(**parts)

    def encode(self, value: T) -> bytes:
        """The one serialised form of a value.

        Raises:
            ShapeError: The value breaks a bound: a bug of ours, or the user's input that nobody checked.
        """
        return self.write(value).SerializeToString(deterministic=True)

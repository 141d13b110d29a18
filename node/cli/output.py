"""Printing: tables and JSON for results, lines that say how long work comes along for everything else.

Results go to standard output, everything about the way there to standard error, so that a pipe gets results only.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import time
from collections.abc import Sequence
from enum import Enum
from typing import Any, Self

import click

PLAIN_EVERY_S = 5.0
"""Between two lines of progress in a pipe or a log."""


def example(*lines: str) -> str:
    """A command's epilog: command lines that work, one below the other."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def to_json(value: Any) -> Any:
    """A value of ours as JSON has it: bytes in hex, enums by name, dataclasses as objects, no number as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None  # A figure that does not exist, such as the share of no adversaries.
    return value


def print_json(value: Any) -> None:
    """Print a value of ours as JSON on standard output."""
    click.echo(json.dumps(to_json(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]], *, indent: str = "") -> None:
    """Print columns under a head: numbers to the right, everything else to the left."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(head[n]), *(len(row[n]) for row in cells), 0) for n in range(len(head))]
    right = [bool(rows) and all(isinstance(row[n], int | float) for row in rows) for n in range(len(head))]

    def line(values: Sequence[str]) -> str:
        padded = (
            value.rjust(width) if to_right else value.ljust(width)
            for value, width, to_right in zip(values, widths, right, strict=True)
        )
        return (indent + "  ".join(padded)).rstrip()

    click.echo(line(head))
    click.echo(line(["-" * width for width in widths]))
    for row in cells:
        click.echo(line(row))


def say(text: str) -> None:
    """A line about the way to the result."""
    click.echo(text, err=True)


class Progress:
    """Lines that replace each other on a terminal; in a pipe, one now and then.

    Use as a context manager: what stands on the terminal at the end is wiped, and the caller says how it ended.
    """

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._shown = 0
        self._said = ("", 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.clear()

    def show(self, lines: Sequence[str]) -> None:
        """Show where things stand: all lines on a terminal, the first one in a pipe."""
        if self._live:
            self.clear()
            width = _columns()
            click.echo("\n".join(line[: width - 1] for line in lines), err=True)
            self._shown = len(lines)
            return
        last, at = self._said
        if lines and lines[0] != last and time.monotonic() - at >= PLAIN_EVERY_S:
            click.echo(lines[0], err=True)
            self._said = (lines[0], time.monotonic())

    def say(self, text: str) -> None:
        """A line that stays, above what is shown."""
        self.clear()
        click.echo(text, err=True)

    def clear(self) -> None:
        """Take away what is shown, so that something else can be printed in its place."""
        if self._shown:
            click.echo(f"\x1b[{self._shown}F\x1b[J", err=True, nl=False)
            self._shown = 0


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def duration(seconds: float) -> str:
    """Seconds as `48 s`, `2 min 05 s` or `3 h 20 min`."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def bar(done: int, total: int, width: int = 20) -> str:
    """A bar of fixed width."""
    full = width * min(done, total) // max(1, total)
    return "#" * full + "." * (width - full)

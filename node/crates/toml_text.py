"""Writes TOML: the standard library only reads it. Enough for manifests, and strict about the rest."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, time
from typing import Any


def toml_text(document: Mapping[str, Any]) -> str:
    """The document as TOML, tables in the order of the mapping; `tomllib` reads the same values back.

    Raises:
        TypeError: A value that TOML cannot hold.
    """
    lines: list[str] = []
    _write_table(document, (), lines)
    return "\n".join(lines) + "\n"


def _write_table(table: Mapping[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    """Plain values first: once a sub-table has begun they would belong to it."""
    nested = {key: value for key, value in table.items() if isinstance(value, Mapping) or _is_table_list(value)}
    for key, value in table.items():
        if key not in nested:
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in nested.items():
        here = (*path, key)
        name = ".".join(map(_key, here))
        for entry, head in (
            [(value, f"[{name}]")] if isinstance(value, Mapping) else [(v, f"[[{name}]]") for v in value]
        ):
            lines.extend(["", head])
            _write_table(entry, here, lines)


def _is_table_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _key(key: str) -> str:
    return key if key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key) else _string(key)


def _string(text: str) -> str:
    # A JSON string is a TOML basic string, but for DEL, which JSON may leave as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"{type(value).__name__} has no form in TOML")

"""The form that an identity's documents share, signed or sealed: one small JSON object that names its format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MALFORMED = (ValueError, KeyError, TypeError, RecursionError)
"""All that reading a document's fields may raise. Whose fault it is, the caller knows."""


def write_document(name: str, fields: Mapping[str, object]) -> bytes:
    """The fields as a document of the format `name`."""
    return json.dumps({"format": name} | dict(fields), indent=2).encode() + b"\n"


def read_document(document: bytes, name: str, bytes_max: int) -> dict[str, Any]:
    """The fields of a document of the format `name`. What they hold is not checked.

    Raises:
        MALFORMED: It is none, or longer than `bytes_max`.
    """
    if len(document) > bytes_max:
        raise ValueError(f"{len(document)} bytes, at most {bytes_max} expected")
    fields = json.loads(document)
    if fields["format"] != name:
        raise ValueError(f"format {fields['format']!r}, {name!r} expected")
    return dict(fields)


def read_hex(text: str, size: int) -> bytes:
    """A field that holds `size` bytes in hexadecimal digits.

    Raises:
        MALFORMED: It does not.
    """
    data = bytes.fromhex(text)
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes where {size} are expected")
    return data

"""Telling the type checker what a message's kind has told us about its body."""

from __future__ import annotations

from typing import TypeVar, cast

from consensus.types import Signed

BodyT = TypeVar("BodyT")


def narrow(message: Signed[object], body: type[BodyT]) -> Signed[BodyT]:
    """The same message, as one with a body of that type.

    Raises:
        TypeError: It has another body: a bug, for whoever opens envelopes sees that kind and body agree.
    """
    if not isinstance(message.body, body):
        raise TypeError(f"a {message.kind.name} with a {type(message.body).__name__}, not a {body.__name__}")
    return cast("Signed[BodyT]", message)

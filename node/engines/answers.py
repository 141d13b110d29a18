"""Reading a model's text as JSON: strictly first, then with the two forgivings that models need. Pure."""

from __future__ import annotations

import json
import re

from node.engines.interface import JsonAnswer

_FENCED = re.compile(r"\A\s*```[a-zA-Z]*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)
_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)


def read_json(text: str) -> JsonAnswer | None:
    """What a text says as JSON; None where it is none.

    Forgiven, and marked as salvaged: thoughts before it, a code fence around it, raw control characters within
    strings (a common enforcer lets them through). Never an incomplete text: what was cut off is not guessed.
    Numbers beyond JSON (`NaN`, `Infinity`) are not JSON.
    """
    for candidate, strict, salvaged in _readings(text):
        try:
            value = json.loads(candidate, strict=strict, parse_constant=_refuse)
            json.dumps(value, ensure_ascii=False).encode()  # refuses lone surrogates, which nothing can store
        except (ValueError, RecursionError):
            continue
        return JsonAnswer(value, salvaged)
    return None


def _readings(text: str) -> list[tuple[str, bool, bool]]:
    bare = _THOUGHTS.sub("", text)
    fenced = _FENCED.match(bare)
    inner = fenced.group(1) if fenced else bare
    return [(text, True, False), (inner, True, True), (inner, False, True)]


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")

"""The prompt files beside this one, read once, with their digests."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

SHARED = "shared"
GENERATE, JUDGE = "generate_", "judge_"

_PLACE = re.compile(r"\{\{([a-z_]+)\}\}")


class PromptError(ValueError):
    """A template and what it is to be filled with do not fit: a bug of ours, or a prompt file edited by hand."""


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values into the places `{{name}}` of a template, in one pass: what a value holds is never a place itself.

    Raises:
        PromptError: A place has no value.
    """
    missing = sorted({place[1] for place in _PLACE.finditer(template)} - values.keys())
    if missing:
        raise PromptError(f"nothing to put in the places {', '.join(missing)}")
    return _PLACE.sub(lambda place: values[place[1]], template)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One thing a model is asked."""

    name: str
    """The file's, without its ending."""
    version: int
    system: str
    """The system message."""
    preamble: str
    """What stands first in the user message, with places: the same for all items of a crate or a rubric."""
    instruction: str
    given: str
    """The item, with places; last, so that a server's cache of prefixes serves all that stands before it."""
    repair: str
    """What is added when the first answer could not be used, with the places `complaint` and `answer`."""
    asks: tuple[str, ...]
    """Fields that the answer has, in order; of a judge's prompt the choices."""
    answer_tokens: int
    """How long an answer may be; never longer than the job says."""
    digest: bytes
    """SHA-256 over this file and the shared one: what a row or a calibration names."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """All prompt files of one version of this software."""

    generate: Mapping[str, Prompt]
    """By task category."""
    judge: Mapping[str, Prompt]
    """By what is asked: a criterion's name, or `pair`."""
    digest: bytes
    """Over all files; what a job signs."""


def load_prompts(files: Mapping[str, bytes]) -> Prompts:
    """Read prompt files given by name without ending.

    Raises:
        PromptError: A file is not TOML, or lacks a key, or has one that nobody reads.
    """
    shared = _read(SHARED, files[SHARED], {"version", "generate", "judge"})
    generate, judge = _shared(shared, GENERATE), _shared(shared, JUDGE)
    return Prompts(
        generate={name.removeprefix(GENERATE): _prompt(name, files, generate) for name in _named(files, GENERATE)},
        judge={name.removeprefix(JUDGE): _prompt(name, files, judge) for name in _named(files, JUDGE)},
        digest=_digest(files),
    )


def _named(files: Mapping[str, bytes], prefix: str) -> list[str]:
    return sorted(name for name in files if name.startswith(prefix))


def _prompt(name: str, files: Mapping[str, bytes], shared: Mapping[str, str]) -> Prompt:
    own = _read(name, files[name], {"version", "asks", "answer_tokens", "instruction", "given"})
    asks = own["asks"]
    if not isinstance(asks, list):
        raise PromptError(f"{name}: `asks` is a list")
    return Prompt(
        name=name,
        version=int(str(own["version"])),
        system=shared["system"].strip(),
        preamble=shared["preamble"],
        instruction=str(own["instruction"]),
        given=str(own["given"]),
        repair=shared["repair"],
        asks=tuple(map(str, asks)),
        answer_tokens=int(str(own["answer_tokens"])),
        digest=_digest({key: files[key] for key in (SHARED, name)}),
    )


def _shared(values: Mapping[str, object], prefix: str) -> Mapping[str, str]:
    table = values[prefix.rstrip("_")]
    if not isinstance(table, dict) or table.keys() != {"system", "preamble", "repair"}:
        raise PromptError(f"{SHARED}: [{prefix.rstrip('_')}] has system, preamble and repair")
    return {key: str(value) for key, value in table.items()}


def _read(name: str, data: bytes, keys: set[str]) -> dict[str, object]:
    try:
        values = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PromptError(f"{name} is not TOML: {error}") from error
    if values.keys() != keys:
        raise PromptError(f"{name} has the keys {sorted(values)}, expected {sorted(keys)}")
    return values


def _digest(files: Mapping[str, bytes]) -> bytes:
    """SHA-256 over names and contents, each with its length, so that no two sets of files look alike."""
    total = hashlib.sha256(b"swarm-node/v1/prompts\0")
    for name in sorted(files):
        for part in (name.encode(), files[name]):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.digest()


def _packaged() -> dict[str, bytes]:
    folder = resources.files(__package__)
    found = (entry for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return {entry.name.removesuffix(".toml"): entry.read_bytes() for entry in found}


PROMPTS = load_prompts(_packaged())
"""The files of this version."""

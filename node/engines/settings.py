"""Where an engine is and what opens it: addresses and keys, checked before anything is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from node.config import EngineSection
from node.errors import OperatorError

RANDOM_MARK: Final = "swarm_node_random_weights"
"""In the config of a checkpoint, and as a part of a served model's name: made for tests, knows nothing."""

STRUCTURED = '{"backend":"guidance","disable_any_whitespace":true}'
"""The enforcer that takes every schema of ours and closes JSON: others forbid line breaks in bounded strings, or let a
weak model write white space for ever (docs/engines.md)."""

KEY_BYTES_MAX = 4096


class Secret:
    """A key. Shows itself nowhere: not printed, not in errors, not in a dump of its owner."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a key is not written down")

    def header(self) -> dict[str, str]:
        """The header that carries it; none for an empty key."""
        return {"Authorization": f"Bearer {self._text}"} if self._text else {}

    def redact(self, text: str) -> str:
        """`text` without the key: servers like to repeat what they were sent."""
        return text.replace(self._text, "[key]") if self._text else text

    def reveal(self) -> str:
        """The key itself, for the environment of a server that we start."""
        return self._text


def load_key(section: EngineSection, environment: Mapping[str, str] = os.environ) -> Secret:
    """The server's key from file or environment; empty where none is set.

    Raises:
        OperatorError: The file named cannot be read, or what it holds cannot be a key.
    """
    if not section.key_file:
        return _checked(environment.get(section.key_env, "").strip(), f"${section.key_env}")
    path = Path(section.key_file).expanduser()
    try:
        with path.open("rb") as file:
            text = file.read(KEY_BYTES_MAX + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise OperatorError(
            f"cannot read the engine's key from {path}: {reason}", hint="Correct `engine.key_file`, or leave it empty."
        ) from error
    key = _checked((text.splitlines() or [""])[0].strip(), str(path))
    if not key:
        raise OperatorError(f"{path} holds no key in its first line", hint="Write the engine's key there.")
    return key


def _checked(text: str, source: str) -> Secret:
    if len(text) > KEY_BYTES_MAX or not all("!" <= char <= "~" for char in text):
        raise OperatorError(f"what {source} holds is no key", hint="A key is one line of printable ASCII.")
    return Secret(text)


def parse_url(url: str, key: Secret) -> str:
    """The address that paths are appended to, without a slash at its end; `/v1` where no path is given.

    Raises:
        OperatorError: Not an HTTP address, one with a password in it, or one where the key would be read by others.
    """
    example = "for example http://127.0.0.1:8000/v1"
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise OperatorError(
            f"`engine.url` is no address: {error}", hint=f"Write the server's address, {example}."
        ) from error
    if parts.username is not None or parts.password is not None:
        raise OperatorError("`engine.url` has a user or password in it", hint="Put the key into `engine.key_file`.")
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise OperatorError(f"`engine.url` is {url!r}", hint=f"Write the server's address, {example}.")
    if key and parts.scheme == "http" and not is_this_machine(host):
        raise OperatorError(
            f"the engine's key would go to {host} over plain HTTP, for everybody on the way to read",
            hint="Use https, a tunnel that ends on this machine, or unset the key if that server needs none.",
        )
    shown = f"[{host}]" if ":" in host else host
    authority = f"{shown}:{port}" if port is not None else shown
    return f"{parts.scheme}://{authority}{parts.path.rstrip('/') or '/v1'}"


def is_this_machine(host: str) -> bool:
    """Whether a host as written is this machine, without asking any name server."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def refuse_random(model: str) -> None:
    """Refuse a checkpoint that was made for tests.

    Raises:
        OperatorError: `model` is such a folder, or a served model named after one.
    """
    marked = RANDOM_MARK in model
    config = Path(model).expanduser() / "config.json"
    if not marked and config.is_file():
        try:
            described = json.loads(config.read_bytes())
        except (OSError, ValueError) as error:
            raise OperatorError(f"cannot read {config}", hint="Is the download complete?") from error
        marked = isinstance(described, dict) and bool(described.get(RANDOM_MARK))
    if marked:
        raise OperatorError(
            f"{model} has random weights: it was made for tests and knows nothing", hint="Name a trained model."
        )


def refuse_dummy(args: Sequence[str]) -> None:
    """Refuse flags that make vLLM invent weights.

    Raises:
        OperatorError: They do.
    """
    if any("dummy" in arg for arg in args):
        raise OperatorError("`engine.args` asks for random weights", hint="Leave `--load-format dummy` out.")


def engine_flags(section: EngineSection) -> list[str]:
    """The flags of vLLM for an engine of ours, in this process or in a server: the job's sampling, JSON that ends."""
    flags = ["--model", section.model, "--generation-config", "vllm", "--structured-outputs-config", STRUCTURED]
    return [*flags, "--max-model-len", str(section.context_tokens)] if section.context_tokens else flags

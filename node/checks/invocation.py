"""One call of rustc as cargo made it, recorded by a wrapper and made again with small changes. Pure.

Flags are never rebuilt by hand: leaving out a single `--check-cfg` has been measured to change verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RECORDER = """#!/bin/sh
# Writes down the compiler calls of a build: directory, number of arguments, arguments, environment.
record=$(mktemp "$SWARM_RECORDS/XXXXXXXXXXXX") && {
  printf '%s\\0' "$PWD" "$#" "$@"
  env -0
} > "$record"
exec "$@"
"""

_RECORD_VARIABLES = frozenset(
    {
        *("SWARM_RECORDS", "RUSTC_WORKSPACE_WRAPPER", "_", "SHLVL", "OLDPWD", "PWD", "TMPDIR"),
        *("CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"),  # a jobserver that is gone when the call is made again
    }
)

_PAIRED = frozenset(
    {
        *("-C", "-L", "-l", "-A", "-W", "-D", "-F", "-Z", "-o", "--cfg", "--check-cfg", "--extern", "--out-dir"),
        *("--crate-type", "--crate-name", "--cap-lints", "--emit", "--target", "--edition", "--codegen"),
    }
)
"""Options whose value may be the next argument."""


class RecordError(ValueError):
    """A record is not what the recorder writes."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A recorded call."""

    directory: Path
    options: tuple[tuple[str, str], ...]
    """Option and value, in order; the value is empty for options without one, and `("", source)` is the crate root."""
    environment: Mapping[str, str]

    def value(self, option: str) -> str:
        """Value of the option's first use; empty when it is not there."""
        return next((value for name, value in self.options if name == option), "")

    @property
    def crate_name(self) -> str:
        """What is compiled, e.g. `semver` or `build_script_build`."""
        return self.value("--crate-name")

    @property
    def source(self) -> str:
        """Crate root, relative to the directory."""
        return self.value("")

    @property
    def tests(self) -> bool:
        """Compiled with the test harness."""
        return ("--test", "") in self.options

    @property
    def crate_types(self) -> frozenset[str]:
        """`lib`, `rlib`, `proc-macro`, `bin`, ..."""
        return frozenset(value for name, value in self.options if name == "--crate-type")

    @property
    def output(self) -> str:
        """Name of what comes out, without directory and ending: crate name and the hash that cargo adds."""
        suffix = next(
            (value for name, value in self.options if name == "-C" and value.startswith("extra-filename=")), ""
        )
        return self.crate_name + suffix.removeprefix("extra-filename=")

    def arguments(self) -> tuple[str, ...]:
        """The call's arguments, without the program."""
        return tuple(word for pair in self.options for word in pair if word)

    def rebuilt(
        self,
        *,
        out_dir: Path,
        emit: str,
        source: str = "",
        crate_name: str = "",
        libraries: Mapping[str, Path] | None = None,
        search: Sequence[Path] = (),
        extra: Sequence[str] = (),
    ) -> tuple[str, ...]:
        """Arguments for the same call with another output.

        Args:
            out_dir: Where outputs go.
            emit: Value of `--emit`.
            source: Crate root instead of the recorded one; empty keeps it.
            crate_name: Name instead of the recorded one; empty keeps it.
            libraries: `--extern` crates to add or to replace, by crate name.
            search: Directories to add for dependencies.
            extra: Arguments to add at the end.
        """
        replaced = libraries or {}
        words: list[str] = []
        for name, value in self.options:
            if name in {"--out-dir", "--emit", "--error-format", "--json"} or value.startswith("incremental="):
                continue
            if name == "--extern" and value.split("=")[0].split(":")[-1] in replaced:
                continue
            if name == "--crate-type" and value not in {"lib", "rlib", "bin", "proc-macro"}:
                continue  # Shared and static libraries are linked for nobody here.
            if not name:
                words.append(source or value)
            elif name == "--crate-name":
                words += [name, crate_name or value]
            else:
                words += [word for word in (name, value) if word]
        for crate, path in sorted(replaced.items()):
            words += ["--extern", f"{crate}={path}"]
        for directory in search:
            words += ["-L", f"dependency={directory}"]
        return (*words, "--error-format=json", f"--emit={emit}", "--out-dir", str(out_dir), *extra)


def parse_record(raw: bytes) -> Invocation:
    """An invocation out of the recorder's file.

    Raises:
        RecordError: Truncated, or not a call of rustc.
    """
    fields = raw.decode(errors="surrogateescape").split("\0")
    try:
        count = int(fields[1])
        words = fields[2 : 2 + count]
        directory = Path(fields[0])
    except (IndexError, ValueError) as error:
        raise RecordError("a compiler record is truncated") from error
    if len(words) != count or count < 1:
        raise RecordError("a compiler record is truncated")
    variables = dict(field.split("=", 1) for field in fields[2 + count :] if "=" in field)
    kept = {name: value for name, value in variables.items() if name not in _RECORD_VARIABLES}
    return Invocation(directory, tuple(_options(words[1:])), kept)


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if not word.startswith("-"):
            yield "", word
        elif word in _PAIRED and position < len(words):
            yield word, words[position]
            position += 1
        elif word.startswith("--") and "=" in word:
            name, value = word.split("=", 1)
            yield name, value
        else:
            yield word, ""

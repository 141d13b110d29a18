"""What an examination of a machine or an engine found, as a line a person can act on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Grade(Enum):
    """How bad a finding is."""

    GOOD = "good"
    NOTE = "note"
    """Works, and could be better."""
    WRONG = "wrong"
    """What was looked at does not work, or its results mean nothing, before this is changed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    subject: str
    grade: Grade
    text: str
    hint: str = ""
    """What to do, as a sentence, a setting or a command line."""

    @property
    def is_command(self) -> bool:
        """Whether the hint is a command line as it stands."""
        return self.hint.startswith(("swarm-node ", "rustup ", "apt-get ", "chmod "))

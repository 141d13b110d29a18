"""How the request for one candidate can end, and the account of all of them: none is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class End(StrEnum):
    """How the request for one numbered candidate ended. Exactly one per request."""

    PROPOSED = "proposed"
    """The first answer holds."""
    REPAIRED = "repaired"
    """The second answer holds; the first was sent back with what was wrong."""
    PAST_END = "past-end"
    """The crate has fewer places for the category than this number."""
    UNTESTED = "untested"
    """No test reaches the place, so nothing about an answer could be shown."""
    UNSUITED = "unsuited"
    """The place cannot be asked about: it does not render cleanly, or the crate does not build."""
    TOO_LONG = "too-long"
    """The place does not fit the model's context."""
    MALFORMED = "malformed"
    """Both answers were not of the form asked for, or broke a rule that a look at the source shows."""
    CUT_OFF = "cut-off"
    """Both answers were longer than the job allows."""
    CHECK_FAILED = "check-failed"
    """Both answers failed when they were executed."""
    UNCHECKED = "unchecked"
    """What the category claims could not be executed here."""
    DUPLICATE = "duplicate"
    """The same example as one of a lower number."""
    NO_ANSWER = "no-answer"
    """The model did not answer: unreachable, overloaded, its deadline passed."""
    REFUSED = "refused"
    """The model's server will not do the request until its operator changes something."""


class ProbeEnd(StrEnum):
    """What a slot that has to hold a probe was filled with. Exactly one per such slot."""

    OWN = "own"
    """What the model answered, or that spoiled: like the node's candidates."""
    CRATE = "crate"
    """The author's text, or that spoiled: no answer of the model could be proven right, or wrong."""
    NONE = "none"
    """Nothing could be proven, either way: the slot stays empty."""


GOOD = frozenset({End.PROPOSED, End.REPAIRED})


@dataclass(frozen=True, slots=True)
class Ended:
    """An end, and why, in one line for people; empty where the end says it all."""

    end: End
    why: str = ""


@dataclass(slots=True)
class Account:
    """What became of every candidate asked for since the start, and of every probe."""

    asked: int = 0
    """Candidates, answers for probes among them."""
    ended: Counter[End] = field(default_factory=Counter)
    probes: Counter[ProbeEnd] = field(default_factory=Counter)
    """What the slots that have to hold a probe were filled with."""

    def add(self, ends: Iterable[Ended]) -> None:
        """Count requests that have ended."""
        for ended in ends:
            self.asked += 1
            self.ended[ended.end] += 1

    @property
    def adds_up(self) -> bool:
        """Whether every request ended exactly once."""
        return self.asked == self.ended.total()

    def by_name(self) -> Mapping[str, int]:
        """Counts by the names of the ends, every end listed, for `status`."""
        return {end.value: self.ended[end] for end in End}


def told(ends: Iterable[Ended]) -> str:
    """Ends other than good ones in one line: `2 check-failed (answer: 1 of 3 tests failed), 1 cut-off`."""
    counted: Counter[End] = Counter()
    first: dict[End, str] = {}
    for ended in ends:
        if ended.end not in GOOD:
            counted[ended.end] += 1
            first.setdefault(ended.end, ended.why)
    parts = (f"{count} {end.value}" + (f" ({first[end]})" if first[end] else "") for end, count in counted.items())
    return ", ".join(parts)

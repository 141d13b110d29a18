"""Checks and a judge together: what was executed stands, and where nothing could be, a proven opinion has a voice.

Executed truth comes first: a candidate that fails its checks never gets here (`node.rating.interface.rate`), and what
the compiler said about syntax and compiling no opinion changes. Elsewhere each criterion's score moves towards the
judge's calibrated probability, by as much as that judge has shown to tell right from wrong (`voices`); a judge that
has shown nothing moves nothing.
"""

from __future__ import annotations

from consensus.types import CRITERIA, Scores
from node.rating.interface import FULL, Evidence, Scorer

EXECUTED = frozenset({"syntactic_correctness", "compilation_potential"})
"""Criteria that a compiler's word settles."""

Voices = tuple[int, int, int, int]
"""How much of the way to the judge's score each criterion goes, basis points."""


class JudgedScorer:
    """The checks' scores, moved by a judge's."""

    def __init__(self, checks: Scorer, voices: Voices) -> None:
        assert all(0 <= voice <= FULL for voice in voices), "a voice is a share"
        self._checks, self._voices = checks, voices

    @property
    def name(self) -> str:
        """Says that a judge took part."""
        return f"{self._checks.name}+judge"

    def score(self, evidence: Evidence) -> Scores:
        """The four criteria in basis points; those of the checks alone where there is no calibrated judgement."""
        found = self._checks.score(evidence)
        if evidence.judged is None:
            return found
        executed = evidence.result is not None and bool(evidence.result.steps) and evidence.result.checked
        one, two, three, four = (
            checked if executed and criterion in EXECUTED else checked + _way(voice, said - checked)
            for criterion, voice, checked, said in zip(CRITERIA, self._voices, found, evidence.judged, strict=True)
        )
        return (one, two, three, four)


def _way(voice_bp: int, distance: int) -> int:
    """Part of a distance, rounded towards zero whatever its sign."""
    return voice_bp * abs(distance) // FULL * (1 if distance >= 0 else -1)

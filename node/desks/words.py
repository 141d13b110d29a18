"""Numbers of the protocol as people read them."""

from __future__ import annotations

from consensus.params import Q16
from consensus.types import CandidateState

BP = 10_000


def score(basis_points: int) -> str:
    """A score or share in basis points as `0.84`, and as `0.7004` where two digits would hide what it is above."""
    return f"{basis_points / BP:.2f}" if basis_points % 100 == 0 else f"{basis_points / BP:.4f}"


def bits(evidence_q16: int) -> str:
    """Evidence in Q16 bits as `+2.10 bits`."""
    return f"{evidence_q16 / Q16:+.2f} bits"


def factor(value_q16: int) -> str:
    """A Q16 factor or count as `0.93`."""
    return f"{value_q16 / Q16:.2f}"


def is_whole(value_q16: int) -> bool:
    """Whether a factor is one, as `factor` shows it."""
    return factor(value_q16) == factor(Q16)


def basis_points(value_q16: int) -> int:
    """A Q16 share within 0..1 in basis points."""
    return max(0, min(BP, value_q16 * BP // Q16))


FATES = {
    CandidateState.ACCEPTED: ("R28", "its score is above the job's threshold and it is among the best of its task"),
    CandidateState.SURPLUS: ("R29", "its score is above the threshold, but better ones filled the task's quota"),
    CandidateState.REJECTED_SCORE: ("R28", "its score is not above the threshold"),
    CandidateState.REJECTED_CHECK: (
        "R17",
        "its raters executed its check and saw it fail: more than two thirds, or most and nobody else to ask",
    ),
    CandidateState.DUPLICATE: ("R16", "another candidate owns the same claim: same crate, category, input and output"),
    CandidateState.CONTAMINATED: ("R17", "most of its raters found that its input gives the answer away"),
    CandidateState.LATE: ("R18", "too few of its raters held its content in time"),
    CandidateState.MALFORMED: ("R17", "most of its raters found that it has not its category's form"),
    CandidateState.UNAVAILABLE: ("R18", "too few raters declare to hold its content"),
    CandidateState.VOID: ("R14", "its generator never opened the slot, opened it wrongly, or equivocated"),
    CandidateState.PROBE: ("R14", "it was a hidden probe: it taught what its raters' scores mean, and is no row"),
    CandidateState.IN_REVIEW: (
        "R28",
        "its score lies between the two thresholds, or its raters disagree on facts: fresh raters decide",
    ),
}
"""Why a candidate ended in a state, and the rule that says so."""

"""How far a member may be trusted, and what it may therefore do (R30 to R32, R37).

A product, not a sum: a rater that fails one of the four tests has no reputation, however well it does in the others.
Constants, copiers of the prior and inverters do not discriminate, the two-faced are inaccurate, friends' clubs unfair.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from consensus.params import Preset
from consensus.rater_tables import ONE, fairness, maturity, memories, unexplained_error
from consensus.types import Member, RaterTable
from reputation.capability import is_blind


@dataclass(frozen=True, slots=True)
class Standing:
    """Rating reputation and its four factors. Factors are Q16 within 0..1."""

    maturity: int
    """How much has been seen of the rater."""
    discrimination: int
    """How much more often than not it scores a good item above a bad one."""
    accuracy: int
    """How near its scores, less its bias, come to their targets."""
    fairness: int
    """How far it is from favouring anyone."""
    reputation_bp: int
    """Their product, 0..10000."""


STANDINGS_KEPT = 1024
"""What a round taught is asked for several times: by the ledger, by the plans, by whoever looks."""


class Role(Enum):
    """What a member may do in coming rounds."""

    RATER = "rater"
    NEWCOMER = "newcomer"
    """Too little is known of it: few seats, little voice."""
    APPLICANT = "applicant"
    """It has yet to prove that it can rate: it observes, makes nothing and votes on nothing (R39)."""
    OBSERVER = "observer"
    """Known and not trusted: its ratings teach its table, no more, until it recovers (R10, R37)."""
    BARRED = "barred"
    """Suspended for broken commitments or a proven equivocation, or waiting for its next examination: no seat at all
    (R33, R39)."""


@lru_cache(STANDINGS_KEPT)
def standing_of(table: RaterTable, preset: Preset) -> Standing:
    """Compute the standing of a rater from its table alone (R30)."""
    mature = maturity(table, preset.aggregation)
    discriminating = max(0, min(memory.double_area() for memory in memories(table, preset.aggregation)) - ONE)
    accurate = _accuracy(table, preset)
    fair = fairness(table, preset.aggregation)
    product = ((mature * discriminating >> 16) * accurate >> 16) * fair >> 16
    return Standing(
        maturity=mature,
        discrimination=discriminating,
        accuracy=accurate,
        fairness=fair,
        reputation_bp=product * 10_000 >> 16,
    )


def _accuracy(table: RaterTable, preset: Preset) -> int:
    """What is left of the error when the rater's bias is taken out: whoever is harsh with everybody tells no less."""
    params, error = preset.reputation, unexplained_error(table)
    if error is None:
        return ONE
    return max(0, min(ONE, ((params.error_worst - error) << 16) // params.error_span))


def role_of(member: Member, height: int, preset: Preset) -> Role:
    """What the member may do in the round at `height`."""
    if height < member.suspended_until or height < member.examined_from:
        return Role.BARRED
    if member.examined_from:
        admitted = 0 < member.admitted_from <= height
        return Role.NEWCOMER if admitted else Role.APPLICANT
    standing = standing_of(member.table, preset)
    if standing.maturity < preset.reputation.suspend_maturity_min:
        return Role.NEWCOMER
    if standing.reputation_bp < preset.reputation.suspend_below_bp and is_blind(member.table, preset):
        return Role.OBSERVER
    return Role.RATER


def generating_skill_bp(member: Member, preset: Preset) -> int:
    """Share of the member's recent candidates that were accepted, drawn to the prior, 0..10000 (R35)."""
    params = preset.reputation
    accepted = member.accepted + params.skill_prior_accepted
    generated = member.generated + params.skill_prior_generated
    return accepted * 10_000 // generated

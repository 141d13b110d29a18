"""Settled claims looked at a second time, alone: a standing test, in production, that sharing changes no verdict.

Which ones is decided by a keyed hash of the claim, so that whoever makes candidates cannot know which are looked at.
When the two looks differ, sharing has failed in a way that nobody foresaw, and nothing of that batch is believed.
Unless looks alone differ from each other too: then the claim itself ends now so, now so, and only it is set aside, lest
one candidate whose tests throw a coin take the verdicts from all that share its batch.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from node.checks import isolated, solo
from node.checks.project import MalformedProjectError
from node.checks.verdicts import Claim, Observation, claim_key
from node.checks.workers import together
from node.checks.workshop import Workshop

_FULL = 10_000
_MORE_LOOKS = 3
"""At a claim that came out differently. With chance p of the rarer end, it passes for steady p(1 - p)^4 of the time, at
most one time in twelve."""


@dataclass(slots=True)
class Reverified:
    """What second looks have shown so far."""

    looked: int = 0
    """Claims that were settled twice."""
    disagreed: int = 0
    """Of these, those that came out differently: zero, or a defect to be reported."""


class Sampler:
    """Chooses claims for a second look."""

    def __init__(self, seed: bytes, share_bp: int) -> None:
        """Remember how to choose.

        Args:
            seed: This node's own secret, at most 64 bytes; the same seed chooses the same claims.
            share_bp: How many of 10,000 claims are chosen.
        """
        self._seed = seed
        self._share_bp = share_bp

    def is_chosen(self, key: bytes) -> bool:
        """Whether the claim of that key (`claim_key`) is looked at again."""
        drawn = int.from_bytes(hashlib.blake2b(key, key=self._seed, digest_size=8).digest(), "big")
        return drawn % _FULL < self._share_bp


def agree(first: Observation, second: Observation) -> bool:
    """Whether two looks saw the same. A look that ran out of time, or could not be taken, contradicts nothing."""
    if any(seen.timed_out or seen.unchecked for seen in (first, second)):
        return True
    return _shown(first) == _shown(second)


def _shown(seen: Observation) -> tuple[object, ...]:
    return seen.compiled, seen.error_codes, seen.passed, seen.failed, seen.missing, seen.lints


@dataclass(frozen=True, slots=True)
class SecondLooks:
    """What is not believed after a batch's second looks."""

    differing: tuple[Claim, ...]
    """Came out differently alone, each time alike: the batch settled them wrongly."""
    unsteady: tuple[Claim, ...]
    """Came out differently from one look alone to the next."""


async def look_again(
    workshop: Workshop, settled: Mapping[Claim, Observation], sampler: Sampler, counts: Reverified, *, level: str
) -> SecondLooks:
    """Settle some of a batch's claims a second time, alone; counts what it does.

    Raises:
        UncheckedError, SandboxError: The machine failed.
    """
    crate, identity = workshop.bench.crate, workshop.toolchain.identity
    chosen = [
        claim
        for claim, seen in settled.items()
        if not seen.unchecked and sampler.is_chosen(claim_key(crate, claim, toolchain=identity, level=level))
    ]
    again = await together(_look(workshop, claim) for claim in chosen)
    doubted = {claim: seen for claim, seen in zip(chosen, again, strict=True) if not agree(settled[claim], seen)}
    steady = await together(_is_steady(workshop, claim, seen) for claim, seen in doubted.items())
    differing = tuple(claim for claim, is_steady in zip(doubted, steady, strict=True) if is_steady)
    counts.looked += len(chosen)
    counts.disagreed += len(differing)
    return SecondLooks(differing, tuple(claim for claim in doubted if claim not in differing))


async def _is_steady(workshop: Workshop, claim: Claim, seen: Observation) -> bool:
    """Whether more looks alone show what the first did."""
    for _ in range(_MORE_LOOKS):
        if not agree(seen, await _look(workshop, claim)):
            return False
    return True


async def _look(workshop: Workshop, claim: Claim) -> Observation:
    can_replay = await asyncio.to_thread(solo.can_replay, workshop, claim.project)
    observe = solo.observe_alone if can_replay else isolated.observe_with_cargo
    try:
        return await observe(workshop, claim)
    except MalformedProjectError as error:
        return Observation(compiled=False, message=str(error))

"""Settled claims looked at a second time, alone: a standing test, in production, that sharing changes no verdict.

Which ones is decided by a keyed hash of the claim, so that whoever makes candidates cannot know which are looked at.
When the two looks differ, sharing has failed in a way that nobody foresaw, and nothing of that batch is believed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.checks import isolated, solo
from node.checks.project import MalformedProjectError
from node.checks.verdicts import Claim, Observation, claim_key
from node.checks.workers import together
from node.checks.workshop import Workshop

_FULL = 10_000


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


async def disagreements(
    workshop: Workshop, settled: Mapping[Claim, Observation], sampler: Sampler, counts: Reverified, *, level: str
) -> Sequence[Claim]:
    """Those of a batch's claims that a second look settles differently; counts what it does.

    Raises:
        UncheckedError, SandboxError: The machine failed.
    """
    crate, identity = workshop.bench.crate, workshop.toolchain.identity
    chosen = [
        claim
        for claim, seen in settled.items()
        if not seen.unchecked and sampler.is_chosen(claim_key(crate, claim, toolchain=identity, level=level))
    ]
    again = await together(_look_again(workshop, claim) for claim in chosen)
    differing = [claim for claim, seen in zip(chosen, again, strict=True) if not agree(settled[claim], seen)]
    counts.looked += len(chosen)
    counts.disagreed += len(differing)
    return differing


async def _look_again(workshop: Workshop, claim: Claim) -> Observation:
    can_replay = await asyncio.to_thread(solo.can_replay, workshop, claim.project)
    observe = solo.observe_alone if can_replay else isolated.observe_with_cargo
    try:
        return await observe(workshop, claim)
    except MalformedProjectError as error:
        return Observation(compiled=False, message=str(error))

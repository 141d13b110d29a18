"""Decided rounds, kept whole: header, state, decisions with their reasons, ledger events, all in one transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from consensus.aggregation import ScoredCandidate
from consensus.certificate import header_hash
from consensus.encoding import decode, encode
from consensus.outcome import Outcome
from consensus.types import Certificate, ChainState, Decision, JobStatus, Kind, RoundPlan
from node.driver.frames import RoundRecord, pack_batch, pack_names, parse_batch, parse_names
from node.pipeline.effects import Decided
from node.store import DecidedCandidate, LedgerRow, RoundRow, Store

_PART_BYTES_MAX = 1 << 30
ROUNDS_AT_HAND = 64
"""Newest rounds that are kept with everything: for members that were away, and for those who ask what was refused."""


class Archive:
    """This node's decided rounds.

    Args:
        store: Where they are kept.
        epoch_rounds: States at the ends of epochs prove committees, and are kept for ever.
        clock: Unix seconds, for when this node heard of a decision.
    """

    def __init__(self, store: Store, epoch_rounds: int, clock: Callable[[], float] = time.time) -> None:
        self._store, self._epoch_rounds, self._clock = store, epoch_rounds, clock

    async def keep(self, decided: Decided) -> None:
        """Store a decided round with everything that follows from it, and drop the work that led to it."""
        transition = decided.transition
        header = transition.header
        row = RoundRow(
            height=header.height,
            header_hash=header_hash(header),
            certificate=encode(decided.certificate),
            state=encode(transition.state),
            manifest=_pack_manifest(decided, int(self._clock() * 1000)),
        )
        await self._store.rounds.commit(
            row,
            decided=explained(transition.outcome, decided.plan),
            events=[
                LedgerRow(event.index, event.height, event.previous, event.hash(), encode(event))
                for event in transition.events
            ],
            statuses=[(job.terms.job, job.status) for job in transition.state.jobs],
        )
        await self._store.work.prune(header.height + 1)
        if header.height % self._epoch_rounds == 0:
            await self._prune(header.height)

    async def _prune(self, height: int) -> None:
        """Forget what no question leads to any more: old states between epochs' ends, contents that were not accepted.

        Rounds, decisions, their reasons, messages and the ledger stay: they are what a replay starts from.
        """
        below = height - ROUNDS_AT_HAND
        if below > 0:
            await self._store.rounds.prune_states(below, keep_every=self._epoch_rounds)
            await self._store.blobs.prune(below)
            await self._store.signing.prune(below)

    async def tip(self) -> ChainState | None:
        """The state after the last decided round; None before the first."""
        row = await self._store.rounds.tip()
        return None if row is None or row.state is None else decode(ChainState, row.state)

    async def certificate(self, height: int) -> Certificate | None:
        """What certified a round."""
        row = await self._store.rounds.get(height)
        return None if row is None else decode(Certificate, row.certificate)

    async def record(self, height: int) -> RoundRecord | None:
        """What another member needs to follow this round."""
        row = await self._store.rounds.get(height)
        if row is None:
            return None
        # Our own, which we tell once we have decided: what others have sent may certify nothing.
        envelopes = await self._store.envelopes.at(height, Kind.CERTIFICATE, own=True)
        if not envelopes:
            return None
        attestations, messages, _ = parse_batch(row.manifest)
        return RoundRecord(envelopes[0].envelope, parse_names(attestations), parse_names(messages))

    async def notes(self, height: int) -> dict[str, Any]:
        """What this node noted of a round beside the protocol (`read_notes`); empty for a round not kept here."""
        row = await self._store.rounds.get(height)
        return {} if row is None else read_notes(row.manifest)


def read_notes(manifest: bytes) -> dict[str, Any]:
    """The notes in a stored round: when this node heard of its decision, why slots stayed empty, jobs still open."""
    notes: dict[str, Any] = json.loads(parse_batch(manifest)[2])
    return notes


def _pack_manifest(decided: Decided, now_ms: int) -> bytes:
    notes = json.dumps(_notes(decided, now_ms), sort_keys=True).encode()
    parts = (pack_names(decided.attestations), pack_names(decided.messages), notes)
    return pack_batch(parts, bytes_max=_PART_BYTES_MAX)


def _notes(decided: Decided, now_ms: int) -> dict[str, Any]:
    """Shortfalls by job, crate and category (indices into the job's lists); jobs in hex."""
    told: dict[int, set[str]] = {}
    for index, reason in decided.shortfalls:
        told.setdefault(index, set()).add(reason)
    tasks = decided.plan.tasks
    return {
        "decided_unix_ms": now_ms,
        "open": [job.terms.job.hex() for job in decided.transition.state.jobs if job.status is JobStatus.OPEN],
        "shortfalls": [
            {
                "job": tasks[index].job.hex(),
                "crate": tasks[index].crate,
                "category": tasks[index].category,
                "reasons": sorted(told[index]),
            }
            for index in sorted(told)
            if index < len(tasks)
        ],
    }


def explained(outcome: Outcome, plan: RoundPlan) -> list[DecidedCandidate]:
    """A round's decisions, each with what `explain` tells of it; from the round alone, so that a replay can compare."""
    scored = {item.content: item for item in outcome.aggregation.candidates}
    return [
        DecidedCandidate(decision, _explanation(decision, scored.get(decision.content), plan))
        for decision in outcome.decisions
    ]


def _explanation(decision: Decision, scored: ScoredCandidate | None, plan: RoundPlan) -> bytes:
    """Who rated it, what each rating was worth, and how that made the score, as canonical JSON."""
    task = plan.tasks[decision.task]
    value: dict[str, Any] = {
        "raters": [node.hex() for node in task.raters],
        "quota": task.quota,
        "attempt": task.attempt,
        "ratings": [],
    }
    if scored is not None:
        value["quality_bp"] = scored.quality_bp
        value["ratings"] = [
            {
                "rater": item.rater.hex(),
                "counted": item.counted.value,
                "composite_bp": item.composite_bp,
                "bin": item.bin,
                "evidence_q16": item.evidence_bits,
                "voice_q16": item.voice,
                "heard_q16": item.heard,
                "contributed_q16": item.contributed_bits,
                "history_q16": [item.bad_in_bin, item.bad_total, item.good_in_bin, item.good_total],
            }
            for item in scored.contributions
        ]
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

"""Decided rounds: what is certified, kept whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, null, select, update

from consensus.encoding import encode
from consensus.types import CandidateState, Decision, Hash, JobId, JobStatus
from node.errors import OperatorError
from node.store.backend import in_chunks
from node.store.database import Database
from node.store.ledger import append_events
from node.store.limits import StoreLimits, bounded
from node.store.rows import DecidedCandidate, LedgerRow, RoundRow
from node.store.schema import blobs, decisions, jobs, rounds

_KEPT = {CandidateState.ACCEPTED, CandidateState.IN_REVIEW}
"""States whose content must stay: its row stands in a shard, or fresh raters will ask for it."""


class Rounds:
    """Certified rounds by height."""

    def __init__(self, database: Database, limits: StoreLimits) -> None:
        self._database = database
        self._limits = limits

    async def commit(
        self,
        row: RoundRow,
        *,
        decided: Sequence[DecidedCandidate] = (),
        events: Sequence[LedgerRow] = (),
        statuses: Sequence[tuple[JobId, JobStatus]] = (),
    ) -> bool:
        """Keep a decided round with everything it changed, in one durable transaction. Whether it was new.

        Contents of accepted and carried candidates are kept for ever from here on, the others' may be pruned once
        the caller prunes this height. Committing the same round again changes nothing.

        Args:
            row: The round; `state` must be there.
            decided: All of its decisions, in order.
            events: The ledger events it caused, following the last one kept.
            statuses: Jobs whose status it changed.

        Raises:
            OperatorError: Another header is certified for this height: more than a third of the weight signed both.
            ValueError: It does not follow the last round kept, or its events not the last event.
        """
        for name, value in (("state", row.state or b""), ("manifest", row.manifest), ("certificate", row.certificate)):
            bounded(name, value, self._limits.value_bytes_max)
        for candidate in decided:
            bounded("explanation", candidate.explanation or b"", self._limits.value_bytes_max)

        def commit(connection: Connection) -> bool:
            if not _is_new(connection, row):
                return False
            connection.execute(insert(rounds), [_values(row)])
            _insert_decisions(connection, row.height, decided)
            append_events(connection, row.height, events)
            for job, status in statuses:
                connection.execute(update(jobs).where(jobs.c.job == job).values(status=int(status)))
            return True

        return await self._database.write(commit, durable=True)

    async def get(self, height: int) -> RoundRow | None:
        """The round decided at `height`, if it is at hand."""
        found = await self.between(height, height)
        return found[0] if found else None

    async def tip(self) -> RoundRow | None:
        """The last decided round; None before the first."""

        def find(connection: Connection) -> RoundRow | None:
            row = connection.execute(select(rounds).order_by(rounds.c.height.desc()).limit(1)).first()
            return None if row is None else _row(row)

        return await self._database.read(find)

    async def between(self, first: int, last: int, *, states: bool = True) -> tuple[RoundRow, ...]:
        """Rounds of heights `first` to `last`, both included, in order, at most `page_max`.

        Without `states` the bulk of a round stays on disk: each row's state is None.
        """

        def find(connection: Connection) -> tuple[RoundRow, ...]:
            columns = [column if states or column.name != "state" else null().label("state") for column in rounds.c]
            statement = select(*columns).where(rounds.c.height.between(first, last)).order_by(rounds.c.height)
            return tuple(_row(row) for row in connection.execute(statement.limit(self._limits.page_max)))

        return await self._database.read(find)

    async def prune_states(self, below: int, *, keep_every: int) -> int:
        """Forget the chain states of rounds below `below`, except at multiples of `keep_every`. Returns how many.

        States are the bulk of a round (a rater's tables take some 700 bytes each) and can be recomputed from the
        first one; the tip's is never forgotten.
        """

        def forget(connection: Connection) -> int:
            tip = connection.execute(select(func.max(rounds.c.height))).scalar() or 0
            old = (
                (rounds.c.height < min(below, tip)) & rounds.c.state.is_not(None) & (rounds.c.height % keep_every != 0)
            )
            return connection.execute(update(rounds).where(old).values(state=None)).rowcount

        return await self._database.write(forget)


def _is_new(connection: Connection, row: RoundRow) -> bool:
    known = connection.execute(select(rounds.c.header_hash).where(rounds.c.height == row.height)).scalar()
    if known is not None:
        if bytes(known) == row.header_hash:
            return False
        raise OperatorError(
            f"round {row.height} was decided as {bytes(known).hex()} and is now certified as {row.header_hash.hex()}",
            hint="The swarm has forked: over a third of its weight signed both. Stop, keep both, tell the others.",
        )
    tip = connection.execute(select(func.max(rounds.c.height))).scalar()
    if tip is not None and row.height != tip + 1:
        raise ValueError(f"round {row.height} does not follow round {tip}")
    if row.state is None:
        raise ValueError(f"round {row.height} is to be committed without its state")
    return True


def _insert_decisions(connection: Connection, height: int, decided: Sequence[DecidedCandidate]) -> None:
    for candidate in decided:
        _supersede(connection, candidate.decision)
    if decided:
        connection.execute(
            insert(decisions),
            [_decision_values(height, position, candidate) for position, candidate in enumerate(decided)],
        )
    _set_expiry(connection, height, [candidate.decision for candidate in decided])


def _supersede(connection: Connection, decision: Decision) -> None:
    """A carried candidate is decided anew: its earlier decision no longer counts."""
    if decision.slot >= 0:
        return
    earlier = (
        (decisions.c.job == decision.job)
        & (decisions.c.content == decision.content)
        & (decisions.c.state == CandidateState.IN_REVIEW.value)
    )
    connection.execute(update(decisions).where(earlier).values(superseded=True))


def _set_expiry(connection: Connection, height: int, decided: Sequence[Decision]) -> None:
    wanted = {decision.content for decision in decided if decision.state in _KEPT}
    done = {decision.content for decision in decided} - wanted
    # Another job, or an earlier slot, may have accepted the very same content.
    elsewhere = select(decisions.c.content).where(
        decisions.c.content == blobs.c.name,
        decisions.c.state.in_([state.value for state in _KEPT]),
        decisions.c.superseded.is_(False),
    )
    for names in in_chunks(sorted(wanted)):
        connection.execute(update(blobs).where(blobs.c.name.in_(names)).values(expires=None))
    for names in in_chunks(sorted(done)):
        unwanted = blobs.c.name.in_(names) & ~elsewhere.exists()
        connection.execute(update(blobs).where(unwanted).values(expires=height))


def _decision_values(height: int, position: int, candidate: DecidedCandidate) -> dict[str, object]:
    decision = candidate.decision
    return {
        "height": height,
        "position": position,
        "job": decision.job,
        "crate": decision.crate,
        "category": decision.category,
        "generator": decision.generator,
        "content": decision.content,
        "state": decision.state.value,
        "superseded": False,
        "body": encode(decision),
        "explanation": candidate.explanation,
    }


def _values(row: RoundRow) -> dict[str, object]:
    return {
        "height": row.height,
        "header_hash": row.header_hash,
        "certificate": row.certificate,
        "state": row.state,
        "manifest": row.manifest,
    }


def _row(row: Row[Any]) -> RoundRow:
    return RoundRow(
        height=row.height,
        header_hash=Hash(bytes(row.header_hash)),
        certificate=bytes(row.certificate),
        state=None if row.state is None else bytes(row.state),
        manifest=bytes(row.manifest),
    )

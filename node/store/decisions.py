"""What became of every candidate, and why. Written by `Rounds.commit` only."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, tuple_

from consensus.encoding import decode
from consensus.types import CandidateState, Decision, Hash, JobId, NodeId
from node.store.database import Database
from node.store.limits import StoreLimits
from node.store.rows import DecisionRow
from node.store.schema import decisions

_COLUMNS = (decisions.c.height, decisions.c.position, decisions.c.body, decisions.c.superseded)


class Decisions:
    """Decisions, searchable."""

    def __init__(self, database: Database, limits: StoreLimits) -> None:
        self._database = database
        self._limits = limits

    async def find(
        self,
        *,
        job: JobId | None = None,
        height: int | None = None,
        state: CandidateState | None = None,
        crate: int | None = None,
        category: int | None = None,
        content: Hash | None = None,
        generator: NodeId | None = None,
        superseded: bool | None = None,
        after: tuple[int, int] | None = None,
    ) -> tuple[DecisionRow, ...]:
        """Decisions that match everything given, in order of (height, position), at most `page_max`.

        `crate` and `category` are indices into the job's lists, so they mean something together with `job` only.
        `superseded=False` leaves out decisions that a later round replaced. `after` is the (height, position) of the
        last row of the page before.
        """
        wanted = {
            decisions.c.job: job,
            decisions.c.height: height,
            decisions.c.state: None if state is None else state.value,
            decisions.c.crate: crate,
            decisions.c.category: category,
            decisions.c.content: content,
            decisions.c.generator: generator,
            decisions.c.superseded: superseded,
        }
        statement = select(*_COLUMNS).where(*[column == value for column, value in wanted.items() if value is not None])
        if after is not None:
            statement = statement.where(tuple_(decisions.c.height, decisions.c.position) > tuple_(*after))
        statement = statement.order_by(decisions.c.height, decisions.c.position).limit(self._limits.page_max)
        return await self._database.read(lambda c: tuple(_row(*row) for row in c.execute(statement)))

    async def counts(self, job: JobId) -> dict[CandidateState, int]:
        """How many of a job's candidates are in which state now, every state named; they add up to all of them."""

        def count(connection: Connection) -> dict[CandidateState, int]:
            statement = (
                select(decisions.c.state, func.count())
                .where(decisions.c.job == job, decisions.c.superseded.is_(False))
                .group_by(decisions.c.state)
            )
            found = {str(state): int(many) for state, many in connection.execute(statement)}
            return {state: found.get(state.value, 0) for state in CandidateState}

        return await self._database.read(count)

    async def counts_by_height(self, job: JobId) -> dict[int, dict[CandidateState, int]]:
        """How many of a job's candidates each round put into which state, in order of height.

        A candidate under review is counted in the round that sent it there and in the one that decided it.
        """

        def count(connection: Connection) -> dict[int, dict[CandidateState, int]]:
            group = (decisions.c.height, decisions.c.state)
            statement = select(*group, func.count()).where(decisions.c.job == job).group_by(*group).order_by(*group)
            found: dict[int, dict[CandidateState, int]] = {}
            for height, state, many in connection.execute(statement):
                found.setdefault(int(height), {})[CandidateState(state)] = int(many)
            return found

        return await self._database.read(count)

    async def contents_between(self, low: Hash, high: Hash, limit: int) -> tuple[Hash, ...]:
        """Content hashes from `low` to `high`, both included, each once, sorted, at most `limit`."""
        inside = decisions.c.content.between(low, high)
        statement = select(decisions.c.content).where(inside).distinct().order_by(decisions.c.content).limit(limit)
        return await self._database.read(lambda c: tuple(Hash(bytes(name)) for name in c.execute(statement).scalars()))

    async def explanation(self, height: int, position: int) -> bytes | None:
        """What was kept for `explain` with one decision; None if nothing was."""

        def find(connection: Connection) -> bytes | None:
            here = (decisions.c.height == height) & (decisions.c.position == position)
            value = connection.execute(select(decisions.c.explanation).where(here)).scalar()
            return None if value is None else bytes(value)

        return await self._database.read(find)


def _row(height: int, position: int, body: bytes, superseded: bool) -> DecisionRow:
    return DecisionRow(height, position, decode(Decision, bytes(body)), bool(superseded))

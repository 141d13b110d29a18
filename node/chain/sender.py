"""Carries out what the outbox wishes: asks, signs, stores, sends. Decides nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from node.chain.account import EvmKey, address_text
from node.chain.endpoint import Endpoint, RevertedError
from node.chain.outbox import Broadcast, Effect, Examine, Outbox, Prepare, Save, Sign
from node.errors import OperatorError, TransientError
from node.values.outbox import Call, Entry, EntryState

SaveEntries = Callable[[Sequence[Entry]], Awaitable[None]]
"""Stores entries durably."""

Holds = Callable[[str], Awaitable[bool]]
"""Whether the chain holds what an entry, by its key, wants."""


class Sender:
    """One account's outbox on one chain. Used by one task at a time.

    Args:
        endpoint: The chain.
        key: The account's.
        chain_id: What transactions are signed for.
        outbox: With what the store knew.
        save: See `SaveEntries`.
        holds: See `Holds`.
        clock: Unix seconds.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        key: EvmKey,
        chain_id: int,
        outbox: Outbox,
        save: SaveEntries,
        holds: Holds,
        clock: Callable[[], float],
    ) -> None:
        self.outbox = outbox
        self._endpoint, self._key, self._chain_id = endpoint, key, chain_id
        self._save, self._holds, self._clock = save, holds, clock

    async def refuse_if_shared(self) -> None:
        """Check that nobody else is sending from this account just now.

        Raises:
            OperatorError: Transactions wait at the endpoint that this outbox did not make.
            TransientError: The endpoint does not answer.
        """
        mined = await self._endpoint.nonce(self._key.address)
        waiting = await self._endpoint.nonce(self._key.address, pending=True)
        own = {entry.nonce for entry in self.outbox.entries if entry.state is EntryState.SENT}
        others = [nonce for nonce in range(mined, waiting) if nonce not in own]
        if others:
            raise OperatorError(
                f"account {address_text(self._key.address)} has {len(others)} transactions under way that this node "
                f"did not send (nonces {others[0]} to {others[-1]})",
                hint="One account serves one process: stop the other one, or give this node an account of its own.",
            )

    async def want(self, key: str, call: Call, *, after: str = "") -> None:
        """Have a call on the chain; stored when this returns."""
        await self._perform(self.outbox.want(key, call, after=after))

    async def rewrite(self, key: str, call: Call) -> None:
        """See `Outbox.rewrite`."""
        await self._perform(self.outbox.rewrite(key, call))

    async def reopen(self, key: str, reason: str) -> None:
        """See `Outbox.reopen`."""
        await self._perform(self.outbox.reopen(key, reason))

    async def settle(self, key: str) -> None:
        """The chain was found to hold what a queued entry wants."""
        await self._perform(self.outbox.held(key))

    async def retry(self) -> None:
        """See `Outbox.retry`."""
        await self._perform(self.outbox.retry())

    async def tick(self) -> None:
        """Look at the chain once and do what is due.

        Raises:
            TransientError: The endpoint does not answer; nothing was changed.
            OperatorError: The store cannot be written; nothing was sent then that is not stored.
        """
        view = await self._endpoint.view(self._key.address, self.outbox.watched)
        await self._perform(self.outbox.observe(view, self._now()))

    async def _perform(self, effects: list[Effect]) -> None:
        waiting = deque(effects)
        while waiting:
            waiting.extendleft(reversed(await self._one(waiting.popleft())))

    async def _one(self, effect: Effect) -> list[Effect]:
        match effect:
            case Save():
                await self._save(effect.entries)
                return []
            case Prepare():
                return await self._prepare(effect)
            case Examine():
                return await self._examine(effect)
            case Sign():
                return self.outbox.signed(effect.key, self._key.sign_call(effect, self._chain_id))
            case Broadcast():
                answer, detail = await self._endpoint.offer(effect.attempt.raw)
                return self.outbox.answered(effect.key, answer, detail, self._now())

    async def _prepare(self, effect: Prepare) -> list[Effect]:
        try:
            if await self._holds(effect.key):
                return self.outbox.held(effect.key)
            gas = await self._endpoint.estimate(effect.call, self._key.address)
        except RevertedError as error:
            return self.outbox.refused(effect.key, str(error), self._now())
        except TransientError as error:
            return self.outbox.postponed(effect.key, str(error), self._now())
        return self.outbox.prepared(effect.key, gas, self._now())

    async def _examine(self, effect: Examine) -> list[Effect]:
        try:
            if await self._holds(effect.key):
                return self.outbox.held(effect.key)
            await self._endpoint.call(effect.call, sender=self._key.address)
        except RevertedError as error:
            return self.outbox.refused(effect.key, str(error), self._now())
        except TransientError:
            return []  # It stays in its block; the next look asks again.
        return self.outbox.refused(effect.key, "refused when it was executed, and would not be now", self._now())

    def _now(self) -> int:
        return int(self._clock() * 1000)

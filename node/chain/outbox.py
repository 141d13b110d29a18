"""The outbox: from a wish to a confirmed transaction, whatever happens in between. Decisions only.

No clock, key, socket or database: facts come in through the methods, what is to be done goes out as effects, in order.
`Save` always comes first, so that what is about to be sent is on disk before anybody can see it. The machine looks at
the chain as a whole at every view and believes no memory of its own over it: a transaction that was mined and is not
any more is simply one that is not mined. So one rule serves drops, reorganisations, restarts and double deliveries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from node.values.outbox import Attempt, Call, Entry, EntryState, Place


@dataclass(frozen=True, slots=True)
class Rules:
    """An operator's numbers."""

    confirmations: int = 12
    """Blocks, its own included, that make a transaction count as final."""
    bump_after_blocks: int = 5
    """A transaction that is offered and not in any of so many blocks gets a higher fee."""
    fee_max: int = 500 * 10**9
    """Wei per gas. Above this the outbox waits for the chain to become cheaper."""
    retry_first_ms: int = 1_000
    retry_max_ms: int = 120_000
    in_flight_max: int = 16
    """Nodes keep few queued transactions of one account; geth 64."""
    reverts_max: int = 3
    """Refusals by the contract after which a person has to look."""


@dataclass(frozen=True, slots=True)
class ChainView:
    """The chain as one look found it."""

    head: int
    base_fee: int
    """Wei per gas of the next block."""
    tip: int
    """Wei per gas that block producers ask for."""
    nonce: int
    """Transactions of the account in blocks; read before the places, so that those of lower nonces are among them."""
    balance: int
    places: Mapping[bytes, Place] = field(default_factory=dict)
    """By transaction hash; those of `Outbox.watched` that are in a block."""
    offered: frozenset[bytes] = frozenset()
    """Watched transactions that the endpoint knows of without a block."""


class Answer(Enum):
    """What the endpoint said to a transaction."""

    ACCEPTED = "accepted"
    KNOWN = "known already"
    NONCE_TOO_LOW = "nonce too low"
    UNDERPRICED = "underpriced"
    NO_FUNDS = "insufficient funds"
    REFUSED = "refused"
    UNREACHABLE = "endpoint unreachable"


# Effects


@dataclass(frozen=True, slots=True)
class Save:
    """Store these entries, durably, before any effect that follows."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Prepare:
    """Find out whether the chain holds it already and what it would cost; then `prepared`, `held` or `refused`."""

    key: str
    call: Call


@dataclass(frozen=True, slots=True)
class Sign:
    """Sign this transaction; then `signed`."""

    key: str
    call: Call
    nonce: int
    gas: int
    max_fee: int
    tip: int
    head: int
    """The newest block, for `Attempt.made_block`."""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Offer a stored transaction; then `answered`."""

    key: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Examine:
    """The contract refused its transaction for good: does the chain hold it all the same? Then `held` or `refused`."""

    key: str
    call: Call


Effect = Save | Prepare | Sign | Broadcast | Examine

OFFERED = "offered, not in a block yet"
LIVE = frozenset({EntryState.SENT, EntryState.MINED})
REORG_ENTRIES, REORG_BLOCKS = 16, 64
"""Newest finished entries that are still looked for, and for how many blocks beyond the confirmations: so deep a
reorganisation is seen at the next look. What goes deeper is found by comparing ledger and chain."""


class Outbox:
    """Entries by key.

    Args:
        account: Whose nonces they use, 20 bytes.
        rules: The operator's numbers.
        entries: As stored.
    """

    def __init__(self, account: bytes, rules: Rules, entries: Iterable[Entry] = ()) -> None:
        self._account, self._rules = account, rules
        self._entries = {entry.key: entry for entry in entries}
        self._number = max((entry.number for entry in self._entries.values()), default=-1) + 1
        self._dirty: dict[str, Entry] = {}
        self._view: ChainView | None = None
        self._missing: dict[str, int] = {}
        self.foreign = 0
        """Nonces of the account that somebody else's transaction has used since the start."""

    # What is wanted

    def want(self, key: str, call: Call, *, after: str = "") -> list[Effect]:
        """Have `call` on the chain; wanting it twice is wanting it once."""
        if key in self._entries:
            return []
        self._put(Entry(key=key, number=self._number, after=after, call=call))
        self._number += 1
        return self._out([])

    def rewrite(self, key: str, call: Call) -> list[Effect]:
        """Another call for the same wish, e.g. with newer signatures. Only while no transaction of it can be mined."""
        entry = self._entries[key]
        if entry.state in {EntryState.QUEUED, EntryState.FAILED} and entry.call != call:
            self._put(replace(entry, call=call, state=EntryState.QUEUED, retry_ms=0, reverts=0))
        return self._out([])

    def reopen(self, key: str, reason: str) -> list[Effect]:
        """The chain does not hold what was done: wanted again. Of an entry under way, nothing changes."""
        entry = self._entries[key]
        if entry.state in {EntryState.DONE, EntryState.FAILED}:
            fresh = Entry(key=key, number=entry.number, after=entry.after, call=entry.call, reason=reason)
            self._put(fresh)
        return self._out([])

    def retry(self) -> list[Effect]:
        """A person has looked: failed entries are tried again, and nobody waits any longer."""
        for entry in self.entries:
            if entry.state is EntryState.FAILED:
                self._put(replace(entry, state=EntryState.QUEUED, reverts=0, retry_ms=0, tries=0))
            elif entry.state is not EntryState.DONE:
                self._put(replace(entry, retry_ms=0, tries=0))
        return self._out([])

    @property
    def entries(self) -> tuple[Entry, ...]:
        """In order of being wanted."""
        return tuple(sorted(self._entries.values(), key=lambda entry: entry.number))

    def get(self, key: str) -> Entry | None:
        """The entry of that name."""
        return self._entries.get(key)

    @property
    def counts(self) -> dict[EntryState, int]:
        """Entries per state; they add up to all entries."""
        found = dict.fromkeys(EntryState, 0)
        for entry in self._entries.values():
            found[entry.state] += 1
        return found

    @property
    def watched(self) -> tuple[bytes, ...]:
        """Transactions whose place the next view has to tell: all that may be in a block or get there."""
        entries = self.entries
        oldest = 0 if self._view is None else self._view.head - self._rules.confirmations - REORG_BLOCKS
        done = [
            entry
            for entry in entries
            if entry.state is EntryState.DONE and entry.place is not None and entry.place.block >= oldest
        ]
        live = [entry for entry in entries if entry.state in LIVE]
        return tuple(attempt.tx_hash for entry in (*done[-REORG_ENTRIES:], *live) for attempt in entry.attempts)

    # What happens

    def observe(self, view: ChainView, now_ms: int) -> list[Effect]:
        """Take the chain as it is now, and say what is to be done about every entry that is not done."""
        self._view = view
        self._forget_unsigned()
        watched = set(self.watched)
        effects: list[Effect] = []
        for entry in self.entries:
            if any(attempt.tx_hash in watched for attempt in entry.attempts):
                effects += self._locate(entry, view, now_ms)
        for entry in self.entries:
            if entry.state is EntryState.SENT and now_ms >= entry.retry_ms:
                effects += self._push(entry, view, now_ms)
        room = self._rules.in_flight_max - sum(entry.state in LIVE for entry in self.entries)
        if self._has_gap(view):
            room = max(1, room)
            self._fill_gap(view, now_ms)
        ready = [entry for entry in self.entries if self._is_ready(entry, now_ms)]
        effects += [Prepare(entry.key, entry.call) for entry in ready[: max(0, room)]]
        return self._out(effects)

    def prepared(self, key: str, gas: int, now_ms: int) -> list[Effect]:
        """The call would succeed and need `gas`: give it a nonce and a price."""
        entry, view = self._entries[key], self._view
        if view is None or entry.state is not EntryState.QUEUED:
            return []
        max_fee, tip = self._price(entry, view)
        if max_fee > self._rules.fee_max:
            return self._out(self._wait(entry, now_ms, self._too_dear(max_fee)))
        if view.balance < gas * max_fee:
            text = f"the account has {_gwei(view.balance)}, the call may cost {_gwei(gas * max_fee)}: fund it"
            return self._out(self._wait(entry, now_ms, text))
        # The nonce is taken here and not when the signature comes: whoever is prepared next gets the next. It is not
        # saved, because without a signature nothing can use it.
        taken = replace(entry, state=EntryState.SENT, nonce=self._free_nonce(view))
        self._entries[key] = taken
        return [Sign(key, entry.call, taken.nonce, gas, max_fee, tip, view.head)]

    def signed(self, key: str, attempt: Attempt) -> list[Effect]:
        """A transaction was made: it is stored, then offered."""
        entry = self._entries[key]
        self._put(replace(entry, state=EntryState.SENT, attempts=(*entry.attempts, attempt), reason="not offered yet"))
        return self._out([Broadcast(key, attempt)])

    def answered(self, key: str, answer: Answer, detail: str, now_ms: int) -> list[Effect]:
        """The endpoint said something to the entry's newest transaction. Only blocks are believed; this is a hint."""
        entry = self._entries[key]
        if entry.state is not EntryState.SENT:
            return []
        if answer in {Answer.ACCEPTED, Answer.KNOWN}:
            return self._out(self._wait(entry, now_ms, OFFERED))
        if answer is Answer.UNDERPRICED:
            return self._out(self._bump(entry, now_ms))
        return self._out(self._wait(entry, now_ms, f"{answer.value}: {detail}" if detail else answer.value))

    def held(self, key: str) -> list[Effect]:
        """The chain holds what the entry wants, by whose transaction ever."""
        entry = self._entries[key]
        if entry.state is EntryState.QUEUED or (entry.place is not None and not entry.place.succeeded):
            self._put(replace(entry, state=EntryState.DONE, reason="the chain held it already", tries=0))
        return self._out([])

    def refused(self, key: str, reason: str, now_ms: int) -> list[Effect]:
        """The contract would refuse the call, or refused its transaction and does not hold what it wanted.

        What only would be refused costs nothing and waits for the world to change: for a registration, for weight.
        What was refused has cost gas, so after a few of those a person has to look.
        """
        entry = self._entries[key]
        if entry.place is None or entry.place.succeeded:
            return self._out(self._wait(entry, now_ms, reason))
        again = replace(entry, reverts=entry.reverts + 1, nonce=-1, attempts=(), place=None)
        if again.reverts >= self._rules.reverts_max:
            self._put(replace(again, state=EntryState.FAILED, reason=reason))
            return self._out([])
        return self._out(self._wait(replace(again, state=EntryState.QUEUED), now_ms, reason))

    def postponed(self, key: str, reason: str, now_ms: int) -> list[Effect]:
        """What an effect asked for could not be found out now, e.g. because the endpoint does not answer."""
        return self._out(self._wait(self._entries[key], now_ms, reason))

    # One entry

    def _locate(self, entry: Entry, view: ChainView, now_ms: int) -> list[Effect]:
        """Where the chain has the entry's transaction, if anywhere."""
        place = next((view.places[a.tx_hash] for a in entry.attempts if a.tx_hash in view.places), None)
        if place is not None:
            self._missing.pop(entry.key, None)
            return self._settle(entry, place, view, now_ms)
        if entry.state is EntryState.DONE and not entry.place:
            return []  # Somebody else's transaction did it.
        if entry.state is not EntryState.SENT:
            gone = replace(entry, state=EntryState.SENT, place=None, tries=0, retry_ms=now_ms)
            self._put(replace(gone, reason="its block was reorganised away"))
            return []
        if entry.nonce < view.nonce:
            return self._suspect(entry, now_ms)
        self._missing.pop(entry.key, None)
        return []

    def _settle(self, entry: Entry, place: Place, view: ChainView, now_ms: int) -> list[Effect]:
        if entry.state is EntryState.DONE and entry.place == place:
            return []
        depth = view.head - place.block + 1
        deep = depth >= self._rules.confirmations
        if not place.succeeded:
            text = "the contract refused the transaction"
            self._put(replace(entry, state=EntryState.MINED, place=place, reason=text))
            return [Examine(entry.key, entry.call)] if deep and now_ms >= entry.retry_ms else []
        state = EntryState.DONE if deep else EntryState.MINED
        text = "" if deep else f"{depth} of {self._rules.confirmations} confirmations"
        self._put(replace(entry, state=state, place=place, reason=text, tries=0))
        return []

    def _suspect(self, entry: Entry, now_ms: int) -> list[Effect]:
        """Its nonce is used and none of its transactions is in a block: somebody else has the key.

        Seen twice before it is believed: between two reads of one look the chain may have been reorganised. The nonce
        is spent then, so that no transaction of this entry can be mined any more and a new one doubles nothing.
        """
        self._missing[entry.key] = self._missing.get(entry.key, 0) + 1
        if self._missing[entry.key] < 2:
            return []
        del self._missing[entry.key]
        self.foreign += 1
        text = f"nonce {entry.nonce} was used by a transaction that is not this node's: who else has the key?"
        return self._wait(replace(entry, state=EntryState.QUEUED, nonce=-1, attempts=()), now_ms, text)

    def _push(self, entry: Entry, view: ChainView, now_ms: int) -> list[Effect]:
        """Offered and not mined for as long as was to be waited: offer again, or offer more."""
        if entry.nonce < view.nonce or not entry.attempts:
            return []
        newest = entry.attempts[-1]
        stale = view.head - newest.made_block >= self._rules.bump_after_blocks
        if newest.max_fee < view.base_fee or (stale and newest.tx_hash in view.offered):
            return self._bump(entry, now_ms)
        if newest.tx_hash in view.offered:
            self._put(replace(entry, reason=OFFERED, retry_ms=self._later(entry, now_ms)))
            return []
        self._put(replace(entry, retry_ms=self._later(entry, now_ms), tries=entry.tries + 1))
        return [Broadcast(entry.key, newest)]

    def _bump(self, entry: Entry, now_ms: int) -> list[Effect]:
        """A replacement of the same nonce, dearer by more than the eighth that nodes ask for."""
        assert self._view is not None, "only a view lets entries be sent"
        max_fee, tip = self._price(entry, self._view)
        if max_fee > self._rules.fee_max:
            return self._wait(entry, now_ms, self._too_dear(max_fee))
        self._put(replace(entry, retry_ms=self._later(entry, now_ms), tries=entry.tries + 1))
        gas = entry.attempts[-1].gas
        return [Sign(entry.key, entry.call, entry.nonce, gas, max_fee, tip, self._view.head)]

    def _price(self, entry: Entry, view: ChainView) -> tuple[int, int]:
        """Twice the base fee, so that six full blocks do not outbid it (EIP-1559: an eighth a block), and the tip."""
        tip, max_fee = view.tip, 2 * view.base_fee + view.tip
        if entry.attempts:
            newest = entry.attempts[-1]
            tip = max(tip, newest.tip * 9 // 8 + 1)
            max_fee = max(2 * view.base_fee + tip, newest.max_fee * 9 // 8 + 1)
        return max_fee, tip

    def _is_ready(self, entry: Entry, now_ms: int) -> bool:
        """Queued, not waiting, and what it builds on is in a block."""
        if entry.state is not EntryState.QUEUED or now_ms < entry.retry_ms:
            return False
        before = self._entries.get(entry.after)
        return before is None or before.state in {EntryState.MINED, EntryState.DONE}

    def _free_nonce(self, view: ChainView) -> int:
        """The lowest that is neither used nor given away: gaps are filled before anything is put behind them."""
        taken = {entry.nonce for entry in self._entries.values() if entry.state in LIVE}
        nonce = view.nonce
        while nonce in taken:
            nonce += 1
        return nonce

    def _has_gap(self, view: ChainView) -> bool:
        """Whether a nonce that nobody uses holds up a transaction behind it.

        It happens when a block with somebody else's transaction, or with one long done, is reorganised away.
        """
        gap = self._free_nonce(view)
        return any(entry.state is EntryState.SENT and entry.nonce > gap for entry in self._entries.values())

    def _fill_gap(self, view: ChainView, now_ms: int) -> None:
        """Whatever can be sent takes the nonce; where nothing can, an empty transaction to ourselves does."""
        if not any(self._is_ready(entry, now_ms) for entry in self._entries.values()):
            key = f"gap/{self._free_nonce(view)}/{self._number}"
            self._put(Entry(key=key, number=self._number, after="", call=Call(self._account, b"")))
            self._number += 1

    def _forget_unsigned(self) -> None:
        """A nonce that was taken and never signed for is free again."""
        for entry in self.entries:
            if entry.state is EntryState.SENT and not entry.attempts:
                self._put(replace(entry, state=EntryState.QUEUED, nonce=-1))

    def _too_dear(self, max_fee: int) -> str:
        return f"a fee of {_gwei(max_fee)} is above the limit of {_gwei(self._rules.fee_max)}"

    def _wait(self, entry: Entry, now_ms: int, reason: str) -> list[Effect]:
        self._put(replace(entry, reason=reason, retry_ms=self._later(entry, now_ms), tries=entry.tries + 1))
        return []

    def _later(self, entry: Entry, now_ms: int) -> int:
        """Doubled with every try, up to the bound."""
        doubled = self._rules.retry_first_ms << min(entry.tries, 20)
        return now_ms + min(doubled, self._rules.retry_max_ms)

    def _put(self, entry: Entry) -> None:
        if self._entries.get(entry.key) != entry:
            self._entries[entry.key] = entry
            self._dirty[entry.key] = entry

    def _out(self, effects: list[Effect]) -> list[Effect]:
        """Effects, what changed to be saved before them."""
        changed, self._dirty = tuple(self._dirty.values()), {}
        return [Save(changed), *effects] if changed else effects


def _gwei(wei: int) -> str:
    return f"{wei / 10**9:.9g} gwei"

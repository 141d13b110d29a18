"""A chain in some lines, with everything that chains do to senders: for driving the outbox through many schedules.

Blocks hold transactions of one account; the pool forgets what it is told to forget; blocks can be taken back. What a
transaction does is written down once per block that holds it, so that doing something twice would be seen.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from node.chain.outbox import Answer, Broadcast, ChainView, Examine, Outbox, Prepare, Rules, Save, Sign
from node.values.outbox import Attempt, Call, Entry, Place

ACCOUNT = b"\x0a" * 20
RULES = Rules(confirmations=3, bump_after_blocks=2, retry_first_ms=10, retry_max_ms=200, in_flight_max=4)
GWEI = 10**9


@dataclass(frozen=True)
class ModelTx:
    hash: bytes
    nonce: int
    data: bytes
    max_fee: int
    tip: int


@dataclass
class ModelChain:
    """One account's chain. `pool` is what the endpoint knows and no block holds."""

    base_fee: int = GWEI
    balance: int = 10**21
    pool_min_tip: int = 0
    blocks: list[list[ModelTx]] = field(default_factory=list)
    pool: dict[int, ModelTx] = field(default_factory=dict)
    down: bool = False
    forks: int = 0

    @property
    def mined(self) -> list[ModelTx]:
        return [tx for block in self.blocks for tx in block]

    @property
    def done(self) -> list[bytes]:
        """What the contract holds: repeated calls are refused by it, so they do nothing a second time."""
        return list(dict.fromkeys(tx.data for tx in self.mined))

    @property
    def nonce(self) -> int:
        return sum(map(len, self.blocks))

    def send(self, tx: ModelTx) -> Answer:
        if self.down:
            return Answer.UNREACHABLE
        if tx.nonce < self.nonce:
            return Answer.NONCE_TOO_LOW
        known = self.pool.get(tx.nonce)
        if known is not None and known.hash == tx.hash:
            return Answer.KNOWN
        if tx.tip < self.pool_min_tip:
            return Answer.UNDERPRICED
        if known is not None and (tx.tip * 8 < known.tip * 9 or tx.max_fee * 8 < known.max_fee * 9):
            return Answer.UNDERPRICED
        self.pool[tx.nonce] = tx
        return Answer.ACCEPTED

    def mine(self) -> None:
        block: list[ModelTx] = []
        nonce = self.nonce
        while (tx := self.pool.get(nonce)) is not None and tx.max_fee >= self.base_fee:
            block.append(self.pool.pop(nonce))
            nonce += 1
        self.blocks.append(block)
        self.pool = {number: tx for number, tx in self.pool.items() if number >= nonce}

    def reorganise(self, depth: int, *, keep: bool) -> None:
        """Take back blocks; their transactions return to the pool, or are forgotten."""
        self.forks += 1
        for _ in range(min(depth, len(self.blocks))):
            for tx in self.blocks.pop():
                if keep:
                    self.pool[tx.nonce] = tx

    def view(self, watched: set[bytes]) -> ChainView:
        places: dict[bytes, Place] = {}
        seen: set[bytes] = set()
        for number, block in enumerate(self.blocks):
            for tx in block:
                if tx.hash in watched:
                    block_hash = bytes([self.forks % 256, number % 256])
                    places[tx.hash] = Place(tx.hash, number, block_hash, tx.data not in seen)
                seen.update([tx.data] if tx.data else [])
        offered = frozenset(tx.hash for tx in self.pool.values() if tx.hash in watched)
        return ChainView(len(self.blocks) - 1, self.base_fee, GWEI // 10, self.nonce, self.balance, places, offered)


class CrashedError(Exception):
    """The process ended here."""


class ModelSender:
    """Drives an outbox over a `ModelChain` and a disk that outlives it, and dies when told to."""

    def __init__(self, chain: ModelChain, rules: Rules = RULES) -> None:
        self.chain, self.rules = chain, rules
        self.disk: dict[str, Entry] = {}
        self.crash_after = -1
        """Effects to live for; negative: for ever."""
        self.signed: dict[bytes, tuple[int, str]] = {}
        self.reopen()

    def reopen(self) -> None:
        self.outbox = Outbox(ACCOUNT, self.rules, self.disk.values())
        self.crash_after = -1

    def want(self, key: str, after: str = "") -> None:
        self._perform(self.outbox.want(key, Call(b"\x0c" * 20, key.encode()), after=after), 0)

    def step(self, now_ms: int) -> None:
        if not self.chain.down:
            self._perform(self.outbox.observe(self.chain.view(set(self.outbox.watched)), now_ms), now_ms)

    def _perform(self, effects, now_ms: int) -> None:
        queue = list(effects)
        while queue:
            if self.crash_after == 0:
                raise CrashedError
            self.crash_after -= self.crash_after > 0
            queue[1:] = [*self._one(queue[0], now_ms), *queue[1:]]
            queue.pop(0)

    def _one(self, effect, now_ms: int):
        if isinstance(effect, Save):
            self.disk.update({entry.key: entry for entry in effect.entries})
            return []
        if isinstance(effect, Prepare | Examine):
            if effect.call.data and effect.call.data in self.chain.done:
                return self.outbox.held(effect.key)
            if isinstance(effect, Examine):
                return self.outbox.refused(effect.key, "reverted", now_ms)
            return self.outbox.prepared(effect.key, 21_000, now_ms)
        if isinstance(effect, Sign):
            raw = b"|".join((effect.call.data, b"%d|%d|%d" % (effect.nonce, effect.max_fee, effect.tip)))
            attempt = Attempt(hashlib.sha256(raw).digest(), raw, effect.max_fee, effect.tip, effect.gas, effect.head)
            self.signed[attempt.tx_hash] = (effect.nonce, effect.key)
            return self.outbox.signed(effect.key, attempt)
        assert isinstance(effect, Broadcast)
        return self._broadcast(effect, now_ms)

    def _broadcast(self, effect: Broadcast, now_ms: int):
        stored = self.disk[effect.key]
        assert effect.attempt in stored.attempts, "what is sent is on disk before"
        data, nonce, max_fee, tip = effect.attempt.raw.rsplit(b"|", 3)
        answer = self.chain.send(ModelTx(effect.attempt.tx_hash, int(nonce), data, int(max_fee), int(tip)))
        return self.outbox.answered(effect.key, answer, "", now_ms)

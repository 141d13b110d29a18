"""The EVM of this process behind an endpoint that misbehaves in all the ways endpoints and chains do."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from aiohttp import web

from node.chain.account import EvmKey
from node.chain.embedded import FUNDED_SECRETS, EmbeddedChain, EmbeddedServer, RpcError
from node.chain.endpoint import Endpoint
from node.chain.outbox import Outbox, Rules
from node.chain.sender import Sender
from node.values.outbox import Call, Entry

RULES = Rules(confirmations=2, bump_after_blocks=2, retry_first_ms=10, retry_max_ms=100, in_flight_max=4)


class FaultyChain(EmbeddedChain):
    """Mines when told to, and takes blocks back."""

    def __init__(self) -> None:
        super().__init__(instant=False)
        self._marks = [self._tester.take_snapshot()]

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            super().mine(1)
            self._marks.append(self._tester.take_snapshot())

    def fund(self, account: bytes, wei: int) -> None:
        super().fund(account, wei)
        self._marks.append(self._tester.take_snapshot())

    def reorganise(self, depth: int, *, keep: bool = True) -> None:
        """Take back `depth` blocks; their transactions return to the pool or are forgotten."""
        lost = [self._raw_of(number) for number in range(self.head - depth + 1, self.head + 1)] if keep else []
        del self._marks[len(self._marks) - depth :]
        self._tester.revert_to_snapshot(self._marks[-1])
        for raw in (raw for block in lost for raw in block):
            given = self._decoded(raw)
            self.pool[given.sender, given.nonce] = given

    def _raw_of(self, number: int) -> list[bytes]:
        block = self._backend.chain.get_canonical_block_by_number(number)
        return [tx.encode() for tx in block.transactions]


class FaultyServer(EmbeddedServer):
    """`down`: no connection answers. `drop`: says yes and forgets. `refusals`: said instead of taking a transaction."""

    def __init__(self, chain: FaultyChain) -> None:
        super().__init__(chain)
        self.down = False
        self.drop = 0
        self.delay_s = 0.0
        self.refusals: list[str] = []
        self.offered: list[bytes] = []

    async def reply(self, method, params):
        await asyncio.sleep(self.delay_s)
        if self.down:
            raise web.HTTPServiceUnavailable
        if method == "eth_sendRawTransaction":
            raw = bytes.fromhex(params[0][2:])
            self.offered.append(raw)
            if self.refusals:
                raise RpcError(-32000, self.refusals.pop(0))
            if self.drop:
                self.drop -= 1
                return "0x" + self.chain._decoded(raw).hash.hex()
        return await super().reply(method, params)


class CrashedError(Exception):
    """The process ended here."""


class Bench:
    """One account's sender over a faulty endpoint; `disk` outlives it, time is a number."""

    def __init__(self, server: FaultyServer) -> None:
        self.server, self.chain = server, server.chain
        self.endpoint = Endpoint(server.url, timeout_s=60)
        self.key = EvmKey(FUNDED_SECRETS[0])
        self.disk: dict[str, Entry] = {}
        self.now = 1000.0
        self.crash_after_saves = -1
        self.held: set[str] = set()
        self.chain_id = 0

    async def open(self) -> Sender:
        self.crash_after_saves = -1
        self.chain_id = self.chain_id or await self.endpoint.chain_id()
        self.sender = Sender(
            endpoint=self.endpoint,
            key=self.key,
            chain_id=self.chain_id,
            outbox=Outbox(self.key.address, RULES, self.disk.values()),
            save=self._save,
            holds=self._holds,
            clock=lambda: self.now,
        )
        return self.sender

    async def _save(self, entries) -> None:
        self.disk.update({entry.key: entry for entry in entries})
        if self.crash_after_saves == 0:
            raise CrashedError
        self.crash_after_saves -= self.crash_after_saves > 0

    async def _holds(self, key) -> bool:
        return key in self.held

    async def want(self, number: int) -> None:
        """Pay `number` wei to an account of that number: the balance shows whether it was done, and how often."""
        await self.sender.want(f"pay/{number}", Call(payee(number), b"", number))

    async def tick(self, times: int = 1, *, mine: bool = True) -> None:
        for _ in range(times):
            self.now += 1
            await self.sender.tick()
            if mine:
                self.chain.mine()

    async def paid(self, count: int) -> list[int]:
        return [await self.endpoint.balance(payee(number)) for number in range(1, count + 1)]


def payee(number: int) -> bytes:
    return b"\xee" * 19 + bytes([number])


@asynccontextmanager
async def open_bench():
    server = FaultyServer(FaultyChain())
    await server.start()
    bench = Bench(server)
    try:
        await bench.open()
        yield bench
    finally:
        await bench.endpoint.close()
        await server.stop()

"""A swarm in memory whose members anchor on one faulty chain over real HTTP; time is a number, looks are ours."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from consensus.params import MINIMAL
from node.anchoring.facts import LedgerFacts
from node.anchoring.service import Anchoring
from node.anchoring.setup import Swarm as Ledger
from node.anchoring.setup import bind, first_terms, open_anchoring
from node.chain.account import ACCOUNT_FILE, EvmKey, save_account
from node.chain.contracts import Deployment
from node.chain.deploy import deploy
from node.chain.endpoint import Endpoint
from node.config import ChainSection
from node.errors import TransientError
from node.home import NodeHome
from tests.support.faulty_chain import FaultyChain, FaultyServer
from tests.support.swarm import PATIENT, Swarm, SwarmNode, make_job

# Epochs of two rounds, so that a small job ends several.
SHORT = replace(PATIENT, name=MINIMAL.name, epoch_rounds=2, tasks_per_round=2)


def account_of(number: int) -> EvmKey:
    return EvmKey(bytes([0x40 + number]) * 32)


class AnchoredSwarm(Swarm):
    """Members start to anchor when `anchor` is called, which may be long after the rounds."""

    def __init__(self, folder, count, **options):
        super().__init__(folder, count, preset=SHORT, **options)
        self.chain = FaultyChain()
        self.server = FaultyServer(self.chain)
        self.anchorings: dict[int, Anchoring] = {}
        self.deployment: Deployment | None = None
        self._parts: dict[int, contextlib.AsyncExitStack] = {}
        self._folder = folder
        self.funded: set[int] = set()

    async def __aenter__(self):
        await self.server.start()
        await super().__aenter__()
        return self

    async def __aexit__(self, *error):
        for number in list(self.anchorings):
            await self.leave(number)
        await super().__aexit__(*error)
        await self.server.stop()

    def home(self, number: int) -> NodeHome:
        return NodeHome(self._folder / f"home-{number}")

    async def deploy(self, *, members=None, first_epoch: int = 0) -> Deployment:
        """Contracts that know these members' accounts; all by default."""
        numbers = range(len(self.nodes)) if members is None else members
        founders = tuple(bind(self.nodes[number].key, account_of(number)) for number in numbers)
        facts = LedgerFacts(self.nodes[0].store, self.genesis, self.preset)
        terms = await first_terms(facts, self.genesis.network, founders, first_epoch=first_epoch)
        endpoint, payer = Endpoint(self.server.url), account_of(99)
        self.chain.fund(payer.address, 10**20)
        mining = asyncio.create_task(self._mine())
        self.deployment = await deploy(endpoint, payer, terms)
        mining.cancel()
        await endpoint.close()
        return self.deployment

    async def _mine(self):
        while True:
            await asyncio.sleep(0.02)
            self.chain.mine()

    async def join(self, number: int, *, fund: bool = True) -> Anchoring:
        """One member begins, or begins again, with what is on its disk."""
        if self.nodes[number].task is None:
            await self.start(self.nodes[number])
        home = self.home(number)
        home.create()
        home.deployment.write_bytes(self.deployment.document())
        if not (home.root / ACCOUNT_FILE).exists():
            save_account(home.root, self.nodes[number].key, account_of(number))
        if fund and number not in self.funded:
            self.funded.add(number)
            self.chain.fund(account_of(number).address, 10**20)
        node: SwarmNode = self.nodes[number]
        parts = contextlib.AsyncExitStack()
        self.anchorings[number] = await parts.enter_async_context(
            open_anchoring(
                home=home,
                config=ChainSection(endpoint=self.server.url, confirmations=2),
                key=node.key,
                swarm=Ledger(self.genesis, self.preset, node.store),
                network=node.driver.network,
                environment={},
                clock=lambda: self.now_s,
                turn_s=5.0,
                lock_folder=self._folder / "locks",
            )
        )
        self._parts[number] = parts
        return self.anchorings[number]

    async def leave(self, number: int) -> None:
        """The member's process ends."""
        del self.anchorings[number]
        await self._parts.pop(number).aclose()
        await self.stop(self.nodes[number])

    async def look(self, times: int = 1, *, mine: bool = True) -> None:
        """Every member looks at the chain, then a block is made."""
        for _ in range(times):
            self.now_s += 3
            for anchoring in list(self.anchorings.values()):
                with contextlib.suppress(TransientError):
                    await anchoring.tick()
            if mine:
                self.chain.mine()

    async def work(self, *, crates: int = 1, categories: int = 4):
        """One job from beginning to end, on all members."""
        job = await self.submit(make_job(self.preset, crates=crates, categories=categories, quota=2))
        await self.until(lambda: all(self._is_done(job, node.number) for node in self.nodes))
        return job

    def _is_done(self, job, number):
        progress = self.job(job, number)
        return progress is not None and progress.status.name != "OPEN"

"""Putting the parts of anchoring together, from an operator's settings."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from consensus.genesis import Genesis
from consensus.params import Preset
from node.anchoring.facts import LedgerFacts
from node.anchoring.reconcile import Difference, compare_epochs, compare_shards
from node.anchoring.service import TURN_S, Anchoring
from node.anchoring.signing import Collector, Signatory
from node.chain.account import EvmKey, load_account
from node.chain.contracts import Binding, Deployment, account_message, load_deployment
from node.chain.deploy import Terms, deploy
from node.chain.endpoint import Endpoint
from node.chain.gate import Gate
from node.chain.lock import AccountLock
from node.chain.outbox import Outbox, Rules
from node.chain.sender import Sender
from node.chain.votes import signer_set
from node.config import ChainSection
from node.errors import OperatorError
from node.home import NodeHome
from node.identity import NodeKey
from node.network.interface import Network
from node.store import Store

EMBEDDED = "embedded"
EMBEDDED_ETHER = 1_000 * 10**18


@dataclass(frozen=True, slots=True)
class Swarm:
    """Whose ledger it is."""

    genesis: Genesis
    preset: Preset
    store: Store

    @property
    def facts(self) -> LedgerFacts:
        """Its decided rounds, as the chain is to hear of them."""
        return LedgerFacts(self.store, self.genesis, self.preset)


@contextlib.asynccontextmanager
async def open_anchoring(
    *,
    home: NodeHome,
    config: ChainSection,
    key: NodeKey,
    swarm: Swarm,
    network: Network | None,
    environment: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.time,
    turn_s: float = TURN_S,
    lock_folder: Path | None = None,
) -> AsyncIterator[Anchoring]:
    """Build what `config` asks for; nothing is asked of a remote endpoint before `Anchoring.tick`.

    Args:
        home: The data folder, for account and deployment.
        config: Its `endpoint` must be set.
        key: The node's, which opens the account.
        swarm: Whose ledger.
        network: To gather signatures over, not started yet; None for offline commands.
        environment: May name the account's key.
        clock: Unix seconds.
        turn_s: See `service.TURN_S`.
        lock_folder: Where accounts are locked, instead of the usual place.

    Raises:
        OperatorError: Deployment or account cannot be used, or another process uses the account.
    """
    async with contextlib.AsyncExitStack() as parts:
        account = load_account(home.root, key, environment)
        if config.endpoint == EMBEDDED:
            account = account or EvmKey.generate()
            endpoint, deployment = await _embedded(parts, swarm, key, account)
            config = replace(config, confirmations=1)
        else:
            endpoint = Endpoint(config.endpoint)
            parts.push_async_callback(endpoint.close)
            deployment = load_deployment(deployment_path(home, config))
        if account is not None:
            lock = AccountLock(account.address, deployment.chain_id, lock_folder)
            lock.acquire()
            parts.callback(lock.release)
        anchoring = await _anchoring(config, swarm, network, endpoint, deployment, account, clock, turn_s)
        yield anchoring


async def _anchoring(
    config: ChainSection,
    swarm: Swarm,
    network: Network | None,
    endpoint: Endpoint,
    deployment: Deployment,
    account: EvmKey | None,
    clock: Callable[[], float],
    turn_s: float,
) -> Anchoring:
    gate = Gate(endpoint, deployment)
    signatory = Signatory(swarm.store, account, deployment.name)
    collector = None if network is None else Collector(network, signatory, deployment.name)
    if collector is not None:
        collector.attach()
    anchoring = Anchoring(
        facts=swarm.facts,
        gate=gate,
        store=swarm.store,
        signatory=signatory,
        key=account,
        collector=collector,
        confirmations=config.confirmations,
        shards=config.shards,
        clock=clock,
        turn_s=turn_s,
    )
    if account is not None:
        rules = Rules(confirmations=config.confirmations, fee_max=config.fee_max_gwei * 10**9)
        stored = await swarm.store.outbox.load(deployment.name)
        anchoring.sender = Sender(
            endpoint=endpoint,
            key=account,
            chain_id=deployment.chain_id,
            outbox=Outbox(account.address, rules, stored),
            save=lambda entries: swarm.store.outbox.save(deployment.name, entries),
            holds=anchoring.holds,
            clock=clock,
        )
    return anchoring


def deployment_path(home: NodeHome, config: ChainSection) -> Path:
    """The deployment file, by the settings."""
    return Path(config.deployment).expanduser() if config.deployment else home.deployment


async def compare_with_chain(home: NodeHome, config: ChainSection, swarm: Swarm) -> tuple[Difference, ...]:
    """Every anchored epoch and committed shard against a ledger, which may be open for reading only.

    Raises:
        OperatorError: No chain is set, it is another one, or other contracts stand there.
        TransientError: The endpoint does not answer.
    """
    if config.endpoint in {"", EMBEDDED}:
        raise OperatorError("this node has no chain to compare with", hint="Set chain.endpoint in config.toml.")
    endpoint = Endpoint(config.endpoint)
    try:
        gate = Gate(endpoint, load_deployment(deployment_path(home, config)))
        await gate.check(swarm.genesis.network)
        found = await compare_epochs(swarm.facts, gate)
        if config.shards:
            first = gate.deployment.first_epoch * swarm.preset.epoch_rounds + 1
            found += await compare_shards(swarm.facts, gate, first, await swarm.facts.height())
        return tuple(found)
    finally:
        await endpoint.close()


def bind(key: NodeKey, account: EvmKey) -> Binding:
    """A node's word that an account is its own."""
    return Binding(key.node, account.address, key.sign(account_message(account.address)))


async def first_terms(
    facts: LedgerFacts, network: bytes, founders: tuple[Binding, ...], *, first_epoch: int = 0, minimum_stake: int = 0
) -> Terms:
    """What contracts are made with that begin with `first_epoch`.

    Raises:
        TransientError, OperatorError: As `LedgerFacts.end` for the epoch before.
    """
    accounts = {binding.node: binding.account for binding in founders}
    before = await facts.end(first_epoch - 1)
    return Terms(
        network=network,
        first_epoch=first_epoch,
        genesis_root=before.ledger_root,
        signers=signer_set(before.snapshot(first_epoch).seats, accounts),
        founders=founders,
        minimum_stake=minimum_stake,
    )


async def _embedded(
    parts: contextlib.AsyncExitStack, swarm: Swarm, key: NodeKey, account: EvmKey
) -> tuple[Endpoint, Deployment]:
    """A chain in this process, with money for the account and new contracts."""
    try:
        from node.chain.embedded import EmbeddedChain, EmbeddedServer
    except ImportError as error:
        raise OperatorError(
            'chain.endpoint is "embedded", and the EVM for this process is not installed',
            hint="Run `make setup-chain`, or pip install 'swarm-node[chain-embedded]'.",
        ) from error
    terms = await first_terms(swarm.facts, swarm.genesis.network, (bind(key, account),))
    if not terms.signers.has_quorum([account.address]):
        raise OperatorError(
            f'chain.endpoint is "embedded", and this node has {terms.signers.weight_of([account.address])} of '
            f"{terms.signers.total} weight: it cannot anchor alone",
            hint="Let all members use one chain, e.g. `python -m node.chain.embedded`; see docs/chain.md.",
        )
    chain = EmbeddedChain()
    server = EmbeddedServer(chain)
    await server.start()
    parts.push_async_callback(server.stop)
    endpoint = Endpoint(server.url)
    parts.push_async_callback(endpoint.close)
    chain.fund(account.address, EMBEDDED_ETHER)
    return endpoint, await deploy(endpoint, account, terms)

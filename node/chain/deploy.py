"""Putting a swarm's three contracts on a chain: once in its life, by one of its operators.

Not through the outbox: there is no deployment yet that its entries could belong to. The transactions are repeatable
instead: what a run that was cut short has made costs gas and is used by nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from node.chain.account import EvmKey, address_text
from node.chain.contracts import ANCHOR, REGISTRY, SHARDS, Binding, Deployment, artifact
from node.chain.endpoint import Endpoint, contract_address
from node.chain.outbox import Answer
from node.chain.votes import Account, SignerSet
from node.errors import OperatorError, TransientError

GAS = {ANCHOR: 3_000_000, SHARDS: 2_000_000, REGISTRY: 5_000_000}
"""Upper bounds; what is not used is not paid."""
WAIT_S = 300.0
LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Terms:
    """What a deployer decides."""

    network: bytes
    first_epoch: int
    genesis_root: bytes
    """The ledger root that the first epoch continues."""
    signers: SignerSet
    """Who anchors the first epoch."""
    founders: tuple[Binding, ...]
    minimum_stake: int = 0
    """Wei that a registration has to bring."""
    dispute_window_s: int = 7 * 86_400
    withdrawal_delay_s: int = 14 * 86_400


async def deploy(
    endpoint: Endpoint,
    key: EvmKey,
    terms: Terms,
    *,
    wait_s: float = WAIT_S,
    tell: Callable[[str], None] = lambda _: None,
) -> Deployment:
    """Make the contracts and wait until blocks hold them.

    Args:
        endpoint: The chain.
        key: Pays.
        terms: What they are made with.
        wait_s: For each of the three.
        tell: Told what was made.

    Raises:
        OperatorError: Nobody could sign for the first epoch, the account cannot pay, or the chain refuses.
        TransientError: The endpoint does not answer, or the chain makes no blocks in time.
    """
    if not terms.signers.has_quorum(account for account, _ in terms.signers.entries):
        raise OperatorError(
            f"members with an account have {terms.signers.weight_of(a for a, _ in terms.signers.entries)} of "
            f"{terms.signers.total} weight: nothing could ever be anchored",
            hint="Collect more bindings (`swarm-node chain account --json` on each member) and give them all.",
        )
    chain_id = await endpoint.chain_id()
    await _refuse_if_poor(endpoint, key)
    anchor, _ = await _create(
        endpoint, key, chain_id, ANCHOR, wait_s, terms.first_epoch, terms.genesis_root, list(terms.signers.packed())
    )
    tell(f"{ANCHOR} {address_text(anchor)}")
    shards, _ = await _create(endpoint, key, chain_id, SHARDS, wait_s, address_text(anchor))
    tell(f"{SHARDS} {address_text(shards)}")
    windows = (terms.minimum_stake, terms.dispute_window_s, terms.withdrawal_delay_s)
    registry, block = await _create(
        endpoint, key, chain_id, REGISTRY, wait_s, address_text(anchor), address_text(shards), *windows
    )
    tell(f"{REGISTRY} {address_text(registry)}")
    return Deployment(
        network=terms.network,
        chain_id=chain_id,
        block=block,
        anchor=anchor,
        shards=shards,
        registry=registry,
        first_epoch=terms.first_epoch,
        founders=tuple(sorted(terms.founders, key=lambda binding: binding.node)),
    )


async def _refuse_if_poor(endpoint: Endpoint, key: EvmKey) -> None:
    head, balance = await endpoint.block(), await endpoint.balance(key.address)
    needed = sum(GAS.values()) * (head.base_fee + 10**9)
    if balance < needed:
        raise OperatorError(
            f"account {key.text} has {balance / 10**18:.6f} ether, deploying may cost {needed / 10**18:.6f}",
            hint="Send it that much, and some more for the transactions that follow.",
        )


async def _create(
    endpoint: Endpoint, key: EvmKey, chain_id: int, name: str, wait_s: float, *arguments: object
) -> tuple[Account, int]:
    """Make one contract; its address and the block that holds it."""
    nonce, head = await endpoint.nonce(key.address, pending=True), await endpoint.block()
    tip = 10**9
    tx_hash, raw = key.sign_creation(
        artifact(name).deployment(*arguments), nonce, GAS[name], 2 * head.base_fee + tip, tip, chain_id
    )
    answer, detail = await endpoint.offer(raw)
    if answer not in {Answer.ACCEPTED, Answer.KNOWN}:
        raise OperatorError(
            f"{endpoint.where} refuses to deploy {name}: {detail or answer.value}",
            hint="Check the account's balance, and that nothing else sends from it.",
        )
    for _ in range(max(1, round(wait_s / LOOK_S))):
        place = await endpoint.place(tx_hash)
        if place is not None and not place.succeeded:
            raise OperatorError(
                f"the chain refused to make {name} (transaction 0x{tx_hash.hex()})",
                hint="Check the dispute window and the withdrawal delay: the second has to be longer.",
            )
        if place is not None:
            return contract_address(key.address, nonce), place.block
        await asyncio.sleep(LOOK_S)
    raise TransientError(f"no block holds {name} after {wait_s:g} s", waits_for="the chain to make blocks")

"""A node in the registry: bound to its account, both signing that they belong together, and its stake's way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from node.anchoring.reconcile import STAKE_PREFIX, registration_name, stake_name
from node.chain.account import EvmKey, address_text
from node.chain.contracts import REGISTRY, contract_call
from node.chain.gate import Gate
from node.chain.votes import Account, binding_message, registration_digest
from node.errors import OperatorError, TransientError
from node.identity import NodeKey
from node.values.outbox import Call, Entry, EntryState


async def registration(gate: Gate, node: NodeKey, account: EvmKey, *, stake_wei: int | None = None) -> tuple[str, Call]:
    """The outbox key and the call that register `node` with `account`, which is its own owner.

    Args:
        gate: The contracts.
        node: Signs that the account may sign for it.
        account: Signs that it is the node's, and sends.
        stake_wei: What to stake; None for the least that the registry takes.

    Raises:
        OperatorError: The account is registered already, or the stake is less than what is asked for.
        TransientError: The endpoint does not answer.
    """
    if await gate.is_registered(account.address):
        raise OperatorError(f"account {account.text} is registered already", hint="There is nothing left to do.")
    least = await gate.minimum_stake()
    stake = least if stake_wei is None else stake_wei
    if stake < least:
        raise OperatorError(f"a stake of {stake} wei is too low", hint=f"The registry asks for {least} wei.")
    registry = gate.deployment.registry_contract
    by_account = account.sign(registration_digest(node.node, account.address, registry))
    by_node = node.sign(binding_message(account.address, account.address, registry))
    call = contract_call(
        REGISTRY,
        registry.address,
        "register",
        node.node,
        account.address,
        (by_account[:32], by_account[32:]),
        (by_node[:32], by_node[32:]),
        value=stake,
    )
    return registration_name(account.address), call


@dataclass(frozen=True, slots=True)
class WithdrawalStep:
    """The next thing to be sent for getting a stake back."""

    name: str
    """Its outbox key."""
    call: Call
    wei: int
    """What is at stake now."""
    is_paid: bool
    """Whether this step pays it out; else it begins the delay."""


async def withdrawal(gate: Gate, account: Account, receiver: Account, entries: Iterable[Entry]) -> WithdrawalStep:
    """Ask for an account's stake, or fetch it if that was done long enough ago.

    Args:
        gate: The contracts.
        account: The node's, and the owner of its stake.
        receiver: Whom it is paid to.
        entries: Of the account's outbox: a step that ended is never taken for the next one of its kind.

    Raises:
        OperatorError: Nothing is at stake, or it is somebody else's to ask for.
        TransientError: The delay is not over.
    """
    stake, registry = await gate.stake(account), gate.deployment.registry_contract
    if not stake.wei:
        raise OperatorError("this node has nothing at stake", hint="See `swarm-node chain status`.")
    if stake.owner != account:
        raise OperatorError(
            f"the stake is {address_text(stake.owner)}'s to withdraw, not this node's account's",
            hint="Its owner asks the registry itself: requestWithdrawal, and withdraw after the delay.",
        )
    done = sum(entry.key.startswith(STAKE_PREFIX) and entry.state is EntryState.DONE for entry in entries)
    if not stake.unlock_s:
        call = contract_call(REGISTRY, registry.address, "requestWithdrawal", stake.node_id)
        return WithdrawalStep(stake_name("request", done), call, stake.wei, is_paid=False)
    now_s = (await gate.endpoint.block()).timestamp
    if now_s < stake.unlock_s:
        free = datetime.fromtimestamp(stake.unlock_s, UTC)
        raise TransientError(f"the stake is locked until {free:%Y-%m-%d %H:%M} UTC", waits_for="the withdrawal delay")
    call = contract_call(REGISTRY, registry.address, "withdraw", stake.node_id, receiver)
    return WithdrawalStep(stake_name("payout", done), call, stake.wei, is_paid=True)

"""Binding a node to its account in the registry: both sign that they belong together."""

from __future__ import annotations

from node.anchoring.reconcile import registration_name
from node.chain.account import EvmKey
from node.chain.contracts import REGISTRY, contract_call
from node.chain.gate import Gate
from node.chain.votes import binding_message, registration_digest
from node.errors import OperatorError
from node.identity import NodeKey
from node.values.outbox import Call


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

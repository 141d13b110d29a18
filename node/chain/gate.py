"""What a swarm's contracts say: read, checked, and told in the swarm's own words.

The registry's events carry signatures by node keys that the EVM cannot verify; here they are. A registration without
a good one is passed over, as if it had never been made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from consensus.types import NodeId
from node.chain.account import address_text
from node.chain.contracts import ANCHOR, REGISTRY, SHARDS, Binding, Deployment, artifact, contract_call
from node.chain.endpoint import Endpoint, Log, RevertedError
from node.chain.votes import Account, Contract, ShardStatus, ShardVote, binding_message, handover_message
from node.errors import OperatorError
from node.identity import verify


@dataclass(frozen=True, slots=True)
class Roots:
    """What is anchored of an epoch."""

    ledger: bytes
    scores: bytes


REREAD_BLOCKS = 256
"""Newest blocks whose events are read again every time: no reorganisation is expected to go deeper."""


class _Events:
    """A contract's events, read once each, but for those in blocks that may still change."""

    def __init__(self, endpoint: Endpoint, address: Account, first: int) -> None:
        self._endpoint, self._address = endpoint, address
        self._kept: list[Log] = []
        self._next = first
        """The first block that is read again."""

    async def up_to(self, last: int) -> list[Log]:
        """All events of blocks up to `last`, in order."""
        fresh: list[Log] = []
        if last >= self._next:
            fresh = list(await self._endpoint.logs(self._address, self._next, last))
        found = [log for log in (*self._kept, *fresh) if log.block <= last]
        safe = last - REREAD_BLOCKS
        if safe >= self._next:
            self._kept += [log for log in fresh if log.block <= safe]
            self._next = safe + 1
        return found


@dataclass(frozen=True, slots=True)
class Stake:
    """What a node has at stake."""

    node_id: Account
    """The node's name in the registry."""
    owner: Account
    """Who may ask for it."""
    wei: int
    unlock_s: int
    """Unix time from which it may be fetched; 0 while nobody has asked for it."""


class Gate:
    """One deployment through one endpoint."""

    def __init__(self, endpoint: Endpoint, deployment: Deployment) -> None:
        self.endpoint, self.deployment = endpoint, deployment
        self._anchors = _Events(endpoint, deployment.anchor, deployment.block)
        self._registrations = _Events(endpoint, deployment.registry, deployment.block)

    async def check(self, network: bytes) -> None:
        """Compare the deployment with the chain, before anything is believed or sent.

        Raises:
            OperatorError: Another swarm's, another chain, or not our contracts at its addresses.
            TransientError: The endpoint does not answer.
        """
        deployment = self.deployment
        if deployment.network != network:
            raise OperatorError(
                f"the contracts are swarm {deployment.network.hex()[:16]}'s, this node is in {network.hex()[:16]}",
                hint="Use the deployment file of this node's own swarm.",
            )
        found = await self.endpoint.chain_id()
        if found != deployment.chain_id:
            raise OperatorError(
                f"{self.endpoint.where} is chain {found}, the contracts are on chain {deployment.chain_id}",
                hint="Set chain.endpoint to an endpoint of that chain, or chain.deployment to another file.",
            )
        for name, address in (
            (ANCHOR, deployment.anchor),
            (SHARDS, deployment.shards),
            (REGISTRY, deployment.registry),
        ):
            code = await self.endpoint.code(address)
            if not artifact(name).is_at(code):
                what = "no contract" if not code else "another contract"
                raise OperatorError(
                    f"there is {what} where {name} should be, at {address_text(address)} on chain {found}",
                    hint="Compare the deployment file with the others', and this version with the one that deployed.",
                )

    # The anchor

    async def next_epoch(self) -> int:
        """The epoch that is anchored next."""
        return int((await self._ask(ANCHOR, "nextEpoch"))[0])

    async def genesis_root(self) -> bytes:
        """The ledger root that the first epoch continues."""
        return bytes((await self._ask(ANCHOR, "genesisLedgerRoot"))[0])

    async def roots(self, epoch: int) -> Roots | None:
        """What is anchored of an epoch; None where nothing is yet."""
        if epoch < self.deployment.first_epoch:
            return None
        call = contract_call(ANCHOR, self.deployment.anchor, "anchorOf", epoch)
        try:
            ledger, scores = artifact(ANCHOR).results("anchorOf", await self.endpoint.call(call))
        except RevertedError:
            return None
        return Roots(bytes(ledger), bytes(scores))

    async def signers(self, epoch: int) -> bytes:
        """Hash of the signer set of the epoch that is anchored next, or of the one before."""
        return bytes((await self._ask(ANCHOR, "signersOf", epoch))[0])

    async def anchored_in(self, epoch: int, last: int) -> int | None:
        """The block that anchored an epoch, if it is not after block `last`."""
        contract = artifact(ANCHOR)
        topic, wanted = contract.topic("EpochAnchored"), epoch.to_bytes(32, "big")
        blocks = (log.block for log in await self._anchors.up_to(last) if log.topics[:2] == (topic, wanted))
        return next(blocks, None)

    # Shards

    async def shard_status(self, vote: ShardVote) -> ShardStatus:
        """How far exactly this shard has come."""
        return ShardStatus((await self._ask(SHARDS, "statusOf", vote.arguments()))[0])

    async def shard_status_at(self, job: bytes, height: int) -> ShardStatus:
        """How far whatever stands for a job and round has come."""
        return ShardStatus((await self._ask(SHARDS, "statusAt", job, height))[0])

    # The registry

    async def minimum_stake(self) -> int:
        """Wei that a registration has to bring."""
        return int((await self._ask(REGISTRY, "minimumStake"))[0])

    async def is_registered(self, account: Account) -> bool:
        """Whether an account signs, or once signed, for a node of the registry."""
        return bytes.fromhex((await self._ask(REGISTRY, "idOf", account))[0].removeprefix("0x")) != bytes(20)

    async def stake(self, account: Account) -> Stake:
        """What an account's node has at stake; nothing for one that is in no registration."""
        node_id = _address((await self._ask(REGISTRY, "idOf", account))[0])
        _, owner, wei, _, unlock_s, _ = (await self._ask(REGISTRY, "nodeOf", node_id))[0]
        return Stake(node_id, _address(owner), int(wei), int(unlock_s))

    async def accounts(self, block: int) -> Mapping[NodeId, Account]:
        """Whose account is whose at the end of a block: the registry's, and the founders' that have none there."""
        logs = await self._registrations.up_to(block)
        return bound_accounts(self.deployment.founders, logs, self.deployment.registry_contract)

    async def _ask(self, name: str, function: str, *arguments: object) -> tuple[Any, ...]:
        address = {
            ANCHOR: self.deployment.anchor,
            SHARDS: self.deployment.shards,
            REGISTRY: self.deployment.registry,
        }[name]
        try:
            data = await self.endpoint.call(contract_call(name, address, function, *arguments))
        except RevertedError as error:
            raise OperatorError(
                f"{name}.{function} at {address_text(address)} refuses: {error.reason}",
                hint="Compare the deployment file with the others'.",
            ) from error
        return artifact(name).results(function, data)


# Bindings

BINDING_EVENTS = (
    "NodeRegistered",
    "NodeRotated",
    "NodeRevoked",
    "NodeSlashed",
    "WithdrawalRequested",
    "StakeDeposited",
)
"""Events of the registry that change whose account signs for whom."""


@dataclass(frozen=True, slots=True)
class _Registration:
    node: NodeId
    account: Account
    owner: Account
    order: int
    is_good: bool
    """Both keys agreed, and it was neither revoked nor slashed."""
    is_leaving: bool = False
    """Its stake is on its way out, or gone: whoever has nothing to lose has no voice."""


def bound_accounts(founders: Iterable[Binding], logs: Iterable[Log], registry: Contract) -> dict[NodeId, Account]:
    """Which account signs for which node, after these events of the registry, in order.

    Of several good and active registrations of one node key the one whose event came last counts. A founder's account
    of the deployment counts until its node has been in the registry; who left it, was slashed or asked for its stake
    back has none. A deposit calls a withdrawal off, and the account counts again.
    """
    found: dict[Account, _Registration] = {}
    seen: set[NodeId] = set()
    for order, log in enumerate(logs):
        _apply(found, seen, log, registry, order)
    accounts = {item.node: item.account for item in founders if item.node not in seen}
    for item in sorted(found.values(), key=lambda item: item.order):
        if item.is_good and not item.is_leaving:
            accounts[item.node] = item.account
    return accounts


def _apply(found: dict[Account, _Registration], seen: set[NodeId], log: Log, registry: Contract, order: int) -> None:
    contract = artifact(REGISTRY)
    names = {contract.topic(name): name for name in BINDING_EVENTS}
    name = names.get(log.topics[0]) if log.topics else None
    if name is None:
        return
    fields = contract.event_fields(name, log.topics, log.data)
    node_id = _address(fields["id"])
    if name == "NodeRegistered":
        node, owner = NodeId(bytes(fields["nodeKey"])), _address(fields["owner"])
        good = verify(node, binding_message(node_id, owner, registry), _ed25519(fields["nodeSignature"]))
        found[node_id] = _Registration(node, node_id, owner, order, good)
    elif name == "NodeRotated" and node_id in found:
        found[node_id] = _rotated(found[node_id], node_id, fields, registry, order)
    elif name in {"WithdrawalRequested", "StakeDeposited"} and node_id in found:
        found[node_id] = replace(found[node_id], is_leaving=name == "WithdrawalRequested")
    elif node_id in found:
        found[node_id] = replace(found[node_id], is_good=False)
        return
    if node_id in found and found[node_id].is_good:
        seen.add(found[node_id].node)


def _rotated(
    before: _Registration, node_id: Account, fields: Mapping[str, Any], registry: Contract, order: int
) -> _Registration:
    node, account = NodeId(bytes(fields["nodeKey"])), _address(fields["account"])
    bound = verify(node, binding_message(account, before.owner, registry), _ed25519(fields["nodeSignature"]))
    handed = verify(
        before.node, handover_message(node_id, node, account, registry), _ed25519(fields["handoverSignature"])
    )
    return _Registration(node, account, before.owner, order, before.is_good and bound and handed, before.is_leaving)


def _address(value: str) -> Account:
    return bytes.fromhex(value.removeprefix("0x"))


def _ed25519(value: tuple[bytes, bytes]) -> bytes:
    return bytes(value[0]) + bytes(value[1])

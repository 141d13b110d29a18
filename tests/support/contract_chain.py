"""The contracts on an EVM in this process, and the signatures they take, made with an independent EIP-712 library.

Calls go to the EVM directly and not through a web3 client: that is five times as fast, and a client is what
the light check and `node.chain` are about. A refusal comes back with the name and values of the contract's own error.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest.importorskip("eth_tester", reason="needs the extra `chain-embedded`")
pytest.importorskip("eth", reason="needs the extra `chain-embedded`")

from eth_abi.abi import decode, encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from eth_utils import keccak
from nacl.signing import SigningKey

ARTIFACTS = Path(__file__).parents[2] / "contracts" / "artifacts"
ETHER = 10**18
GAS_LIMIT = 5_000_000
MINIMUM_STAKE = ETHER
DISPUTE_WINDOW = 3 * 24 * 3600
WITHDRAWAL_DELAY = 7 * 24 * 3600
GENESIS_ROOT = keccak(text="genesis ledger")
BURN_ADDRESS = "0x000000000000000000000000000000000000dEaD"

TYPES = {
    "EpochVote": "uint64 epoch,bytes32 previousLedgerRoot,bytes32 ledgerRoot,bytes32 scoreRoot,bytes32 nextSigners",
    "ShardVote": ("bytes32 jobId,uint64 round,bytes32 shardRoot,uint32 rows,bytes32 certificateDigest,uint8 status"),
    "Registration": "bytes32 nodeKey,address owner",
    "Rotation": "address id,bytes32 nodeKey",
}
"""The EIP-712 types as the contracts' README states them."""

Signature = tuple[bytes, bytes]


class RefusedError(Exception):
    """A contract refused a call.

    Attributes:
        name: Of the contract's error.
        values: Its arguments.
    """

    def __init__(self, name: str, values: tuple[Any, ...]) -> None:
        super().__init__(f"{name}{values}")
        self.name = name
        self.values = values


class EpochVote(NamedTuple):
    epoch: int
    previous: bytes
    ledger: bytes
    score: bytes
    signers: bytes


class ShardVote(NamedTuple):
    job: bytes
    round: int
    root: bytes
    rows: int
    certificate: bytes
    status: int


PROVISIONAL, FINAL, WITHDRAWN = 1, 2, 3


@cache
def artifact(name: str) -> dict[str, Any]:
    return json.loads((ARTIFACTS / f"{name}.json").read_text())


def _abi_type(item: dict[str, Any]) -> str:
    if not item["type"].startswith("tuple"):
        return item["type"]
    return "(" + ",".join(map(_abi_type, item["components"])) + ")" + item["type"][len("tuple") :]


@cache
def _entries(kind: str, contract: str) -> dict[str, tuple[str, list[str], list[str]]]:
    """Name to (signature, input types, output types) of a contract's functions or errors."""
    return {
        item["name"]: (
            f"{item['name']}({','.join(map(_abi_type, item['inputs']))})",
            [_abi_type(one) for one in item["inputs"]],
            [_abi_type(one) for one in item.get("outputs", [])],
        )
        for item in artifact(contract)["abi"]
        if item["type"] == kind
    }


@cache
def _errors() -> dict[bytes, tuple[str, list[str]]]:
    contracts = ("NodeRegistry", "ReputationAnchor", "ShardRegistry")
    return {
        keccak(text=signature)[:4]: (name, types)
        for contract in contracts
        for name, (signature, types, _) in _entries("error", contract).items()
    }


def _refusal(error: TransactionFailed) -> RefusedError:
    cause = error.args[0] if error.args else b""
    data = cause.args[0] if isinstance(cause, Exception) and cause.args else cause
    if isinstance(data, str) and data.startswith(("b'", 'b"')):
        data = ast.literal_eval(data)
    if not isinstance(data, bytes) or data[:4] not in _errors():
        return RefusedError("(no error of ours)", (data,))
    name, types = _errors()[data[:4]]
    return RefusedError(name, tuple(decode(types, data[4:])))


@dataclass(frozen=True)
class Receipt:
    gas: int
    block: int
    logs: tuple[dict[str, Any], ...]


class Evm:
    """An EVM with ten accounts, richer than a stake may be high, whose keys are known."""

    def __init__(self) -> None:
        rich = PyEVMBackend.generate_genesis_state(overrides={"balance": 1 << 100}, num_accounts=10)
        self.tester = EthereumTester(PyEVMBackend(genesis_state=rich))
        self.accounts = [Account.from_key(key.to_bytes()) for key in self.tester.backend.account_keys]
        block = self.tester.get_block_by_number("latest")
        self.chain_id = self.tester.backend.chain.chain_id
        self.start = block["timestamp"]

    @property
    def time(self) -> int:
        return self.tester.get_block_by_number("latest")["timestamp"]

    def travel(self, seconds: int) -> None:
        self.tester.time_travel(self.time + seconds)

    def balance(self, address: str) -> int:
        return self.tester.get_balance(address)

    def send(self, sender: Any, to: str | None, data: bytes, value: int = 0) -> Receipt:
        """Send a transaction. A refusal is told by a call beforehand, for a mined one carries no reason."""
        transaction = {
            "from": sender.address, "data": "0x" + data.hex(), "gas": GAS_LIMIT, "value": value,
            **({"to": to} if to else {}),
        }  # fmt: skip
        sent = self.tester.send_transaction(transaction)
        receipt = self.tester.get_transaction_receipt(sent)
        if not receipt["status"]:
            self.read(sender, to, data, value)
            raise AssertionError("a transaction failed that passes as a call")
        return Receipt(receipt["gas_used"], receipt["block_number"], tuple(receipt["logs"]))

    def read(self, sender: Any, to: str | None, data: bytes, value: int = 0) -> bytes:
        transaction = {"from": sender.address, "to": to, "data": "0x" + data.hex(), "gas": GAS_LIMIT, "value": value}
        try:
            return bytes.fromhex(self.tester.call(transaction)[2:])
        except TransactionFailed as error:
            raise _refusal(error) from error


@dataclass(frozen=True)
class Contract:
    """One deployed contract."""

    evm: Evm
    name: str
    address: str

    def _data(self, function: str, arguments: Sequence[Any]) -> bytes:
        signature, types, _ = _entries("function", self.name)[function]
        return keccak(text=signature)[:4] + encode(types, arguments)

    def send(self, sender: Any, function: str, *arguments: Any, value: int = 0) -> Receipt:
        return self.evm.send(sender, self.address, self._data(function, arguments), value)

    def read(self, function: str, *arguments: Any) -> Any:
        answer = self.evm.read(self.evm.accounts[0], self.address, self._data(function, arguments))
        values = decode(_entries("function", self.name)[function][2], answer)
        return values[0] if len(values) == 1 else values

    def sign(self, account: Any, kind: str, values: Sequence[Any], *, chain_id: int | None = None) -> Signature:
        """`account`'s EIP-712 signature for this contract, in EIP-2098's 64 bytes."""
        domain = {
            "name": f"swarm-node {self.name}",
            "version": "1",
            "chainId": self.evm.chain_id if chain_id is None else chain_id,
            "verifyingContract": self.address,
        }
        fields = [field.split() for field in TYPES[kind].split(",")]
        types = {kind: [{"name": name, "type": abi} for abi, name in fields]}
        message = {name: value for (_, name), value in zip(fields, values, strict=True)}
        signed = account.sign_message(encode_typed_data(domain, types, message))
        return signed.r.to_bytes(32, "big"), (signed.s | (signed.v - 27) << 255).to_bytes(32, "big")


def deploy(evm: Evm, name: str, *arguments: Any) -> Contract:
    constructor = next(item for item in artifact(name)["abi"] if item["type"] == "constructor")
    data = bytes.fromhex(artifact(name)["bytecode"][2:])
    data += encode([_abi_type(item) for item in constructor["inputs"]], arguments)
    sender = evm.accounts[0]
    made = evm.tester.send_transaction({"from": sender.address, "data": "0x" + data.hex(), "gas": GAS_LIMIT})
    receipt = evm.tester.get_transaction_receipt(made)
    if not receipt["status"]:
        try:
            evm.tester.call({"from": sender.address, "data": "0x" + data.hex(), "gas": GAS_LIMIT})
        except TransactionFailed as error:
            raise _refusal(error) from error
        raise AssertionError(f"{name} was not deployed, and nothing says why")
    return Contract(evm, name, receipt["contract_address"])


# Signer sets


@dataclass(frozen=True)
class Signer:
    """One entry of a signer set. Without an account it has weight and no voice."""

    account: Any | None
    weight: int

    @property
    def entry(self) -> bytes:
        address = bytes.fromhex(self.account.address[2:]) if self.account else bytes(20)
        return address + self.weight.to_bytes(12, "big")


def make_signers(weights: Iterable[int], *, unbound: int = 0, seed: str = "signer") -> tuple[Signer, ...]:
    """Signers with these weights in canonical order, and an entry for the weight of members without an account."""
    accounts = (Account.from_key(keccak(text=f"{seed} {number}")) for number in range(10**6))
    signers = [Signer(account, weight) for account, weight in zip(accounts, weights, strict=False)]
    signers += [Signer(None, unbound)] if unbound else []
    return tuple(sorted(signers, key=lambda signer: signer.entry))


def entries(signers: Sequence[Signer]) -> list[bytes]:
    return [signer.entry for signer in signers]


def hash_signers(signers: Sequence[Signer]) -> bytes:
    return keccak(b"".join(entries(signers)))


def quorum(
    contract: Contract, vote: EpochVote | ShardVote, signers: Sequence[Signer], who: Iterable[int], **domain: Any
) -> tuple[list[bytes], int, list[Signature]]:
    """The argument that says that the signers number `who` signed `vote`."""
    numbers = sorted(who)
    bitmap = sum(1 << number for number in numbers)
    kind = type(vote).__name__
    return entries(signers), bitmap, [contract.sign(signers[one].account, kind, vote, **domain) for one in numbers]


def able(signers: Sequence[Signer]) -> list[int]:
    return [number for number, signer in enumerate(signers) if signer.account]


# Scores


def score_leaf(node: bytes, category: int, score: int) -> bytes:
    """Leaf data of the score tree as the contracts' README states it."""
    return b"swarm-node/v1/score\0" + node + category.to_bytes(2, "big") + score.to_bytes(4, "big")


def lefts(count: int, index: int) -> int:
    """On which sides the siblings of leaf `index` of `count` stand: the loop of the contracts' README."""
    bits = depth = 0
    while count > 1:
        if index ^ 1 < count:
            bits |= (index & 1) << depth
            depth += 1
        index, count = index // 2, (count + 1) // 2
    return bits


# Everything together


@dataclass(frozen=True)
class Deployment:
    """The three contracts as they are deployed together, and the signers of the first epoch."""

    evm: Evm
    anchor: Contract
    shards: Contract
    nodes: Contract
    signers: tuple[Signer, ...]

    @property
    def owners(self) -> list[Any]:
        return self.evm.accounts[:3]

    @property
    def node_accounts(self) -> list[Any]:
        return self.evm.accounts[3:]

    def vote(self, epoch: int, previous: bytes = GENESIS_ROOT, **changes: Any) -> EpochVote:
        vote = EpochVote(
            epoch, previous, keccak(text=f"ledger {epoch}"), keccak(text=f"scores {epoch}"), hash_signers(self.signers)
        )
        return vote._replace(**changes)

    def anchor_epoch(self, vote: EpochVote, signers: Sequence[Signer] | None = None) -> Receipt:
        chosen = signers or self.signers
        return self.anchor.send(self.owners[0], "anchor", vote, quorum(self.anchor, vote, chosen, able(chosen)))

    def commit_shard(self, vote: ShardVote, epoch: int = 0) -> Receipt:
        chosen = quorum(self.shards, vote, self.signers, able(self.signers))
        return self.shards.send(self.owners[0], "commit", vote, epoch, chosen)

    def register(self, owner: Any, account: Any, node_key: SigningKey, value: int = MINIMUM_STAKE) -> Receipt:
        key = node_key.verify_key.encode()
        proof = self.nodes.sign(account, "Registration", (key, owner.address))
        binding = node_key.sign(self.nodes.read("bindingMessage", account.address, owner.address)).signature
        return self.nodes.send(
            owner, "register", key, account.address, proof, (binding[:32], binding[32:]), value=value
        )


def node_key(number: int) -> SigningKey:
    return SigningKey(keccak(text=f"node key {number}"))


def job(number: int) -> bytes:
    return keccak(text=f"job {number}")


def shard_vote(number: int = 0, status: int = FINAL, **changes: Any) -> ShardVote:
    vote = ShardVote(job(number), 7, keccak(text="shard root"), 40, keccak(text="header"), status)
    return vote._replace(**changes)


def deploy_all(weights: Sequence[int] = (3, 2, 2), *, unbound: int = 0, first: int = 0) -> Deployment:
    evm = Evm()
    signers = make_signers(weights, unbound=unbound)
    anchor = deploy(evm, "ReputationAnchor", first, GENESIS_ROOT, entries(signers))
    shards = deploy(evm, "ShardRegistry", anchor.address)
    nodes = deploy(evm, "NodeRegistry", anchor.address, shards.address, MINIMUM_STAKE, DISPUTE_WINDOW, WITHDRAWAL_DELAY)
    return Deployment(evm, anchor, shards, nodes, signers)


@contextmanager
def put_back(deployment: Deployment) -> Iterator[Deployment]:
    """What happens inside has not happened afterwards. Deploying once and putting back is what keeps tests short."""
    snapshot = deployment.evm.tester.take_snapshot()
    try:
        yield deployment
    finally:
        deployment.evm.tester.revert_to_snapshot(snapshot)


def refuses(name: str, *values: Any) -> pytest.RaisesExc[RefusedError]:
    """Expect that error of a contract, with these values where any are given."""

    def fits(error: RefusedError) -> bool:
        assert (error.name, error.values) == (name, values or error.values)
        return True

    return pytest.RaisesExc(RefusedError, check=fits)

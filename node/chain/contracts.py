"""The three contracts as this version knows them: their interfaces, their code, and where a swarm's stand.

A deployment is a public file that operators pass on beside the genesis: chain, addresses, and the accounts that anchor
the first epoch, each vouched for by its node's key. Nothing in it is believed before it has been compared with the
chain (`endpoint`): an address is an address of ours only if the code there is.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from consensus.types import NodeId
from node.chain.account import address_text, parse_address
from node.chain.votes import Account, Contract
from node.errors import OperatorError
from node.identity import verify
from node.values.outbox import Call

ARTIFACTS = Path(__file__).parents[2] / "contracts" / "artifacts"
ANCHOR, SHARDS, REGISTRY = "ReputationAnchor", "ShardRegistry", "NodeRegistry"
_FORMAT = "swarm-node chain deployment 1"
_FILE_BYTES_MAX = 1 << 20
_ACCOUNT_TAG = b"swarm-node/v1/evm-account\0"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract, as committed and rebuilt in CI."""

    name: str
    abi: tuple[dict[str, Any], ...]
    bytecode: bytes
    runtime: bytes
    immutables: tuple[tuple[int, int], ...]
    """(start, length) in the runtime code: filled in by the constructor."""

    def is_at(self, code: bytes) -> bool:
        """Whether code found at an address is this contract's."""
        return self._blank(code) == self._blank(self.runtime)

    def _blank(self, code: bytes) -> bytes:
        blank = bytearray(code)
        for start, length in self.immutables:
            blank[start : start + length] = bytes(length)
        return bytes(blank[: len(code)])

    def call(self, function: str, *arguments: object) -> bytes:
        """The data of a call."""
        entry = self._entry("function", function)
        kinds = [_kind(item) for item in entry["inputs"]]
        return keccak(f"{function}({','.join(kinds)})".encode())[:4] + abi_encode(kinds, arguments)

    def results(self, function: str, data: bytes) -> tuple[Any, ...]:
        """What a call returned.

        Raises:
            OperatorError: It is not what this function returns: no contract of ours stands there.
        """
        kinds = [_kind(item) for item in self._entry("function", function)["outputs"]]
        try:
            return tuple(abi_decode(kinds, data))
        except (DecodingError, OverflowError, ValueError) as error:
            raise OperatorError(
                f"{self.name}.{function} answered with {len(data)} bytes that are no such answer",
                hint="Compare the addresses in the deployment file with those of the others.",
            ) from error

    def deployment(self, *arguments: object) -> bytes:
        """The data of the transaction that makes this contract."""
        kinds = [_kind(item) for item in self._entry("constructor", None).get("inputs", [])]
        return self.bytecode + abi_encode(kinds, arguments)

    def topic(self, event: str) -> bytes:
        """The first topic of an event's logs."""
        kinds = [_kind(item) for item in self._entry("event", event)["inputs"]]
        return keccak(f"{event}({','.join(kinds)})".encode())

    def event_fields(self, event: str, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """An event's values by name; indexed ones must be of fixed size."""
        inputs = self._entry("event", event)["inputs"]
        indexed = [item for item in inputs if item["indexed"]]
        plain = [item for item in inputs if not item["indexed"]]
        values = {
            item["name"]: abi_decode([_kind(item)], topic)[0] for item, topic in zip(indexed, topics[1:], strict=True)
        }
        names = [item["name"] for item in plain]
        return values | dict(zip(names, abi_decode([_kind(item) for item in plain], data), strict=True))

    def error_text(self, data: bytes) -> str | None:
        """A contract's error by name and values, e.g. `WrongEpoch(expected=3, given=2)`; None if it is not of ours."""
        for entry in self.abi:
            if entry["type"] != "error":
                continue
            kinds = [_kind(item) for item in entry["inputs"]]
            if keccak(f"{entry['name']}({','.join(kinds)})".encode())[:4] != data[:4]:
                continue
            try:
                values = abi_decode(kinds, data[4:])
            except (DecodingError, OverflowError, ValueError):
                return str(entry["name"])
            listed = (f"{item['name']}={_shown(value)}" for item, value in zip(entry["inputs"], values, strict=True))
            return f"{entry['name']}({', '.join(listed)})"
        return None

    def _entry(self, kind: str, name: str | None) -> dict[str, Any]:
        return next(item for item in self.abi if item["type"] == kind and item.get("name") == name)


def _kind(item: dict[str, Any]) -> str:
    """The canonical type: tuples written out."""
    name: str = item["type"]
    if not name.startswith("tuple"):
        return name
    return f"({','.join(_kind(part) for part in item['components'])}){name.removeprefix('tuple')}"


def _shown(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


@functools.cache
def artifact(name: str) -> Artifact:
    """A contract of this version.

    Raises:
        OperatorError: This installation came without the compiled contracts.
    """
    path = ARTIFACTS / f"{name}.json"
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise OperatorError(
            f"the compiled contract {path} is not there", hint="Install from the source tree: `make setup`."
        ) from error
    return Artifact(
        name=name,
        abi=tuple(values["abi"]),
        bytecode=_code(values["bytecode"]),
        runtime=_code(values["deployedBytecode"]),
        immutables=tuple((item["start"], item["length"]) for item in values["immutableReferences"]),
    )


def _code(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("0x"))


def error_text(data: bytes) -> str:
    """What a revert's data say, in words where any of our contracts knows them."""
    for name in (ANCHOR, SHARDS, REGISTRY):
        if (text := artifact(name).error_text(data)) is not None:
            return text
    if data[:4] == bytes.fromhex("08c379a0"):
        return str(abi_decode(["string"], data[4:])[0])
    return f"error 0x{data[:36].hex()}" if data else "no reason given"


# Where a swarm's contracts stand


@dataclass(frozen=True, slots=True)
class Binding:
    """A node's word that an account is its own: of founders, before there is a registry."""

    node: NodeId
    account: Account
    signature: bytes
    """Ed25519 by the node key over `account_message`."""

    def holds(self) -> bool:
        """Whether the node said so."""
        return verify(self.node, account_message(self.account), self.signature)

    def document(self) -> dict[str, str]:
        """As JSON has it."""
        return {
            "node": self.node.hex(),
            "account": address_text(self.account),
            "signature": self.signature.hex(),
        }


def account_message(account: Account) -> bytes:
    """What a node key signs to name its account before there is a registry."""
    return _ACCOUNT_TAG + account


def parse_binding(value: Any, source: str) -> Binding:
    """Read one binding and verify it.

    Raises:
        OperatorError: It is malformed or not signed by its node.
    """
    try:
        node, signature = bytes.fromhex(value["node"]), bytes.fromhex(value["signature"])
        binding = Binding(NodeId(node), parse_address(value["account"]), signature)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OperatorError(
            f"{source} holds no binding: {error}", hint="Make it with `swarm-node chain account --json`."
        ) from error
    if not binding.holds():
        raise OperatorError(
            f"{source}: node {binding.node.hex()[:16]} did not sign that {value['account']} is its account",
            hint="Ask its operator for the output of `swarm-node chain account --json`.",
        )
    return binding


@dataclass(frozen=True, slots=True)
class Deployment:
    """A swarm's contracts on one chain."""

    network: bytes
    """Of the swarm, 32 bytes."""
    chain_id: int
    block: int
    """In which the last of them was made: nothing of theirs is older."""
    anchor: Account
    shards: Account
    registry: Account
    first_epoch: int
    founders: tuple[Binding, ...]
    """Accounts that count until their nodes register others, sorted by node."""

    @property
    def name(self) -> str:
        """Tells this deployment from every other, for the outbox and for signing slots."""
        return f"{self.chain_id}/{address_text(self.anchor)}"

    @property
    def anchor_contract(self) -> Contract:
        """Domain of epoch votes."""
        return Contract(self.chain_id, self.anchor)

    @property
    def shard_contract(self) -> Contract:
        """Domain of shard votes."""
        return Contract(self.chain_id, self.shards)

    @property
    def registry_contract(self) -> Contract:
        """Domain of registrations."""
        return Contract(self.chain_id, self.registry)

    def document(self) -> bytes:
        """The file."""
        values = {
            "format": _FORMAT,
            "network": self.network.hex(),
            "chain_id": self.chain_id,
            "block": self.block,
            "anchor": address_text(self.anchor),
            "shards": address_text(self.shards),
            "registry": address_text(self.registry),
            "first_epoch": self.first_epoch,
            "founders": [binding.document() for binding in self.founders],
        }
        return json.dumps(values, indent=2).encode() + b"\n"


def load_deployment(path: Path) -> Deployment:
    """Read a deployment file; its founders' signatures are verified, its addresses are not.

    Raises:
        OperatorError: Not there, malformed, or a founder did not sign.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise OperatorError(
            f"cannot read {path}: {error.strerror}",
            hint="Get the swarm's chain.json, or deploy the contracts: swarm-node chain deploy.",
        ) from error
    try:
        values = _parsed(raw)
        founders = tuple(parse_binding(item, str(path)) for item in values["founders"])
        return Deployment(
            network=_bytes32(values["network"]),
            chain_id=_number(values["chain_id"]),
            block=_number(values["block"]),
            anchor=parse_address(values["anchor"]),
            shards=parse_address(values["shards"]),
            registry=parse_address(values["registry"]),
            first_epoch=_number(values["first_epoch"]),
            founders=founders,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OperatorError(
            f"{path} is no deployment of this program: {error}",
            hint="Get the file from whoever deployed the contracts.",
        ) from error


def _parsed(raw: bytes) -> Any:
    if len(raw) > _FILE_BYTES_MAX:
        raise ValueError(f"{len(raw)} bytes")
    values = json.loads(raw)
    if values["format"] != _FORMAT:
        raise ValueError(f"format {values['format']!r}")
    return values


def _bytes32(text: str) -> bytes:
    data = bytes.fromhex(text)
    if len(data) != 32:
        raise ValueError(f"{len(data)} bytes where 32 are expected")
    return data


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(f"{value!r} is no count")
    return value


# Calls


def contract_call(name: str, address: Account, function: str, *arguments: object, value: int = 0) -> Call:
    """A call of one of our contracts."""
    return Call(address, artifact(name).call(function, *arguments), value)

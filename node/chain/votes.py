"""What committee members sign for the contracts, and the set of accounts whose signatures count.

Bytes as `contracts/README.md` fixes them: EIP-712 structures with the chain and the contract in their domain, so that
nothing signed here means anything elsewhere, and signatures in the 64 bytes of EIP-2098.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from consensus.types import Hash, JobId, NodeId, Seat

Account = bytes
"""An EVM address, 20 bytes."""

NOBODY: Account = bytes(20)
SIGNERS_MAX = 256
SIGNATURE_BYTES = 64

_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_EPOCH_TYPE = keccak(
    b"EpochVote(uint64 epoch,bytes32 previousLedgerRoot,bytes32 ledgerRoot,bytes32 scoreRoot,bytes32 nextSigners)"
)
_SHARD_TYPE = keccak(
    b"ShardVote(bytes32 jobId,uint64 round,bytes32 shardRoot,uint32 rows,bytes32 certificateDigest,uint8 status)"
)
_REGISTRATION_TYPE = keccak(b"Registration(bytes32 nodeKey,address owner)")


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract on one chain: what a signature is for."""

    chain_id: int
    address: Account


@dataclass(frozen=True, slots=True)
class EpochVote:
    """The end of an epoch: its roots, and who anchors the next one."""

    epoch: int
    previous_ledger_root: Hash
    ledger_root: Hash
    score_root: Hash
    next_signers: bytes

    def digest(self, contract: Contract) -> bytes:
        """What is signed for the `ReputationAnchor`."""
        words = (_word(self.epoch), self.previous_ledger_root, self.ledger_root, self.score_root, self.next_signers)
        return _typed("swarm-node ReputationAnchor", contract, _EPOCH_TYPE, words)

    def arguments(self) -> tuple[object, ...]:
        """As the contract's functions take it."""
        return (self.epoch, self.previous_ledger_root, self.ledger_root, self.score_root, self.next_signers)


class ShardStatus(IntEnum):
    """How far a shard has come on the chain."""

    NONE = 0
    PROVISIONAL = 1
    FINAL = 2
    WITHDRAWN = 3


@dataclass(frozen=True, slots=True)
class ShardVote:
    """A round's shard of a job."""

    job: JobId
    height: int
    shard_root: Hash
    rows: int
    header: Hash
    """`consensus.certificate.header_hash` of the round."""
    status: ShardStatus = ShardStatus.FINAL

    def digest(self, contract: Contract) -> bytes:
        """What is signed for the `ShardRegistry`."""
        words = (self.job, _word(self.height), self.shard_root, _word(self.rows), self.header, _word(self.status))
        return _typed("swarm-node ShardRegistry", contract, _SHARD_TYPE, words)

    def arguments(self) -> tuple[object, ...]:
        """As the contract's functions take it."""
        return (self.job, self.height, self.shard_root, self.rows, self.header, int(self.status))


def registration_digest(node: NodeId, owner: Account, registry: Contract) -> bytes:
    """What an account signs to be `node`'s."""
    words = (node, bytes(12) + owner)
    return _typed("swarm-node NodeRegistry", registry, _REGISTRATION_TYPE, words)


def binding_message(account: Account, owner: Account, registry: Contract) -> bytes:
    """What a node key signs so that `account` may sign for it."""
    return b"swarm-node/v1/evm-binding\0" + _word(registry.chain_id) + registry.address + account + owner


def handover_message(node_id: Account, new_key: NodeId, new_account: Account, registry: Contract) -> bytes:
    """What the old node key signs to hand over the node `node_id`."""
    head = b"swarm-node/v1/evm-handover\0" + _word(registry.chain_id) + registry.address
    return head + node_id + new_key + new_account


def recover(digest: bytes, signature: bytes) -> Account | None:
    """Whose compact signature this is; None for anything that is none, the high-s form included."""
    if len(signature) != SIGNATURE_BYTES:
        return None
    half = int.from_bytes(signature[32:], "big")
    parity, s = half >> 255, half & ((1 << 255) - 1)
    if s > _CURVE_ORDER // 2:
        return None
    try:
        parts = Signature(vrs=(parity, int.from_bytes(signature[:32], "big"), s))
        return parts.recover_public_key_from_msg_hash(digest).to_canonical_address()
    except (BadSignature, ValidationError):
        return None


# Who may sign


@dataclass(frozen=True, slots=True)
class SignerSet:
    """Accounts with weights in the contract's order; the zero account's weight counts and cannot sign."""

    entries: tuple[tuple[Account, int], ...]

    def packed(self) -> tuple[bytes, ...]:
        """Entries as the contracts take them."""
        return tuple(account + weight.to_bytes(12, "big") for account, weight in self.entries)

    def hash(self) -> bytes:
        """What the contract keeps of the set."""
        return keccak(b"".join(self.packed()))

    @property
    def total(self) -> int:
        """Weight of all."""
        return sum(weight for _, weight in self.entries)

    @property
    def can_decide(self) -> bool:
        """Whether all accounts together have a quorum: else nothing could ever be signed by this set."""
        return self.has_quorum(account for account, _ in self.entries)

    def weight_of(self, accounts: Iterable[Account]) -> int:
        """Weight of those among `accounts` that may sign."""
        wanted = set(accounts) - {NOBODY}
        return sum(weight for account, weight in self.entries if account in wanted)

    def has_quorum(self, accounts: Iterable[Account]) -> bool:
        """Whether they are strictly more than two thirds of all weight."""
        return 3 * self.weight_of(accounts) > 2 * self.total

    def quorum(self, signatures: Mapping[Account, bytes]) -> tuple[object, ...]:
        """The contracts' quorum argument. Of more signatures than needed the heaviest are taken: each costs gas."""
        chosen: set[Account] = set()
        for account, _ in sorted(self.entries, key=lambda entry: (-entry[1], entry[0])):
            if account in signatures and account != NOBODY and not self.has_quorum(chosen):
                chosen.add(account)
        bitmap = sum(1 << place for place, (account, _) in enumerate(self.entries) if account in chosen)
        halves = [signatures[account] for account, _ in self.entries if account in chosen]
        return (list(self.packed()), bitmap, [(half[:32], half[32:]) for half in halves])


def signer_set(seats: Iterable[Seat], accounts: Mapping[NodeId, Account]) -> SignerSet:
    """The set that stands for a snapshot's seats: ascending by entry, everybody without an account summed into nobody.

    Beyond what the contract's bitmap holds, the lightest seats become nobody's too, so that the total stays what it is.
    """
    heaviest = sorted(seats, key=lambda seat: (-seat.weight, seat.node))
    weights: dict[Account, int] = {}
    for seat in heaviest:
        account = accounts.get(seat.node, NOBODY)
        if account not in weights and len(weights.keys() - {NOBODY}) >= SIGNERS_MAX - 1:
            account = NOBODY
        weights[account] = weights.get(account, 0) + seat.weight
    return SignerSet(tuple(sorted(weights.items())))


def _typed(name: str, contract: Contract, kind: bytes, words: Iterable[bytes]) -> bytes:
    domain = (keccak(name.encode()), keccak(b"1"), _word(contract.chain_id), bytes(12) + contract.address)
    separator = keccak(_DOMAIN_TYPE + b"".join(domain))
    return keccak(b"\x19\x01" + separator + keccak(kind + b"".join(words)))


def _word(number: int) -> bytes:
    return int(number).to_bytes(32, "big")

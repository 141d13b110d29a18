"""The EVM account that pays for and signs what goes on a chain: a key of its own, never the node's, never in plain.

At rest it is sealed with a secret that only this node's identity can derive, so it is as well protected as the
identity itself: by its passphrase where it has one. Whoever keeps keys elsewhere gives a file or an environment
variable instead; nothing of it is written then.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from eth_account import Account as EthAccount
from eth_keys.datatypes import PrivateKey
from eth_utils.address import to_checksum_address
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from node.chain.outbox import Sign
from node.chain.votes import Account
from node.errors import OperatorError
from node.identity import NodeKey, peer_id
from node.identity.store import read_private, write_private
from node.values.outbox import Attempt

KEY_VARIABLE = "SWARM_NODE_CHAIN_KEY"
"""Environment: the private key itself, 64 hex digits."""
KEY_FILE_VARIABLE = "SWARM_NODE_CHAIN_KEY_FILE"
"""Environment: a file, mode 0600, that holds them."""
ACCOUNT_FILE = "chain-account.json"
_FORMAT = "swarm-node chain account 1"
_FILE_BYTES_MAX = 4096
_HEX_KEY = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")


class EvmKey:
    """A secp256k1 private key. Shows its address only; not pickled."""

    __slots__ = ("_key", "address")

    def __init__(self, secret: bytes) -> None:
        """Take the 32 bytes.

        Raises:
            ValueError: They are no key.
        """
        if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < _ORDER:
            raise ValueError("not a secp256k1 private key")
        self._key = PrivateKey(secret)
        self.address: Account = self._key.public_key.to_canonical_address()

    @classmethod
    def generate(cls) -> EvmKey:
        """Draw a new key from the operating system."""
        while True:
            secret = os.urandom(32)
            if 0 < int.from_bytes(secret, "big") < _ORDER:
                return cls(secret)

    @property
    def secret(self) -> bytes:
        """The key itself, for sealing."""
        secret: bytes = self._key.to_bytes()
        return secret

    @property
    def text(self) -> str:
        """The address as people write it, with its checksum (EIP-55)."""
        return address_text(self.address)

    def sign(self, digest: bytes) -> bytes:
        """EIP-2098 signature over a 32-byte digest; deterministic (RFC 6979), low s."""
        signature = self._key.sign_msg_hash(digest)
        half = int(signature.s) | int(signature.v) << 255
        return int(signature.r).to_bytes(32, "big") + half.to_bytes(32, "big")

    def sign_call(self, wish: Sign, chain_id: int) -> Attempt:
        """Make the EIP-1559 transaction that the outbox wishes for."""
        fields = {
            "chainId": chain_id,
            "nonce": wish.nonce,
            "to": address_text(wish.call.to),
            "data": wish.call.data,
            "value": wish.call.value,
            "gas": wish.gas,
            "maxFeePerGas": wish.max_fee,
            "maxPriorityFeePerGas": wish.tip,
        }
        signed = EthAccount.sign_transaction(fields, self._key)
        return Attempt(bytes(signed.hash), bytes(signed.raw_transaction), wish.max_fee, wish.tip, wish.gas, wish.head)

    def sign_creation(
        self, code: bytes, nonce: int, gas: int, max_fee: int, tip: int, chain_id: int
    ) -> tuple[bytes, bytes]:
        """Hash and bytes of a transaction that makes a contract."""
        fields = {"chainId": chain_id, "nonce": nonce, "data": code, "value": 0, "gas": gas}
        fees = {"maxFeePerGas": max_fee, "maxPriorityFeePerGas": tip}
        signed = EthAccount.sign_transaction(fields | fees, self._key)
        return bytes(signed.hash), bytes(signed.raw_transaction)

    def __repr__(self) -> str:
        return f"EvmKey(address={self.text})"

    def __reduce__(self) -> str | tuple[object, ...]:
        """Refuse to be pickled."""
        raise TypeError("an EvmKey is not pickled; seal it (`save_account`)")


_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def address_text(address: Account) -> str:
    """An address with its checksum (EIP-55)."""
    return str(to_checksum_address(address))


def parse_address(text: str) -> Account:
    """Read an address as people write it.

    Raises:
        OperatorError: It is none, or its capitals say that a letter is wrong.
    """
    digits = text.removeprefix("0x")
    if not re.fullmatch(r"[0-9a-fA-F]{40}", digits):
        raise OperatorError(f"{text[:60]!r} is no address", hint="An address is 0x and 40 hex digits.")
    mixed = digits not in {digits.lower(), digits.upper()}
    address = bytes.fromhex(digits)
    if mixed and address_text(address) != "0x" + digits:
        raise OperatorError(f"{text} has a wrong checksum", hint="Copy it again, or give it in small letters.")
    return address


def load_account(folder: Path, node: NodeKey, environment: Mapping[str, str]) -> EvmKey | None:
    """The account of a data folder, or the one given from outside; None where there is neither.

    Raises:
        OperatorError: What is given is no key, its file is open to others, or was sealed by another identity.
    """
    if value := environment.get(KEY_VARIABLE):
        return _parse_key(value, KEY_VARIABLE)
    if name := environment.get(KEY_FILE_VARIABLE):
        path = Path(name).expanduser()
        return read_key_file(path)
    path = folder / ACCOUNT_FILE
    return _unseal(path, node) if path.exists() else None


def read_key_file(path: Path) -> EvmKey:
    """A key in a file of its own, 64 hex digits, mode 0600.

    Raises:
        OperatorError: It cannot be read, is open to others, or holds no key.
    """
    return _parse_key(read_private(path, _FILE_BYTES_MAX).decode("ascii", "replace"), str(path))


def save_account(folder: Path, node: NodeKey, key: EvmKey) -> None:
    """Seal an account into a data folder.

    Raises:
        OperatorError: There is one already, or the folder cannot be written.
    """
    path = folder / ACCOUNT_FILE
    if path.exists():
        raise OperatorError(
            f"there is an account in {path} already",
            hint="Move that file away first, once nothing is owed to or by the account.",
        )
    box = SecretBox(node.derive_secret("evm-account-seal")).encrypt(key.secret)
    document = {"format": _FORMAT, "node": peer_id(node.node), "address": key.text, "box": bytes(box).hex()}
    write_private(path, json.dumps(document, indent=2).encode() + b"\n")


def _unseal(path: Path, node: NodeKey) -> EvmKey:
    raw = read_private(path, _FILE_BYTES_MAX)
    try:
        document = json.loads(raw)
        box = bytes.fromhex(document["box"])
        _refuse_unless_sealed_by(node, document, path)
        return EvmKey(SecretBox(node.derive_secret("evm-account-seal")).decrypt(box))
    except (ValueError, KeyError, TypeError, CryptoError, RecursionError) as error:
        raise OperatorError(f"{path} holds no account of this node", hint="Restore it from a backup.") from error


def _refuse_unless_sealed_by(node: NodeKey, document: dict[str, object], path: Path) -> None:
    if document["format"] != _FORMAT:
        raise ValueError(f"format {document['format']!r}")
    if document["node"] != peer_id(node.node):
        raise OperatorError(
            f"{path} was sealed by {document['node']}, this node is {peer_id(node.node)}",
            hint="After an identity was rotated, bring the account along: swarm-node chain account --import-file.",
        )


def _parse_key(text: str, source: str) -> EvmKey:
    found = _HEX_KEY.fullmatch(text.strip())
    try:
        if found is not None:
            return EvmKey(bytes.fromhex(found[1]))
    except ValueError:
        pass
    # Never with what was read: it may be a key with a typing error.
    raise OperatorError(f"{source} holds no private key", hint="Give 64 hex digits and nothing else.")

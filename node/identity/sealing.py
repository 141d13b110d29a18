"""The key at rest: one JSON document that opens with a secret and shows nothing but the node id without it.

XSalsa20-Poly1305 (NaCl's secretbox) under a key from scrypt (RFC 7914) over a passphrase, or under a random key in a
file of its own where there is no passphrase. The same document is the export: take it elsewhere, open it with the
passphrase.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.utils import random as random_bytes

from node.errors import OperatorError
from node.identity.documents import MALFORMED, read_document, write_document
from node.identity.keys import NodeKey
from node.identity.names import peer_id

FORMAT = "swarm-node identity 1"
DOCUMENT_BYTES_MAX = 4096
_SALT_BYTES = 16
_SCRYPT_BYTES_MAX = 256 << 20
"""Memory that a document read from outside may make us use."""


class Protection(Enum):
    """What opens a sealed key."""

    PASSPHRASE = "passphrase"  # noqa: S105  (no password, the name of a way)
    """Whoever gets the file, or the whole data directory, still has to guess the passphrase."""
    MACHINE_KEY = "machine-key"
    """Guards the file alone (a backup or image without the key file beside it), not against a reader of both."""


@dataclass(frozen=True, slots=True)
class ScryptCost:
    """How much work one guess of a passphrase takes: memory is 128·n·r bytes."""

    n: int = 1 << 16
    """64 MiB with r = 8: about 0.2 s here, and the document remembers it, so that it can be raised later."""
    r: int = 8
    p: int = 1


def seal_key(key: NodeKey, passphrase: bytes, *, cost: ScryptCost | None = None) -> bytes:
    """The key as a document that only the passphrase opens: the form of the identity file and of an export.

    Raises:
        OperatorError: The passphrase is empty.
    """
    if not passphrase:
        raise OperatorError("an empty passphrase protects nothing", hint="Give a passphrase of several words.")
    cost = cost or ScryptCost()
    salt = random_bytes(_SALT_BYTES)
    box = SecretBox(_stretch(passphrase, salt, cost)).encrypt(key.seed)
    scrypt = {"n": cost.n, "r": cost.r, "p": cost.p, "salt": salt.hex()}
    return _document(key, Protection.PASSPHRASE, {"scrypt": scrypt, "box": bytes(box).hex()})


def seal_key_for_machine(key: NodeKey, machine_key: bytes) -> bytes:
    """The key as a document that opens with the 32 bytes of this machine's key file."""
    box = SecretBox(machine_key).encrypt(key.seed)
    return _document(key, Protection.MACHINE_KEY, {"box": bytes(box).hex()})


def protection_of(document: bytes) -> Protection:
    """What is needed to open a sealed key.

    Raises:
        OperatorError: It is no sealed key.
    """
    return _parse(document).protection


def open_sealed_key(document: bytes, passphrase: bytes) -> NodeKey:
    """Open a document that a passphrase protects.

    Raises:
        OperatorError: It is no such document, or the passphrase is not the one.
    """
    sealed = _parse(document)
    if sealed.salt is None or sealed.cost is None:
        raise OperatorError(
            "this key was sealed for one machine, not with a passphrase",
            hint="Run `swarm-node identity export` where the key lives: that asks for a passphrase.",
        )
    return _open(sealed, _stretch(passphrase, sealed.salt, sealed.cost), "the passphrase does not open the key")


def open_sealed_for_machine(document: bytes, machine_key: bytes) -> NodeKey:
    """Open a document that this machine's key file protects.

    Raises:
        OperatorError: It is no such document, or the key file is not the one.
    """
    sealed = _parse(document)
    if sealed.protection is not Protection.MACHINE_KEY:
        raise OperatorError("this key was sealed with a passphrase", hint="Give the passphrase.")
    return _open(sealed, machine_key, "the key file beside the identity does not open it")


@dataclass(frozen=True, slots=True)
class _Sealed:
    peer: str
    protection: Protection
    box: bytes
    salt: bytes | None
    cost: ScryptCost | None


def _document(key: NodeKey, protection: Protection, rest: dict[str, object]) -> bytes:
    return write_document(FORMAT, {"node": peer_id(key.node), "protection": protection.value} | rest)


def _open(sealed: _Sealed, secret: bytes, refusal: str) -> NodeKey:
    try:
        key = NodeKey(SecretBox(secret).decrypt(sealed.box))
    except (CryptoError, ValueError) as error:
        raise OperatorError(
            f"{refusal} of {sealed.peer}", hint="Check that secret and identity file belong together."
        ) from error
    if peer_id(key.node) != sealed.peer:
        # The name stands outside the encryption: somebody wrote another one over it.
        raise OperatorError(
            f"the identity file says {sealed.peer} and holds {peer_id(key.node)}",
            hint="The file was edited. Restore it from a backup or import the key again.",
        )
    return key


def _stretch(passphrase: bytes, salt: bytes, cost: ScryptCost) -> bytes:
    # OpenSSL wants some room beyond the 128·n·r bytes that the algorithm itself needs.
    room = 128 * cost.n * cost.r + (1 << 20) + 256 * cost.r * cost.p
    return hashlib.scrypt(passphrase, salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=room, dklen=SecretBox.KEY_SIZE)


def _parse(document: bytes) -> _Sealed:
    try:
        return _read_fields(document)
    except MALFORMED as error:
        raise OperatorError(
            f"not a sealed identity of this program: {error}",
            hint="Restore the file from a backup, or make a new identity with `swarm-node init`.",
        ) from error


def _read_fields(document: bytes) -> _Sealed:
    value = read_document(document, FORMAT, DOCUMENT_BYTES_MAX)
    protection = Protection(value["protection"])
    salt = cost = None
    if protection is Protection.PASSPHRASE:
        scrypt = value["scrypt"]
        salt = bytes.fromhex(scrypt["salt"])
        cost = ScryptCost(int(scrypt["n"]), int(scrypt["r"]), int(scrypt["p"]))
        _check_cost(cost)
    return _Sealed(str(value["node"]), protection, bytes.fromhex(value["box"]), salt, cost)


def _check_cost(cost: ScryptCost) -> None:
    power_of_two = cost.n > 1 and cost.n & (cost.n - 1) == 0
    if not power_of_two or not 1 <= cost.r <= 64 or not 1 <= cost.p <= 16:
        raise ValueError(f"{cost} is outside scrypt's ranges")
    if 128 * cost.n * cost.r > _SCRYPT_BYTES_MAX:
        raise ValueError(f"{cost} needs more than {_SCRYPT_BYTES_MAX >> 20} MiB")

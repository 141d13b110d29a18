"""The identity in a data directory: made, loaded, imported, rotated; modes checked, nothing half-written.

    identity.json        the sealed key (`sealing`)
    identity.key         the machine key, only where there is no passphrase
    identity.next.json   the successor, while a rotation is under way
    hand-overs/<n>.json  the signed statements of past rotations, in order (`rotation`)
    retired/<peer>.json  the keys they replaced, sealed: secrets derived from them may still be needed

What it protects against. With a passphrase: a stolen disk, backup or container image is useless without it. Without
one: a copy of `identity.json` alone is useless, and file modes keep other users out; whoever can read the whole
directory as this user has the key. Neither protects against somebody who controls the running process.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from nacl.secret import SecretBox
from nacl.utils import random as random_bytes

from node.durable import put_in_place
from node.errors import OperatorError
from node.identity.keys import NodeKey
from node.identity.names import peer_id
from node.identity.rotation import HandOver, parse_hand_over, succeed
from node.identity.sealing import (
    DOCUMENT_BYTES_MAX,
    Protection,
    ScryptCost,
    open_sealed_for_machine,
    open_sealed_key,
    protection_of,
    seal_key,
    seal_key_for_machine,
)

_MACHINE_KEY_NAME = "identity.key"
_PASSPHRASE_BYTES_MAX = 1024


class IdentityStore:
    """The identity files of one data directory. Writers hold the directory's lock (`DataDirLock`)."""

    def __init__(self, directory: Path, *, passphrase: bytes | None = None, cost: ScryptCost | None = None) -> None:
        """Name the directory and the secret; nothing is read yet.

        Args:
            directory: The node's data directory; made with mode 0700 when a key is first stored.
            passphrase: Opens and seals the key; None for the machine-local key file.
            cost: Of sealing with the passphrase; opening follows what the file says.
        """
        self._directory = directory
        self._passphrase = passphrase
        self._cost = cost

    @property
    def path(self) -> Path:
        """Of the sealed key."""
        return self._directory / "identity.json"

    @property
    def exists(self) -> bool:
        """Whether there is an identity."""
        return self.path.exists()

    def create(self) -> NodeKey:
        """Make a new identity.

        Raises:
            OperatorError: There is one already, or the directory cannot be written.
        """
        key = NodeKey.generate()
        self.save(key)
        return key

    def load(self) -> NodeKey:
        """Open the identity.

        Raises:
            OperatorError: There is none, others may read or change its files, or the secret does not open it.
        """
        if not self.exists:
            raise OperatorError(f"there is no identity in {self._directory}", hint="Make one with `swarm-node init`.")
        return self._unseal(read_private(self.path, DOCUMENT_BYTES_MAX))

    @property
    def protection(self) -> Protection:
        """What opens the stored identity; raises as `load` does."""
        return protection_of(read_private(self.path, DOCUMENT_BYTES_MAX))

    def protect(self, passphrase: bytes) -> None:
        """Put every key in the folder under a passphrase, whatever opens them now; the machine key is removed.

        The identity itself comes last. So if this is cut short, the secret of before still opens it, and to ask again
        goes on.

        Raises:
            OperatorError: As for `load` and `save`.
        """
        key = self.load()
        waiting = self._directory / "identity.next.json"
        for path in (*sorted((self._directory / "retired").glob("*.json")), waiting):
            if path.exists():
                document = read_private(path, DOCUMENT_BYTES_MAX)
                write_private(path, seal_key(self._opened(document, passphrase), passphrase, cost=self._cost))
        write_private(self.path, seal_key(key, passphrase, cost=self._cost))
        (self._directory / _MACHINE_KEY_NAME).unlink(missing_ok=True)

    def _opened(self, document: bytes, passphrase: bytes) -> NodeKey:
        """A key that this store's secret opens, or the passphrase already: protecting was cut short before."""
        try:
            return self._unseal(document)
        except OperatorError:
            return open_sealed_key(document, passphrase)

    def save(self, key: NodeKey, *, replace: bool = False) -> None:
        """Store a key, e.g. an imported one, or the same one under a new passphrase.

        Raises:
            OperatorError: There is an identity and `replace` is not set, or the directory cannot be written.
        """
        if self.exists and not replace:
            raise OperatorError(
                f"there is an identity in {self._directory} already",
                hint="Export it first; then give another --data, or replace it on purpose with --replace.",
            )
        write_private(self.path, self._seal(key))

    def rotate(self, *, at_unix_s: int) -> tuple[NodeKey, HandOver]:
        """Replace the identity by a new key that the old one names as its successor.

        The new key is on disk before anything names it, and the statement before the old key leaves its place: a
        rotation that was cut short goes on with the same successor when it is asked for again.

        Raises:
            OperatorError: As for `load`, or the directory cannot be written.
        """
        old = self.load()
        waiting = self._directory / "identity.next.json"
        if waiting.exists():
            new = self._unseal(read_private(waiting, DOCUMENT_BYTES_MAX))
        else:
            new = NodeKey.generate()
            write_private(waiting, self._seal(new))
        hand_over = succeed(old, new, at_unix_s=at_unix_s)
        write_private(self._directory / "retired" / f"{peer_id(old.node)}.json", self._seal(old))
        # A statement that a cut-short rotation left, the old key's last word, gives way to this one.
        done = [past for past in self.hand_overs() if past.old != old.node]
        write_private(self._directory / "hand-overs" / f"{len(done):04}.json", hand_over.document())
        with _writing(self.path):
            put_in_place(waiting, self.path)
        return new, hand_over

    def hand_overs(self) -> tuple[HandOver, ...]:
        """The statements of past rotations, oldest first, each verified.

        Raises:
            PeerFaultError: A file was changed.
        """
        folder = self._directory / "hand-overs"
        return tuple(parse_hand_over(path.read_bytes()) for path in sorted(folder.glob("*.json")))

    def _seal(self, key: NodeKey) -> bytes:
        if self._passphrase is not None:
            return seal_key(key, self._passphrase, cost=self._cost)
        return seal_key_for_machine(key, self._machine_key(make=True))

    def _unseal(self, document: bytes) -> NodeKey:
        # By what the document needs: a passphrase may have been configured after the identity was made.
        if protection_of(document) is Protection.MACHINE_KEY:
            return open_sealed_for_machine(document, self._machine_key(make=False))
        if self._passphrase is None:
            raise OperatorError(
                f"the identity in {self._directory} is protected by a passphrase and none was given",
                hint="Give it by passphrase file or environment, as `swarm-node start --help` says.",
            )
        return open_sealed_key(document, self._passphrase)

    def _machine_key(self, *, make: bool) -> bytes:
        path = self._directory / _MACHINE_KEY_NAME
        if make and not path.exists():
            write_private(path, random_bytes(SecretBox.KEY_SIZE))
        if not path.exists():
            raise OperatorError(
                f"{path} is missing",
                hint="Restore the key file from where the identity was made: nothing else opens it.",
            )
        secret = read_private(path, SecretBox.KEY_SIZE)
        if len(secret) != SecretBox.KEY_SIZE:
            raise OperatorError(f"{path} is damaged", hint="Restore it from a backup.")
        return secret


def load_passphrase(path: Path) -> bytes:
    """Read a passphrase file: its first line, which nobody but this user may read.

    Raises:
        OperatorError: The file cannot be read, others may read it, or it is empty.
    """
    data = read_private(path, _PASSPHRASE_BYTES_MAX)
    passphrase = data.split(b"\n", 1)[0].rstrip(b"\r")
    if not passphrase:
        raise OperatorError(f"{path} holds no passphrase", hint="Put the passphrase into its first line.")
    return passphrase


def read_private(path: Path, bytes_max: int) -> bytes:
    """Read a small file that belongs to this user alone; the open file is checked, not the name.

    Raises:
        OperatorError: It cannot be read, others may read or change it, or it is longer than `bytes_max`.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}", hint="Check the path and its mode.") from error
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or status.st_uid != os.geteuid():
        raise OperatorError(
            f"{path} is open to others (mode {stat.S_IMODE(status.st_mode):04o}, owner {status.st_uid})",
            hint=f"Run: chmod 600 {path}; and if others could read it for long, `swarm-node identity rotate`.",
        )
    if len(data) > bytes_max:
        raise OperatorError(f"{path} is longer than {bytes_max} bytes", hint="This is not the file you mean.")
    return data


def write_private(path: Path, data: bytes) -> None:
    """Put a file there whole or not at all, mode 0600, on disk when this returns.

    Raises:
        OperatorError: The directory cannot be made or written.
    """
    with _writing(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        put_in_place(fresh, path)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OperatorError(
            f"cannot write {path}: {error.strerror}", hint="Give a directory that this user can write."
        ) from error

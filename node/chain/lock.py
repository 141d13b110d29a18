"""One process per account and chain: two that number the same account's transactions lose some of them."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

from node.chain.account import address_text
from node.chain.votes import Account
from node.errors import OperatorError


class AccountLock:
    """Holds an account for this process. The kernel's lock counts, so it ends with the process however that ends.

    It guards one user on one machine. A process elsewhere is seen by what it sends (`sender.refuse_if_shared`, and
    `Outbox.foreign` later on).
    """

    def __init__(self, account: Account, chain_id: int, folder: Path | None = None) -> None:
        """Name the lock; a folder of this user's own in the system's place for temporary files, unless one is given."""
        self._account = account
        self._folder = folder or Path(tempfile.gettempdir()) / f"swarm-node-{os.geteuid()}"
        self._path = self._folder / f"account-{chain_id}-{account.hex()}.lock"
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            OperatorError: Another process has it, or the folder is not this user's.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise OperatorError(
                f"cannot lock the account in {self._folder}: {error.strerror}",
                hint="Let this user write there, or point TMPDIR elsewhere.",
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace") or "unknown"
            os.close(handle)
            raise OperatorError(
                f"process {holder} already sends from account {address_text(self._account)}",
                hint="One account serves one process: stop the other one, or give this node an account of its own.",
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        self._file = handle

    def release(self) -> None:
        """Give it back. Idempotent."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

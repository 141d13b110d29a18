"""One process per account and chain: two that number the same account's transactions lose some of them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from node.chain.account import address_text
from node.chain.votes import Account
from node.errors import OperatorError
from node.locks import FileLock, HeldError


class AccountLock:
    """Holds an account for this process.

    It guards one user on one machine. A process elsewhere is seen by what it sends (`sender.refuse_if_shared`, and
    `Outbox.foreign` later on).
    """

    def __init__(self, account: Account, chain_id: int, folder: Path | None = None) -> None:
        """Name the lock; a folder of this user's own in the system's place for temporary files, unless one is given."""
        self._account = account
        self._folder = folder or Path(tempfile.gettempdir()) / f"swarm-node-{os.geteuid()}"
        self._lock = FileLock(self._folder / f"account-{chain_id}-{account.hex()}.lock")

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            OperatorError: Another process has it, or the folder is not this user's.
        """
        try:
            self._lock.acquire()
        except HeldError as held:
            raise OperatorError(
                f"{held} already sends from account {address_text(self._account)}",
                hint="One account serves one process: stop the other one, or give this node an account of its own.",
            ) from held
        except OSError as error:
            raise OperatorError(
                f"cannot lock the account in {self._folder}: {error.strerror}",
                hint="Let this user write there, or point TMPDIR elsewhere.",
            ) from error

    def release(self) -> None:
        """Give it back. Idempotent."""
        self._lock.release()

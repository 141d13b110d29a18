"""What can go wrong with confinement itself. Never a verdict on the confined code."""

from __future__ import annotations

from node.errors import TransientError


class SandboxError(TransientError):
    """A command could not be started under confinement, or the launcher died."""

    def __init__(self, message: str) -> None:
        super().__init__(message, waits_for="sandbox")

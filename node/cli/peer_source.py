"""Pulling shards from a node over gRPC, through cut connections, to the end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from consensus.types import Hash, JobId
from node.cli.trust import Trust
from node.errors import OperatorError, TransientError
from node.home import load_genesis, render_genesis
from node.rpc.client import NodeClient
from node.rpc.forms import LIST_MAX
from node.shards import PullProgress, PullReport, ShardListing, ShardPuller, shard_name
from node.shards.files import write_whole
from node.values.views import ShardView

NO_PROGRESS_MAX_S = 60.0
"""A node that has given nothing for this long is given up; the next pull goes on where this one stopped."""

RETRY_S = 2.0

GENESIS = "genesis.json"
"""Lies beside the rows, so that they can be verified where no node is: once it is known to be the right one."""


def name_of(view: ShardView) -> str:
    """A served file's name."""
    return str(shard_name(view.split, view.job, view.height))


class PeerSource:
    """Implements `ShardSource` over a node's gRPC services."""

    def __init__(self, node: NodeClient) -> None:
        self._node = node
        self._views: dict[str, ShardView] = {}

    async def list_shards(self, job: JobId | None) -> Sequence[ShardListing]:
        """See `ShardSource`."""
        views = await self._node.list_shards(job, LIST_MAX)
        if len(views) == LIST_MAX:
            raise OperatorError(
                f"the node lists {LIST_MAX} files and may have more", hint="Pull job by job (--job): see `job list`."
            )
        self._views = {name_of(view): view for view in views}
        return tuple(ShardListing(name, view.file_bytes, view.file_sha256) for name, view in self._views.items())

    async def read_certificate(self, name: str) -> bytes:
        """See `ShardSource`."""
        view = self._views[name]
        return await self._read(view.root, view.certificate_sha256, 0, view.certificate_bytes)

    async def read_range(self, name: str, sha256: bytes, offset: int, length: int) -> bytes:
        """See `ShardSource`."""
        return await self._read(self._views[name].root, sha256, offset, length)

    async def _read(self, root: Hash, sha256: bytes, offset: int, length: int) -> bytes:
        data = b""
        async with contextlib.aclosing(self._node.pull_shard(root, offset, sha256)) as pieces:
            async for piece in pieces:
                data += piece
                if len(data) >= length:
                    break
        return data[:length]


async def pull_to_the_end(
    source: PeerSource,
    trust: Trust,
    folder: Path,
    job: JobId | None,
    on_progress: Callable[[PullProgress], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> PullReport:
    """Pull all shards of a job, or all, into a data set's folder that also gets the genesis they were verified from.

    Raises:
        OperatorError: The folder holds another swarm's shards, or cannot be written.
        TransientError: The node has given nothing for `NO_PROGRESS_MAX_S`.
    """
    await asyncio.to_thread(_refuse_other_swarm, folder, trust)
    last = time.monotonic()

    def note(at: PullProgress) -> None:
        nonlocal last
        last = time.monotonic()
        on_progress(at)

    while True:
        try:
            report = await ShardPuller(source, trust.verifier(), folder, on_progress=note).pull(job)
            if report.pulled or report.present:
                await asyncio.to_thread(write_whole, folder / GENESIS, render_genesis(trust.genesis, trust.preset))
        except TransientError as error:
            if time.monotonic() - last > NO_PROGRESS_MAX_S:
                raise
            say(f"{error}; going on in {RETRY_S:g} s")
            await asyncio.sleep(RETRY_S)
        else:
            return report


def _refuse_other_swarm(folder: Path, trust: Trust) -> None:
    """Keep one folder to one swarm: loaders would mix what no verification could."""
    path = folder / GENESIS
    if not path.is_file():
        return
    there = load_genesis(path)[0]
    if there.network != trust.genesis.network:
        raise OperatorError(
            f"{folder} holds shards of swarm {there.name!r} ({there.network.hex()[:16]})", hint="Give another --out."
        )

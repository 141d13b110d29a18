"""Crates at hand: brought through cargo, or by hash from peers; read once; built where there is a toolchain."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass

from consensus.types import Hash, NodeId
from node.crates.sources import MANIFEST, read_sources
from node.crates.store import CrateSource, CrateStore
from node.errors import NodeError, OperatorError, PeerFaultError, TransientError
from node.network.interface import REQUEST_BYTES_MAX, Network
from node.tasks.interface import Checker
from node.tasks.source import SourceEngine
from node.tasks.view import SourceView
from node.values.crate import CratePin, PreparedCrate

log = logging.getLogger(__name__)

CRATE = "crate/1"
FETCH_TIMEOUT_S = 20.0
OPEN_MAX = 8
"""Crates kept open: views and engines of the ones used last."""


@dataclass(frozen=True, slots=True)
class OpenCrate:
    """A crate ready for work."""

    pin: CratePin
    view: SourceView
    prepared: PreparedCrate | None
    """None where nothing can be built here: then only what needs no execution is done."""
    engine: SourceEngine
    why_not: str
    """Why nothing can be built; empty when it can."""


class Library:
    """One node's crates.

    Args:
        store: Where they are kept.
        network: For peers that hold what cargo cannot bring.
        checker: Executes plans; None on a node without a toolchain.
    """

    def __init__(self, store: CrateStore, network: Network, checker: Checker | None) -> None:
        self._store, self._network, self._checker = store, network, checker
        self._open: OrderedDict[CratePin, asyncio.Task[OpenCrate]] = OrderedDict()

    def attach(self) -> None:
        """Take over the network's protocol. Called once, before the network starts."""
        self._network.serve(CRATE, self._on_crate)

    async def open(self, pin: CratePin) -> OpenCrate:
        """Bring a crate and read it. Asking twice costs nothing; asking at once shares the work.

        Raises:
            OperatorError, TransientError, PeerFaultError: As `CrateStore.open`, after peers were asked too.
        """
        task = self._open.get(pin)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._open[pin] = asyncio.create_task(self._bring(pin))
        self._open.move_to_end(pin)
        while len(self._open) > OPEN_MAX:
            self._open.popitem(last=False)
        # One caller's cancellation must not take the crate from the others.
        return await asyncio.shield(task)

    async def _bring(self, pin: CratePin) -> OpenCrate:
        try:
            source = await asyncio.to_thread(self._store.open, pin)
        except (OperatorError, TransientError) as error:
            source = await self._from_peers(pin, error)
        knowledge = await asyncio.to_thread(self._store.knowledge, source)
        sources = await asyncio.to_thread(read_sources, source.root)
        files = {file.path: file.data for file in sources.files} | {MANIFEST: sources.manifest}
        view = SourceView(knowledge.base, files)
        prepared, why_not = await self._prepare(source)
        engine = SourceEngine(view, prepared, self._checker if prepared else None)
        return OpenCrate(pin, view, prepared, engine, why_not)

    async def _prepare(self, source: CrateSource) -> tuple[PreparedCrate | None, str]:
        if self._checker is None:
            return None, "this node has no toolchain"
        try:
            return await asyncio.to_thread(self._store.prepare, source), ""
        except NodeError as error:
            log.warning("%s cannot be built here: %s", source.pin.label, error)
            return None, str(error)

    # Peers

    async def _from_peers(self, pin: CratePin, failure: NodeError) -> CrateSource:
        for peer in self._network.peers():
            if not peer.connected:
                continue
            try:
                data = await self._fetch(peer.node, pin)
                return await asyncio.to_thread(self._store.put_packed, pin, data)
            except NodeError as error:
                log.info("crate %s from %s: %s", pin.label, peer.node.hex()[:8], error)
        raise failure

    async def _fetch(self, peer: NodeId, pin: CratePin) -> bytes:
        """A packed crate in parts, bounded; `CrateStore.put_packed` tells whether it is the pin's."""
        digest = pin.checksum if any(pin.checksum) else pin.source_digest
        data = b""
        while len(data) <= self._store.packed_bytes_max:
            question = digest + len(data).to_bytes(8, "big")
            part = await self._network.request(peer, CRATE, question, timeout_s=FETCH_TIMEOUT_S)
            data += part
            if len(part) < REQUEST_BYTES_MAX:
                break
        if not data:
            raise TransientError(f"{peer.hex()[:8]} does not hold it", waits_for="a peer that holds the crate")
        return data

    async def _on_crate(self, _peer: NodeId, data: bytes) -> bytes:
        if len(data) != 40:
            raise PeerFaultError("malformed-frame", "a question for a crate has 40 bytes")
        return await asyncio.to_thread(self._read, Hash(data[:32]), int.from_bytes(data[32:], "big"))

    def _read(self, digest: Hash, start: int) -> bytes:
        path = self._store.find_packed(digest)
        if path is None or start > self._store.packed_bytes_max:
            return b""
        with path.open("rb") as file:
            file.seek(start)
            return file.read(REQUEST_BYTES_MAX)

"""Places to run sandboxed commands: as many at once as the engine may use cores, whatever they are for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterable
from pathlib import Path
from typing import Any, Self, TypeVar

from node.checks.sandbox.launcher import Confinement, LauncherSession, Meter, open_session

Result = TypeVar("Result")


class Workers:
    """Sessions over the same files, one per core in use. Opened when first needed, closed together.

    All `Workers` of an engine share its queue of free cores, so that several crates at once use no more of them.
    """

    def __init__(
        self,
        confinement: Confinement,
        cores: asyncio.Queue[int],
        root: Path,
        *,
        readable: tuple[Path, ...],
        writable: tuple[Path, ...],
        meter: Meter | None = None,
    ) -> None:
        self._meter = meter
        self._confinement = confinement
        self._cores = cores
        self._root = root
        self._readable = readable
        self._writable = writable
        self._sessions: dict[int, LauncherSession] = {}
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[LauncherSession]:
        """A session of a free core, for one or more commands in a row; waits for one."""
        core = await self._cores.get()
        try:
            session = self._sessions.get(core)
            if session is None:
                opening = open_session(
                    self._confinement,
                    slot=core,
                    root=self._root,
                    readable=self._readable,
                    writable=self._writable,
                    meter=self._meter,
                )
                session = self._sessions[core] = await self._stack.enter_async_context(opening)
            yield session
        finally:
            self._cores.put_nowait(core)


async def together(awaitables: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Results in order. When one fails the others are cancelled, their processes killed, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(item) for item in awaitables]
    except BaseExceptionGroup as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
    return [task.result() for task in tasks]


def core_queue(count: int) -> asyncio.Queue[int]:
    """A queue of `count` free cores; the one that was used last comes first, because its session is open already."""
    queue: asyncio.Queue[int] = asyncio.LifoQueue()
    for core in range(count):
        queue.put_nowait(core)
    return queue

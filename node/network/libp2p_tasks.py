"""Runs the library's background work inside one nursery, so that a task that fails takes only itself along.

The library's own manager ends the whole service when one task raises, and a peer can make tasks raise. It also looks
through all running tasks for each new one.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from libp2p.tools.anyio_service.api import InternalManagerAPI, ManagerAPI, Service, ServiceAPI
from libp2p.tools.anyio_service.stats import Stats, TaskStats

logger = logging.getLogger(__name__)


class TaskRunner(InternalManagerAPI):
    """What the library calls the manager of one of its services."""

    def __init__(self, nursery: trio.Nursery, drop: Callable[[str], None]) -> None:
        self._nursery = nursery
        self._drop = drop
        self._finished = trio.Event()

    def manage(self, service: Service) -> None:
        """Take over a service and run it."""
        service._manager = self  # noqa: SLF001 - the library's way to hand a service its manager
        self.run_daemon_task(service.run)

    def run_task(
        self, async_fn: Callable[..., Awaitable[Any]], *args: Any, daemon: bool = False, name: str | None = None
    ) -> None:
        """Run something once; when it raises, that is counted and it is over."""
        del daemon, name
        self._nursery.start_soon(self._run_guarded, async_fn, args)

    def run_daemon_task(self, async_fn: Callable[..., Awaitable[Any]], *args: Any, name: str | None = None) -> None:
        """Run something the service cannot live without; when it raises, the thread ends and is restarted."""
        del name
        self._nursery.start_soon(async_fn, *args)

    async def _run_guarded(self, async_fn: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> None:
        try:
            await async_fn(*args)
        except Exception:  # one of many short tasks that the library gives no other guard; the count shows in status
            self._drop("library-task")
            logger.debug("a task of the library failed", exc_info=True)

    @property
    def is_started(self) -> bool:
        """From the beginning."""
        return True

    @property
    def is_running(self) -> bool:
        """Until stopped."""
        return not self._finished.is_set()

    @property
    def is_cancelled(self) -> bool:
        """Once stopped."""
        return self._finished.is_set()

    @property
    def is_finished(self) -> bool:
        """Once stopped."""
        return self._finished.is_set()

    @property
    def did_error(self) -> bool:
        """Never: errors end tasks, not services."""
        return False

    @property
    def stats(self) -> Stats:
        """Nothing is counted here."""
        return Stats(tasks=TaskStats(total_count=0, finished_count=0))

    async def wait_started(self) -> None:
        """At once."""
        await trio.lowlevel.checkpoint()

    async def wait_finished(self) -> None:
        """Until stopped."""
        await self._finished.wait()

    def cancel(self) -> None:
        """Let the service wind up."""
        self._finished.set()

    async def stop(self) -> None:
        """Let the service wind up."""
        self.cancel()
        await trio.lowlevel.checkpoint()

    def run_child_service(self, service: ServiceAPI, daemon: bool = False, name: str | None = None) -> ManagerAPI:
        """Refused: none of the services in use has children."""
        raise NotImplementedError(f"{service} wants a child service; {daemon=} {name=}")

    def run_daemon_child_service(self, service: ServiceAPI, name: str | None = None) -> ManagerAPI:
        """Refused likewise."""
        raise NotImplementedError(f"{service} wants a child service; {name=}")

"""Two event loops, one in a thread of its own, and a bounded way between them.

The asyncio side owns the thread and outlives it: a life that ends or hangs is followed by another. Everything that
crosses is a callable in a bounded mailbox; a full one drops and counts, so that neither side can drown the other.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable

import trio

logger = logging.getLogger(__name__)

BATCH = 64
"""Calls made in a row before others on the loop get their turn."""


class Mailbox:
    """Calls to be made in another thread's event loop, in order, at most `calls_max` waiting."""

    def __init__(self, schedule: Callable[[Callable[[], None]], object], calls_max: int) -> None:
        """`schedule` runs a callable soon in the receiving loop; it may raise RuntimeError when that loop is gone."""
        self._schedule = schedule
        self._calls_max = calls_max
        self._calls: deque[Callable[[], None]] = deque()
        self._scheduled = False
        self._lock = threading.Lock()

    def post(self, call: Callable[[], None]) -> bool:
        """Hand over a call from any thread; False if there is no room or nobody to receive it."""
        with self._lock:
            if len(self._calls) >= self._calls_max:
                return False
            self._calls.append(call)
            if self._scheduled:
                return True
            self._scheduled = True
        return self._schedule_drain()

    def _schedule_drain(self) -> bool:
        try:
            self._schedule(self._drain)
        except RuntimeError:
            return False  # the loop has ended; whoever waits for an answer is told by the supervisor
        return True

    def _drain(self) -> None:
        for _ in range(BATCH):
            with self._lock:
                if not self._calls:
                    self._scheduled = False
                    return
                call = self._calls.popleft()
            try:
                call()
            except Exception:
                logger.exception("a call across the bridge raised")
        self._schedule_drain()


class Life:
    """One run of the trio thread, from `start` to `ended`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, calls_max: int) -> None:
        self.started = asyncio.Event()
        self.ended = asyncio.Event()
        self.error: BaseException | None = None
        self._loop = loop
        self._calls_max = calls_max
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope: trio.CancelScope | None = None
        self._inbox: Mailbox | None = None
        self._beats = 0
        self._thread: threading.Thread | None = None

    def start(self, main: Callable[[Callable[[], None]], Awaitable[None]], name: str) -> None:
        """Run `main` in a new thread; it is handed a function to call once it serves."""
        # A daemon: a life that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, args=(main,), name=name, daemon=True)
        self._thread.start()

    def _run(self, main: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        try:
            trio.run(self._main, main)
        except BaseException as error:  # noqa: BLE001 - whatever ends a life, the supervisor must hear of it
            self.error = error
        self._tell(self.ended.set)

    async def _main(self, main: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        token = self._token = trio.lowlevel.current_trio_token()
        self._inbox = Mailbox(token.run_sync_soon, self._calls_max)
        with trio.CancelScope() as scope:
            self._scope = scope
            await main(lambda: self._tell(self.started.set))

    def _tell(self, call: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            logger.debug("the asyncio loop is gone")

    def post(self, call: Callable[[], None]) -> bool:
        """Make a call in the trio thread; False if it cannot be."""
        return self._inbox is not None and not self.ended.is_set() and self._inbox.post(call)

    def end(self) -> None:
        """Ask the life to end; a life that hangs ends as soon as it wakes."""
        token, scope = self._token, self._scope
        if token is not None and scope is not None:
            try:
                token.run_sync_soon(scope.cancel)
            except trio.RunFinishedError:
                logger.debug("the life has ended already")

    def ask_beat(self) -> None:
        """Ask for a sign of life; `beats` counts those that came."""
        self.post(lambda: self._tell(self._beat))

    def _beat(self) -> None:
        self._beats += 1

    @property
    def beats(self) -> int:
        """Signs of life so far."""
        return self._beats

    async def begun(self, within_s: float) -> None:
        """Wait until it serves, is over already, or takes too long."""
        events = [asyncio.ensure_future(event.wait()) for event in (self.started, self.ended)]
        await asyncio.wait(events, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        for event in events:
            event.cancel()

    async def join(self, within_s: float) -> bool:
        """Wait for the thread to be gone; False if it is not in time."""
        thread = self._thread
        if thread is None:
            return True
        await asyncio.to_thread(thread.join, within_s)
        return not thread.is_alive()


async def call_other_loop(
    post_there: Callable[[Callable[[], None]], bool],
    loop: asyncio.AbstractEventLoop,
    work: Callable[[], Awaitable[bytes]],
) -> bytes:
    """In trio: have asyncio do `work` and wait for its outcome. A cancelled wait cancels the work.

    Raises:
        trio.WouldBlock: There is no room in the mailbox.
        Exception: What `work` raised.
    """
    done = trio.Event()
    token = trio.lowlevel.current_trio_token()
    tasks: list[asyncio.Task[bytes]] = []

    async def run() -> bytes:
        return await work()

    def begin() -> None:
        task = loop.create_task(run())
        tasks.append(task)
        task.add_done_callback(finish)

    def finish(_: asyncio.Task[bytes]) -> None:
        try:
            token.run_sync_soon(done.set)
        except trio.RunFinishedError:
            logger.debug("nobody waits any more")

    if not post_there(begin):
        raise trio.WouldBlock
    try:
        await done.wait()
    except trio.Cancelled:
        loop.call_soon_threadsafe(lambda: [task.cancel() for task in tasks])
        raise
    return tasks[0].result()

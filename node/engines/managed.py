"""A vLLM server that the node starts, watches and starts again; the node reaches it as any other server.

Its death does not take the node down, its weights may live in an environment of their own, and it never outlives the
node (`leash.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from node.config import EngineSection
from node.engines.faults import AttemptError, clean
from node.engines.http_client import HttpClient
from node.engines.interface import Health, TextModel
from node.engines.server import open_http
from node.engines.settings import Secret, engine_flags, refuse_dummy
from node.engines.supervision import Order, Phase, Supervision
from node.engines.surroundings import Surroundings
from node.errors import ExitCode, OperatorError

log = logging.getLogger(__name__)

TICK_S = 0.25
PING_EVERY_S = 5.0
PING_STARTING_EVERY_S = 0.5
PING_S = 5.0
CONTACT_S = 30.0
LINES_KEPT = 60
LINE_BYTES_MAX = 64 * 1024
LEASH = Path(__file__).with_name("leash.py")


class ManagedServer:
    """One server process after the other.

    Args:
        command: The server, listening at `url`.
        url: Ends in `/v1`; `/health` stands beside it.
        key: What the server demands.
        start_s: How long a start may take.
        environment: The server's.
    """

    def __init__(
        self, command: Sequence[str], url: str, key: Secret, *, start_s: float, environment: Mapping[str, str]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._command, self._environment = tuple(command), dict(environment)
        self.url, self.key = url, key
        self._client = HttpClient(url.removesuffix("/v1"), key)
        self._supervision = Supervision(start_s, self._loop.time())
        self._process: asyncio.subprocess.Process | None = None
        self._group = 0
        self._reading: asyncio.Task[None] | None = None
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._changed = asyncio.Event()
        self._pinged_s = float("-inf")
        self._task = self._loop.create_task(self._run(), name="engine supervision")

    @property
    def pid(self) -> int:
        """Of the server, while one runs; 0 before."""
        return self._group

    @property
    def restarts(self) -> int:
        """Starts after the first."""
        return max(0, self._supervision.restarts)

    def health(self) -> Health:
        """For `status`."""
        return self._supervision.health(self._loop.time())

    async def first_up(self) -> None:
        """Wait until it is up for the first time.

        Raises:
            OperatorError: It ended, or took too long; with its last words.
        """
        while self._supervision.phase is not Phase.UP:
            if self._task.done():
                self._task.result()
            if self._supervision.restarts >= 0 and self._supervision.phase is Phase.PAUSING:
                raise OperatorError(
                    f"the model server does not come up: {self.health().text}\n" + "\n".join(self._last_words()),
                    hint=f"Its last words stand above. By hand: {' '.join(self._command)}",
                    exit_code=ExitCode.UNAVAILABLE,
                )
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._changed.wait()

    async def close(self) -> None:
        """End the server and everything it started. Idempotent."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._process is not None:
            await self._end_process(self._process)
        await self._client.close()

    # The driver

    async def _run(self) -> None:
        while True:
            await self._step()
            self._changed.set()
            await asyncio.sleep(TICK_S)

    async def _step(self) -> None:
        now = self._loop.time()
        if self._process is not None and self._process.returncode is not None:
            await self._bury(f"it ended with exit code {self._process.returncode}")
        order = self._supervision.tick(now)
        if order is Order.START:
            await self._start()
        elif order is Order.KILL:
            await self._kill()
        elif self._process is not None and now - self._pinged_s >= self._ping_every_s():
            self._pinged_s = now
            await self._ping()

    def _ping_every_s(self) -> float:
        return PING_EVERY_S if self._supervision.phase is Phase.UP else PING_STARTING_EVERY_S

    async def _start(self) -> None:
        log.info("starting the model server: %s", " ".join(self._command))
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                str(LEASH),
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environment,
                limit=LINE_BYTES_MAX,
            )
        except OSError as error:
            self._supervision.exited(self._loop.time(), f"it cannot be started: {error}")
            return
        self._lines.clear()
        self._reading = self._loop.create_task(self._read(self._process), name="engine output")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Keep the last lines: a full pipe would stop the server."""
        assert process.stdout is not None
        rest = b""
        while piece := await process.stdout.read(LINE_BYTES_MAX):
            *lines, rest = (rest + piece).split(b"\n")
            rest = rest[-LINE_BYTES_MAX:]
            for line in lines:
                self._note(clean(self.key.redact(line.decode(errors="replace"))))

    def _note(self, line: str) -> None:
        if not self._lines and line.startswith("pid "):
            self._group = int(line[4:])
        self._lines.append(line)
        log.debug("engine: %s", line)

    def _last_words(self) -> list[str]:
        return [line for line in self._lines if line and not line.startswith("pid ")][-12:]

    async def _ping(self) -> None:
        try:
            async with asyncio.timeout(PING_S):
                await self._client.get("/health")
        except TimeoutError:
            await self._obey(self._supervision.missed(f"nothing within {PING_S:.0f} s"))
        except AttemptError as error:
            says_dead = error.circumstances.status == 503  # vLLM's word for a dead engine; nothing can revive it
            await self._obey(
                self._supervision.dead("its engine died") if says_dead else self._supervision.missed(str(error))
            )
        else:
            self._supervision.answered(self._loop.time())

    async def _obey(self, order: Order | None) -> None:
        if order is Order.KILL:
            await self._kill()

    async def _kill(self) -> None:
        if self._process is not None:
            await self._end_process(self._process)
            await self._bury("it was ended")

    async def _bury(self, how: str) -> None:
        """Take note of a server that is gone, and take its orphans along."""
        self._end_group()
        if self._reading is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._reading
        words = self._last_words()
        log.warning("the model server is gone: %s; last: %s", how, words[-1] if words else "(nothing)")
        self._process = None
        self._supervision.exited(self._loop.time(), how)

    async def _end_process(self, process: asyncio.subprocess.Process) -> None:
        """Let the leash end it: it closes when its standard input does."""
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(15.0):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        self._end_group()

    def _end_group(self) -> None:
        if self._group:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)
            self._group = 0


async def open_managed(
    section: EngineSection, around: Surroundings, *, command: Sequence[str] | None = None
) -> TextModel:
    """Start a server, wait until it is up, and open it.

    Args:
        section: What to serve.
        around: The world.
        command: A stand-in for the server, for tests; `{port}` in it is replaced.

    Raises:
        OperatorError: It does not come up, or cannot do what a node needs.
    """
    if not around.random_weights_allowed:
        refuse_dummy(section.args)
    port, key = _free_port(), Secret(secrets.token_hex(16))
    words = [word.replace("{port}", str(port)) for word in command] if command else build_command(section, port)
    environment = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", **around.environment, "VLLM_API_KEY": key.reveal()}
    server = ManagedServer(
        words, f"http://127.0.0.1:{port}/v1", key, start_s=float(section.start_s), environment=environment
    )
    try:
        await server.first_up()
        return await open_http(
            section, server.url, key, around, contact_s=CONTACT_S, condition=server.health, on_close=server.close
        )
    except BaseException:
        await server.close()
        raise


def build_command(section: EngineSection, port: int) -> list[str]:
    """The server's command line. As a module: the `vllm` command is missing from builds for CPUs."""
    server = [section.python or sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    return [*server, "--host", "127.0.0.1", "--port", str(port), *engine_flags(section), *section.args]


def _free_port() -> int:
    """A port nobody listens at just now; kept for all restarts, so that the address stays."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""One libp2p node in a process of its own, told what to do by lines of JSON. And the test's end of that pipe.

`serve` is the node; `NodeProcess` starts one, forked from a process that has imported all it needs, and talks to it.
"""

from __future__ import annotations

import asyncio
import atexit
import base64
import contextlib
import faulthandler
import functools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from node.errors import NodeError
from tests.support.stems import Stem

QUICK = {"ping_s": 2.5, "explore_s": 2.0, "exchange_s": 2.0, "backoff_max_s": 2.0, "handshake_s": 3.0}
"""Limits for tests: the same rules at a quicker pace, which a busy machine keeps up with."""


@functools.cache
def _stem():
    """What nodes of this process's tests are forked from."""
    stem = Stem(__name__, "node.network.libp2p_core", "node.network.libp2p_network")
    atexit.register(stem.close)
    return stem


class NodeProcess:
    """A node behind a pipe. Every wait is limited; a node that died fails the test with its last words."""

    def __init__(self, number, *, bootstrap=(), port=0, network_id="test", cache=None, limits=None):
        self.seed = bytes([number]) * 32
        config = {
            "seed": self.seed.hex(),
            "bootstrap": list(bootstrap),
            "port": port,
            "network_id": network_id,
            "cache": str(cache) if cache else None,
            "limits": QUICK | (limits or {}),
        }
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - a pipe that nobody reads would stop the node
        self.process = _stem().fork(f"{__name__}:serve", config, stderr=self._errors.fileno())
        self.port = None
        self.node = None

    def ready(self):
        """Wait until it listens."""
        hello = self._read(180)
        self.port, self.node = hello["port"], bytes.fromhex(hello["node"])
        return self

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def tell(self, command, within_s=120, **arguments):
        """Have it do something and return what came of it."""
        self.process.stdin.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        self.process.stdin.flush()
        return self._read(within_s)["result"]

    def _read(self, within_s):
        if not select.select([self.process.stdout], [], [], within_s)[0]:
            raise AssertionError(f"the node process said nothing for {within_s} s: {self.last_words()}")
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the node process ended: {self.last_words()}")
        return json.loads(line)

    def last_words(self):
        if self.process.poll() is None:
            return "it still runs"
        self._errors.seek(0)
        return f"exit {self.process.returncode}, {self._errors.read()[-3000:]}"

    def alive(self):
        return self.process.poll() is None

    def links(self):
        return {bytes.fromhex(node) for node in self.tell("links")}

    def heard(self):
        return [base64.b64decode(data) for data in self.tell("heard")]

    def rss_mb(self):
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait(60)

    def stop(self):
        """End it in order, or not."""
        if self.alive():
            self.signal(signal.SIGCONT)
            self.process.stdin.close()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        for pipe in (self.process.stdin, self.process.stdout, self._errors):
            pipe.close()


def eventually(holds, within_s=120.0, what="it"):
    """Wait until a condition holds, looking ten times a second."""
    end = time.monotonic() + within_s
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not hold within {within_s} s"
        time.sleep(0.1)


class _Node:
    """The process's side."""

    def __init__(self, config, cache):
        from node.network.libp2p_network import Libp2pConfig, Libp2pNetwork
        from node.network.limits import NetworkLimits

        settings = Libp2pConfig(
            seed=bytes.fromhex(config["seed"]),
            network_id=config["network_id"],
            preset_hash=bytes(32),
            listen_port=config["port"],
            bootstrap=tuple(config["bootstrap"]),
            limits=NetworkLimits(**config["limits"]),
        )
        self.network, self.cache = Libp2pNetwork(settings, cache=cache), cache
        self.news = []
        self.network.subscribe("news", lambda _forwarder, data: self.news.append(data))
        self.network.serve("echo/1", self._echo)
        self.network.serve("fail/1", self._fail)
        self.network.serve("slow/1", self._slow)

    async def _echo(self, _asker, data):
        return data

    async def _fail(self, _asker, _data):
        raise KeyError("a bug in a handler")

    async def _slow(self, _asker, data):
        await asyncio.sleep(float(data))
        return b"done"

    async def do(self, order):
        arguments = {key: value for key, value in order.items() if key != "command"}
        return await getattr(self, f"do_{order['command']}")(**arguments)

    async def do_publish(self, data):
        await self.network.publish("news", base64.b64decode(data))

    async def do_heard(self):
        return [base64.b64encode(data).decode() for data in self.news]

    async def do_links(self):
        return [peer.node.hex() for peer in self.network.peers() if peer.connected]

    async def do_known(self):
        return [peer.node.hex() for peer in self.network.peers()]

    async def do_kept(self):
        """Whom the peer cache knows."""
        return [peer.node.hex() for peer in await asyncio.to_thread(self.cache.load)]

    async def do_health(self):
        health = self.network.health()
        return {"running": health.running, "summary": health.summary, "restarts": health.restarts} | {
            "drops": dict(health.drops)
        }

    async def do_add_address(self, node, address):
        self.network.add_address(bytes.fromhex(node), address, source="exchange")

    async def do_request(self, node, size=0, protocol="echo/1", data="", timeout_s=10.0):
        """Ask; the answer's length and whether it is what was sent, or the error's name."""
        sent = bytes(number % 251 for number in range(size)) or data.encode()
        try:
            answer = await self.network.request(bytes.fromhex(node), protocol, sent, timeout_s=timeout_s)
        except (NodeError, ValueError) as error:
            return {"error": type(error).__name__, "text": str(error), "reason": getattr(error, "reason", "")}
        return {"length": len(answer), "same": answer == sent}

    async def do_crash_thread(self):
        """Let the trio thread die of a bug of ours in its middle."""

        def bug():
            raise SystemError("injected")

        self.network._life._token.run_sync_soon(bug)

    async def do_hang_thread(self, seconds):
        """Let the trio thread block."""
        self.network._life._token.run_sync_soon(time.sleep, seconds)

    async def do_count(self, seconds):
        """How often the asyncio side comes round in this time: whether it still serves."""
        end, count = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            await asyncio.sleep(0.01)
            count += 1
        return count


def serve(config):
    """Be the node, until standard input ends."""
    faulthandler.register(signal.SIGUSR1)  # `kill -USR1` shows where a node that says nothing stands
    asyncio.run(_serve(config))


async def _serve(config):
    async with _peer_cache(config["cache"]) as cache:
        node = _Node(config, cache)
        await node.network.start()
        print(json.dumps({"port": node.network.port, "node": node.network.node.hex()}), flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            result = await node.do(json.loads(line))
            print(json.dumps({"result": result}), flush=True)
        await node.network.stop()


@contextlib.asynccontextmanager
async def _peer_cache(folder):
    """What a node with a store remembers of its peers; None without a folder."""
    if folder is None:
        yield None
        return
    from node.store import open_store

    async with await open_store(Path(folder)) as store:
        yield store.peers

"""What `doctor` looks at, each as a finding in a line. Nothing here changes anything but caches."""

from __future__ import annotations

import asyncio
import ctypes
import shutil
import socket
import tempfile
import time
from pathlib import Path

from node.checks import CheckSettings, Level, examine
from node.config import NodeConfig, load_config
from node.crates.limits import CrateLimits
from node.crates.store import CrateStore
from node.errors import NodeError, OperatorError
from node.findings import Finding, Grade
from node.home import NodeHome, load_genesis
from node.identity import DataDirLock, IdentityStore, NodeKey, peer_id

DISK_WANTED_BYTES = 4 << 30
"""Build folders of a few crates, and some room for everybody else on the disk."""
DISK_NEEDED_BYTES = 1 << 30
CLOCK_MIN_UNIX_S = 1_767_225_600
"""2026-01-01: this software is younger, so a clock before it is wrong."""
REGISTRY_S = 30.0
SMALL_CRATE = "cfg-if"
"""Any crate of every registry and mirror; without a version, so that cargo has to ask for the newest."""
_TIME_ERROR = 5
"""What adjtimex(2) returns where nothing keeps the clock right."""


async def examine_all(home: NodeHome, passphrase: bytes | None, *, offline: bool) -> tuple[Finding, ...]:
    """Look at everything. What is found wrong never raises."""
    config, findings = _settings(home)
    findings += _identity(home, passphrase)
    running = _is_running(home)
    findings += await _checks(home, config)
    findings += [_port("gossip", config.network.host, config.network.port, running=running)]
    findings += [_port("gRPC", config.rpc.host, config.rpc.port, running=running)]
    findings += [_disk(home), _clock(time.time())]
    if not offline:
        findings.append(await asyncio.to_thread(_registry))
    return tuple(findings)


def _settings(home: NodeHome) -> tuple[NodeConfig, list[Finding]]:
    """The settings in force, and what is to be said about the data folder."""
    if not home.config.is_file():
        hint = f"swarm-node init --data {home.root}"
        return NodeConfig(), [Finding("folder", Grade.NOTE, f"{home.root} holds no node yet", hint)]
    try:
        config = load_config(home.config)
        genesis, preset = load_genesis(home.genesis)
    except OperatorError as error:
        return NodeConfig(), [Finding("folder", Grade.WRONG, str(error), error.hint)]
    told = f"{home.root}, swarm {genesis.name} ({preset.name}, {len(genesis.founders)} founders)"
    return config, [Finding("folder", Grade.GOOD, told)]


def _identity(home: NodeHome, passphrase: bytes | None) -> list[Finding]:
    store = IdentityStore(home.root, passphrase=passphrase)
    if not store.exists:
        return []  # there is no node yet; the folder's finding says so
    try:
        key: NodeKey = store.load()
    except OperatorError as error:
        return [Finding("identity", Grade.WRONG, str(error), error.hint)]
    return [Finding("identity", Grade.GOOD, f"{peer_id(key.node)}, protected by {store.protection.value}")]


def _is_running(home: NodeHome) -> bool:
    if not home.root.is_dir():
        return False
    try:
        with DataDirLock(home.root):
            return False
    except OperatorError:
        return True


async def _checks(home: NodeHome, config: NodeConfig) -> list[Finding]:
    """Toolchain and sandbox, as a start of the node would find them."""
    level = None if config.work.sandbox == "auto" else Level(config.work.sandbox)
    with tempfile.TemporaryDirectory(prefix="swarm-doctor-") as name:
        bench = home.bench_of(config)
        folder = bench if bench.is_dir() else Path(name)
        examination = await examine(CheckSettings(folder=folder, cores=config.work.cores, level=level))
    needed = {"rustc", "cargo", "sandbox"}
    found = []
    for item in examination.findings:
        bad = Grade.WRONG if item.subject in needed else Grade.NOTE
        found.append(Finding(item.subject, Grade.GOOD if item.good else bad, item.text, item.hint))
    return found + [Finding("sandbox", Grade.NOTE, text) for text in examination.weaker]


def _port(name: str, host: str, port: int, *, running: bool) -> Finding:
    where = f"{name} {host}:{port}"
    try:
        family, kind, proto, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        if running:
            return Finding("port", Grade.GOOD, f"{where} is in use: this node is running")
        hint = "Stop what listens there, or change the port in config.toml (`swarm-node init --port, --rpc-port`)."
        return Finding("port", Grade.WRONG, f"{where} cannot be listened on: {error.strerror or error}", hint)
    if running:
        return Finding("port", Grade.NOTE, f"{where} is free although this node is running: it may be starting")
    return Finding("port", Grade.GOOD, f"{where} is free")


def _disk(home: NodeHome) -> Finding:
    there = next(path for path in (home.root, *home.root.parents) if path.is_dir())
    free = shutil.disk_usage(there).free
    text = f"{free / (1 << 30):.1f} GiB free at {there}"
    if free < DISK_NEEDED_BYTES:
        return Finding("disk", Grade.WRONG, text, "Builds need room: free 4 GiB, or give another --data.")
    return Finding("disk", Grade.GOOD if free >= DISK_WANTED_BYTES else Grade.NOTE, text)


def _clock(now_unix_s: float) -> Finding:
    told = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_unix_s))
    if now_unix_s < CLOCK_MIN_UNIX_S:
        hint = "Set it: deadlines and certificates of connections go by it."
        return Finding("clock", Grade.WRONG, f"it says {told}, which is past", hint)
    if not _clock_is_kept():
        return Finding("clock", Grade.NOTE, f"{told}; nothing here says that it is kept right (NTP)")
    return Finding("clock", Grade.GOOD, f"{told}, kept right by NTP")


def _clock_is_kept() -> bool:
    """Whether the kernel was told by some time service that its clock is right."""
    state = ctypes.create_string_buffer(256)  # struct timex, all zero: asks and sets nothing
    try:
        answer: int = ctypes.CDLL(None).adjtimex(state)
    except (OSError, AttributeError):
        return False
    return 0 <= answer < _TIME_ERROR


def _registry() -> Finding:
    with tempfile.TemporaryDirectory(prefix="swarm-doctor-") as name:
        try:
            store = CrateStore(Path(name), limits=CrateLimits(cargo_timeout_s=REGISTRY_S))
            pin = store.acquire(SMALL_CRATE).pin
        except NodeError as error:
            hint = "Check network, proxy and cargo's configuration. Without it a node gets crates from its peers only."
            return Finding("registry", Grade.NOTE, str(error), hint)
    return Finding("registry", Grade.GOOD, f"cargo brought {pin.label}")

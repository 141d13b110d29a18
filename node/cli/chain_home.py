"""What the chain commands share: a node's ledger and anchoring beside or instead of the running node."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import click

from node.cli.output import say
from node.errors import NodeError, OperatorError, TransientError

if TYPE_CHECKING:
    from node.anchoring.service import Anchoring
    from node.anchoring.setup import Swarm
    from node.config import ChainSection
    from node.home import NodeHome

wait_option = click.option(
    "--wait", default=600.0, show_default=True, type=click.FloatRange(1, 86_400), help="Seconds to wait for blocks."
)


def no_account() -> NodeError:
    """What whoever needs an account is told where there is none."""
    return OperatorError("this node has no account", hint="Make one with `swarm-node chain account`, and fund it.")


@contextlib.asynccontextmanager
async def reading(home: NodeHome) -> AsyncIterator[tuple[Swarm, ChainSection]]:
    """A node's ledger beside a running node."""
    from node.anchoring.setup import Swarm
    from node.config import load_config
    from node.home import load_genesis
    from node.store import open_store

    config = load_config(home.config)
    genesis, preset = load_genesis(home.genesis)
    # A node that never ran has no store yet; an empty one says the same, and it is made at the first start anyway.
    exists = bool(config.store.url) or any(home.store.glob("*.sqlite"))
    async with await open_store(home.store, url=config.store.url or None, read_only=exists) as store:
        yield Swarm(genesis, preset, store), config.chain


@contextlib.asynccontextmanager
async def writing(home: NodeHome, passphrase: bytes | None) -> AsyncIterator[Anchoring]:
    """A stopped node's anchoring, without its network."""
    from node.anchoring.setup import EMBEDDED, Swarm, open_anchoring
    from node.config import load_config
    from node.home import load_genesis
    from node.identity import DataDirLock, IdentityStore
    from node.store import open_store

    config = load_config(home.config)
    if config.chain.endpoint in {"", EMBEDDED}:
        raise OperatorError("this node has no chain of its own to write to", hint="Set chain.endpoint in config.toml.")
    genesis, preset = load_genesis(home.genesis)
    with DataDirLock(home.root):
        key = IdentityStore(home.root, passphrase=passphrase).load()
        async with (
            await open_store(home.store, url=config.store.url or None) as store,
            open_anchoring(
                home=home, config=config.chain, key=key, swarm=Swarm(genesis, preset, store), network=None
            ) as anchoring,
        ):
            yield anchoring


async def until_done(anchoring: Anchoring, name: str, wait_s: float) -> None:
    """Drive one entry to its end.

    Raises:
        OperatorError: The contract refused it.
        TransientError: Not done in time; it stays in the outbox and goes on with the next start.
    """
    from node.values.outbox import EntryState

    sender, until, told = anchoring.sender, time.monotonic() + wait_s, ""
    assert sender is not None, "checked by the caller"
    while True:
        await sender.tick()
        entry = sender.outbox.get(name)
        assert entry is not None, "wanted before"
        if entry.state is EntryState.DONE:
            return
        if entry.state is EntryState.FAILED:
            raise OperatorError(f"{name}: {entry.reason}", hint="See `swarm-node chain status`.")
        if entry.reason != told:
            told = entry.reason
            say(f"{name}: {entry.state.value}: {told}")
        if time.monotonic() > until:
            raise TransientError(f"{name} is {entry.state.value}: {entry.reason}", waits_for="the chain")
        await asyncio.sleep(1)

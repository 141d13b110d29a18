"""A node to attack, an honest node linked to it, and what must still hold after each attack."""

from __future__ import annotations

import base64
import contextlib

import trio

from tests.support.network_process import NodeProcess, eventually

GROWTH_MB_MAX = 60
"""Of the victim's memory over one attack. Its bounds allow some tens of megabytes; a leak would have none."""

RSS_MB_MAX = 200
"""Of the victim after all attacks: what an idle node may have."""

TIGHT = {
    "frame_s": 2.0,
    "origin_rate": 5.0,
    "origin_burst": 100.0,
    "forwarder_rate": 50.0,
    "forwarder_burst": 500.0,
    "ping_s": 5.0,
}
"""Limits low enough to be reached in a test, by a flood that comes slowly, too; only silence is borne as usual, because
the attackers' links must not end for another reason than the attack."""


@contextlib.contextmanager
def attacked_pair():
    """The victim and its honest peer, each a process."""
    with contextlib.ExitStack() as stack:
        victim = NodeProcess(1, limits=TIGHT)
        stack.callback(victim.stop)
        victim.ready()
        honest = NodeProcess(2, bootstrap=[victim.address])
        stack.callback(honest.stop)
        honest.ready()
        eventually(lambda: honest.node in victim.links(), what="the honest link")
        yield victim, honest
        assert victim.rss_mb() < RSS_MB_MAX


@contextlib.contextmanager
def unharmed(victim, honest):
    """After the attack the victim lives, has kept its size and thread, and serves its honest peer both ways."""
    before_mb = victim.rss_mb()
    yield victim
    assert victim.alive(), victim.last_words()
    assert victim.rss_mb() - before_mb < GROWTH_MB_MAX
    assert victim.tell("health")["restarts"] == 0
    for speaker, listener, word in ((honest, victim, b"still there?"), (victim, honest, b"still here")):
        marked = word + str(len(listener.heard())).encode()

        def heard(speaker=speaker, listener=listener, marked=marked):
            speaker.tell("publish", data=base64.b64encode(marked).decode())
            return marked in listener.heard()

        eventually(heard, what="honest gossip")
    answer = honest.tell("request", node=victim.node.hex(), size=100_000)
    assert answer == {"length": 100_000, "same": True}


def drops(victim, reason):
    """How often the victim has counted something."""
    return victim.tell("health")["drops"].get(reason, 0)


def counted(victim, reason, before=0):
    """Wait until it has counted it again."""
    eventually(lambda: drops(victim, reason) > before, what=f"a count of {reason}")


async def heard_by(victim, data):
    """Wait for it while the attacker's connection stands: what it has not read would be lost with it."""
    await trio.to_thread.run_sync(lambda: eventually(lambda: data in victim.heard(), what=f"hearing {data!r}"))

"""Processes that write into a store until they are killed, and rows of rounds to write."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from consensus.types import ZERO_HASH, CandidateState, Decision, Hash, JobId, NodeId
from node.store import DecidedCandidate, LedgerRow, RoundRow, open_store
from tests.support.stems import Forked, Stem

JOB = JobId(bytes([9] * 32))


@functools.cache
def _stem() -> Stem:
    """What writers of this process's tests are forked from."""
    server = ["psycopg"] if importlib.util.find_spec("psycopg") else []
    stem = Stem(__name__, *server)
    atexit.register(stem.close)
    return stem


@contextlib.contextmanager
def writer(does: str, place) -> Iterator[Forked]:
    """A process that runs one of the functions below over a store, and whose end is waited for."""
    process = _stem().fork(f"{__name__}:{does}", str(place.folder), place.url, stderr=sys.__stderr__.fileno())
    try:
        with process.stdin, process.stdout:
            yield process
    finally:
        process.kill()
        process.wait(120)


def sign(folder: str, url: str | None) -> None:
    """Sign slot after slot with words that are new in every life, and tell what may be sent. Announced means sent."""

    async def signing() -> None:
        async with await open_store(Path(folder), url=url) as store:
            for number in range(100_000):
                mine = os.urandom(16).hex().encode()
                sent = await store.signing.claim_slot(f"vote/{number}", hashlib.sha256(mine).digest(), mine)
                print(number, sent.decode(), flush=True)

    asyncio.run(signing())


def commit(folder: str, url: str | None) -> None:
    """Commit round after round, each after the last that the store has, and tell of each."""

    async def committing() -> None:
        async with await open_store(Path(folder), url=url) as store:
            tip, head = await store.rounds.tip(), await store.ledger.head()
            height, events = (tip.height, [head]) if tip else (0, chain(1, 0))
            while True:
                height += 1
                decided = [DecidedCandidate(decision(named(height, n))) for n in range(40)]
                last = events[-1:]
                seq, previous = (last[0].seq + 1, last[0].digest) if last else (0, ZERO_HASH)
                events = chain(height, 10, seq=seq, previous=previous)
                await store.rounds.commit(row(height), decided=decided, events=events)
                print(height, flush=True)

    asyncio.run(committing())


def named(*words) -> Hash:
    return Hash(hashlib.sha256(repr(words).encode()).digest())


def decision(content, state=CandidateState.ACCEPTED, *, job=JOB, slot=0, category=0, generator="g") -> Decision:
    return Decision(
        job=job,
        crate=0,
        category=category,
        generator=NodeId(named(generator)),
        task=0,
        slot=slot,
        content=content,
        state=state,
        score_bp=8123,
        criteria_bp=(8000, 8100, 8200, 8300),
        spread_bp=400,
        raters=5,
        evidence_bits=-70000,
        cut_bits=180000,
    )


def row(height, *, words="") -> RoundRow:
    return RoundRow(height, named("header", height, words), b"certificate", b"state", b"manifest")


def link(previous, body) -> Hash:
    return Hash(hashlib.sha256(previous + body).digest())


def chain(height, count, *, seq=0, previous=ZERO_HASH) -> list[LedgerRow]:
    events = []
    for number in range(seq, seq + count):
        body = b"event %d" % number
        events.append(LedgerRow(number, height, previous, link(previous, body), body))
        previous = events[-1].digest
    return events

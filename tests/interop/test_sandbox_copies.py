"""Rows of one binary, each in a copy of a process that has loaded it: whatever one does, the next finds none of it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from node.checks.sandbox.limits import Command, Ending, Level, Profile, Ran
from tests.support.arena import BUILD, SMALL, Arena, open_arena, processes_called

pytestmark = pytest.mark.cargo

ROWS = Path(__file__).parents[1] / "support" / "copies.rs"
NAME = f"copies{os.getpid()}"


@pytest.fixture(scope="module", params=[Level.STRICT, Level.STANDARD], ids=lambda level: level.value)
def arena(request, tmp_path_factory):
    with open_arena(request.param, tmp_path_factory.mktemp("copies"), forked=True) as opened:
        source = Path(shutil.copy(ROWS, opened.sources / "copies.rs"))
        made = opened.compile(
            source, "--test", *opened.witness.flags, "--crate-name", NAME, limits=replace(BUILD, cpu_ms=60_000)
        )
        assert made.succeeded, made.stderr.decode()
        yield opened


def command(arena: Arena, module: str) -> Command:
    program = arena.output / NAME
    return Command(
        argv=(str(program), f"{module}::", "--test-threads=1", "--color=never"),
        profile=Profile.TEST,
        limits=SMALL if module == "honest" else replace(SMALL, wall_ms=1_000),
        directory=Path("/"),
        readable=(program,),
        nonce=secrets.token_hex(16),
        forked=True,
    )


def proves(ran: Ran, sent: Command, test: str) -> bool:
    return ran.succeeded and f"{sent.nonce} {test}\n".encode() == ran.proof


def run_honest(arena: Arena) -> None:
    sent = command(arena, "honest")
    ran = arena.run(sent)
    assert proves(ran, sent, "honest::finds_all_as_it_was"), ran.stdout.decode()


VANDALS = (
    *("changes", "exits", "aborts", "spins", "sleeps", "floods", "allocates", "starts_threads", "kills"),
    "no_such_row",
)


@pytest.mark.parametrize("module", VANDALS)
def test_the_next_row_finds_all_as_it_was_and_the_process_they_come_from_lives_on(arena, module):
    run_honest(arena)
    (server,) = processes_called(NAME)
    arena.run(command(arena, module))
    run_honest(arena)
    assert processes_called(NAME) == [server]


def test_what_a_copy_takes_is_its_own_time_and_not_that_of_those_before_it(arena):
    short = replace(SMALL, cpu_ms=100, wall_ms=60_000)
    for _ in range(3):
        spun = arena.run(replace(command(arena, "spins"), limits=short))
        assert (spun.ending, spun.out_of_time) == (Ending.SIGNALLED, True)
    assert arena.run(replace(command(arena, "honest"), limits=short)).succeeded


def test_the_process_they_come_from_never_holds_a_nonce(arena):
    sent = [command(arena, "honest") for _ in range(3)]
    for each in sent:
        assert arena.run(each).succeeded
    try:
        held = memory_of(*processes_called(NAME))
    except PermissionError:
        if os.geteuid() == 0:
            raise
        # Where Yama's `ptrace_scope` is 2, nobody but root looks into a process, not even into one it has started.
        pytest.skip("only root may read what another process holds")
    assert b"honest::" in held
    assert [each.nonce for each in sent if each.nonce.encode() in held] == []


def memory_of(pid: int) -> bytes:
    parts = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, modes, *_ = line.split()
            start, end = (int(word, 16) for word in place.split("-"))
            if modes.startswith("rw"):
                memory.seek(start)
                parts.append(memory.read(end - start))
    return b"".join(parts)


def test_a_process_that_was_killed_is_replaced(arena):
    run_honest(arena)
    (server,) = processes_called(NAME)
    os.kill(server, signal.SIGKILL)
    run_honest(arena)
    assert processes_called(NAME) != [server]


def test_another_environment_gets_another_process(arena):
    run_honest(arena)
    (server,) = processes_called(NAME)
    sent = replace(command(arena, "honest"), environment={"SEEN": "1"})
    assert arena.run(sent).code == 101
    assert processes_called(NAME) != [server]


def test_nothing_is_left_once_the_session_is_closed(arena):
    run_honest(arena)
    arena.close_session()
    assert processes_called(NAME) == []

"""Real attacks on the sandbox, at every level this machine has: each is contained, and says so in its name."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from node.checks.sandbox.limits import Ending, Level, Profile
from tests.support.arena import BUILD, SMALL, Arena, open_arena, own_ids, processes_called
from tests.support.attack_lists import (
    ATTACKS,
    BOMB,
    IN_A_BUILD,
    INSIDE,
    ON_A_SECRET,
    PLACES,
    SOURCES,
    WITHOUT_ARGUMENTS,
)

pytestmark = pytest.mark.cargo


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Arenas by level and by how attacks are started, each opened when it is first asked for."""
    found: dict[tuple[Level, bool], Arena] = {}
    programs: dict[bool, Path] = {}
    with contextlib.ExitStack() as stack:

        def give(level: Level, *, forked: bool) -> Arena:
            if (level, forked) not in found:
                arena = stack.enter_context(open_arena(level, tmp_path_factory.mktemp("arena"), forked=forked))
                programs[forked] = _with_attacks(arena, programs.get(forked))
                found[level, forked] = arena
            return found[level, forked]

        yield give


def _with_attacks(arena: Arena, compiled: Path | None) -> Path:
    """Lay the attack program: compiled in this arena, or the same one that another arena has compiled."""
    program = arena.output / arena.program
    if compiled is not None:
        return shutil.copy(compiled, program)
    *_, source = [Path(shutil.copy(path, arena.sources)) for path in ATTACKS]
    done = arena.compile_attacks(source)
    assert done.succeeded, done.stderr.decode()
    return program


LEVELS = [Level.STRICT, Level.STANDARD]


@pytest.fixture(
    scope="module",
    params=[(level, forked) for forked in (False, True) for level in LEVELS],
    ids=lambda how: f"{how[0].value}-{'forked' if how[1] else 'executed'}",
)
def arena(request, opened):
    """Where a test that somebody else wrote runs: a process of its own, or a copy of one that has loaded its binary."""
    level, forked = request.param
    return opened(level, forked=forked)


@pytest.fixture(scope="module", params=LEVELS, ids=lambda level: level.value)
def builds(request, opened):
    """Where other people's code is built."""
    return opened(request.param, forked=False)


@pytest.fixture(autouse=True)
def nothing_of_the_nodes_is_touched(request):
    """After every single attack: the node's key, its database and other examples' results are as they were."""
    yield
    for name in {"arena", "builds"} & set(request.fixturenames):
        assert request.getfixturevalue(name).disturbed() == []


def said(ran) -> str:
    return ran.stdout.decode(errors="replace").strip()


def test_an_honest_program_works(arena):
    ran = arena.attack("honest", str(arena.session.scratch))
    assert (said(ran), ran.succeeded) == ("honest", True)


def test_an_honest_failure_is_a_failure(arena):
    ran = arena.attack("honest-failure")
    assert (ran.ending, ran.code, ran.out_of_time) == (Ending.EXITED, 101, False)


@pytest.mark.parametrize("attack", ["busy-loop", "ignore-signals", "many-threads-spin"])
def test_code_that_runs_forever_is_ended_by_its_cpu_time(arena, attack):
    ran = arena.attack(attack)
    assert ran.out_of_time
    assert ran.cpu_ms < 5_000


@pytest.mark.parametrize("attack", ["sleep", "close-output-and-sleep"])
def test_code_that_waits_forever_is_ended_by_the_wall_clock(arena, attack):
    ran = arena.attack(attack, limits=replace(SMALL, wall_ms=200))
    assert (ran.ending, ran.out_of_time) == (Ending.WALL_TIME, True)


def test_output_is_bounded_and_a_flood_ends_with_its_time(arena):
    ran = arena.attack("flood")
    assert len(ran.stdout) == SMALL.output_bytes
    assert (ran.truncated, ran.out_of_time) == (True, True)


def test_proofs_are_bounded_and_a_flood_of_them_ends_with_its_time(arena):
    ran = arena.attack("flood-proof")
    assert ran.out_of_time
    assert len(ran.proof) <= 8 << 20


@pytest.mark.parametrize("attack", ["allocate", "map-memory", "thread-bomb"])
def test_memory_and_threads_are_bounded(arena, attack):
    ran = arena.attack(attack)
    assert said(ran) != "open"
    assert ran.memory_kb < 600 << 10


@pytest.mark.parametrize("attack", ["abort", "null", "overflow-stack"])
def test_a_crash_is_a_signal_and_no_time_out(arena, attack):
    ran = arena.attack(attack)
    assert (ran.ending, ran.out_of_time) == (Ending.SIGNALLED, False)


@pytest.mark.parametrize("attack", WITHOUT_ARGUMENTS)
def test_it_cannot(arena, attack):
    ran = arena.attack(attack, limits=replace(SMALL, wall_ms=3_000))
    assert said(ran) in {"closed", ""}


@pytest.mark.parametrize("attack", INSIDE)
def test_even_in_its_own_directory_it_cannot(arena, attack):
    ran = arena.attack(attack, str(arena.session.scratch), limits=replace(SMALL, cpu_ms=3_000))
    assert said(ran) == "closed"


def test_a_program_that_the_loader_runs_for_it_may_do_no_more(arena):
    ran = arena.attack("own-program-by-the-loader", str(arena.session.scratch), limits=replace(SMALL, cpu_ms=3_000))
    assert said(ran).endswith("closed")


def test_it_cannot_fill_the_disk_where_it_has_a_private_one(arena):
    ran = arena.attack("fill-disk", str(arena.session.scratch), limits=replace(SMALL, cpu_ms=2_000))
    assert said(ran) == ("closed" if arena.choice.confinement.level is Level.STRICT else "")
    assert not any(arena.session.scratch.glob("*"))


@pytest.mark.parametrize("attack", ON_A_SECRET)
def test_a_file_outside_stays_as_it_was_after_trying_to(arena, attack):
    before = arena.secret.stat()
    ran = arena.attack(attack, str(arena.secret), str(arena.session.scratch))
    after = arena.secret.stat()
    assert said(ran) == "closed"
    assert arena.secret.read_text() == "canary\n"
    assert (before.st_mode, before.st_mtime_ns, before.st_uid) == (after.st_mode, after.st_mtime_ns, after.st_uid)


@pytest.mark.parametrize("attack", ["chmod", "set-permissions", "write", "truncate", "setxattr"])
def test_its_own_program_stays_as_it_was_after_trying_to(arena, attack):
    program = arena.output / arena.program
    before = program.read_bytes()
    assert said(arena.attack(attack, str(program))) == "closed"
    assert program.read_bytes() == before


@pytest.mark.parametrize("attack", ["read", "write", "truncate", "remove", "chmod", "symlink", "hard-link"])
def test_another_examples_results_and_the_nodes_key_are_out_of_reach(arena, attack):
    for path in arena.canaries:
        assert said(arena.attack(attack, str(path), str(arena.session.scratch))) == "closed"


def test_another_examples_program_cannot_be_read_or_run(arena):
    assert arena.compile("fn main() {}", name="sibling").succeeded
    for attack in ("read", "write", "exec"):
        assert said(arena.attack(attack, str(arena.output / "sibling"))) == "closed"


@pytest.mark.parametrize("path", [*PLACES, str(Path.home()), str(Path(__file__))])
def test_it_cannot_read(arena, path):
    assert said(arena.attack("read", path)) == "closed"


@pytest.mark.parametrize("path", ["/tmp/swarm-attack", "/dev/shm/swarm-attack", "/swarm-attack", "/usr/swarm-attack"])
def test_it_cannot_write(arena, path):
    # Where nothing of ours lies below it, `/tmp` is another name of its own directory.
    strict = arena.choice.confinement.level is Level.STRICT
    own = strict and path.startswith("/tmp/") and Path("/tmp") not in arena.secret.parents
    assert said(arena.attack("write", path)) == "closed" or own
    assert not Path(path).exists()


def test_what_exists_outside_cannot_be_learnt_at_the_strict_level(arena):
    if arena.choice.confinement.level is not Level.STRICT:
        assert any(word.startswith("Tested code can learn whether a path exists") for word in arena.choice.weaker)
        return
    outside = {arena.secret, Path(__file__), Path("/etc/passwd"), Path("/var"), Path("/boot")}
    for path in outside - set(arena.secret.parents):
        assert said(arena.attack("exists", str(path))) == "closed"


@pytest.mark.parametrize(
    "attack",
    [
        *("kill-pid", "tgkill-pid", "queue-signal", "limit-pid", "own-signals-of-pid", "nice-pid", "affinity-of-pid"),
        "timer-for-thread",
    ],
)
def test_it_cannot_reach_the_node_by_its_number(arena, attack):
    for number in own_ids():
        assert said(arena.attack(attack, str(number))) == "closed"


def test_it_cannot_connect_to_a_listener_of_this_machine(arena):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert said(arena.attack("tcp-connect", address)) == "closed"


def test_each_run_finds_its_directory_empty(arena):
    assert arena.attack("honest", str(arena.session.scratch)).succeeded
    assert said(arena.attack("exists", f"{arena.session.scratch}/mine")) == "closed"


@pytest.mark.parametrize("left", ["nest", "close-folders", "strange-names"])
def test_whatever_is_left_in_its_directory_the_next_run_finds_it_empty(arena, left):
    scratch = str(arena.session.scratch)
    ran = arena.attack(left, scratch, str(arena.secret.parent), limits=replace(SMALL, cpu_ms=3_000))
    assert said(ran) == "done"
    assert said(arena.attack("left-behind", scratch)) == "closed"


@pytest.fixture(scope="module")
def numbered():
    """What a process of ours, which any user of this machine may change, is reached by: numbers, guessed easily."""
    libc = ctypes.CDLL(None, use_errno=True)
    made = {
        "shared-memory": libc.shmget(0, 4096, 0o1666),
        "semaphore": libc.semget(0, 1, 0o1666),
        "message": libc.msgget(0, 0o1666),
    }
    yield made
    libc.shmctl(made["shared-memory"], 0, None)
    libc.semctl(made["semaphore"], 0, 0)
    libc.msgctl(made["message"], 0, None)


@pytest.mark.parametrize(
    "attack",
    [
        *("shared-memory-state", "shared-memory-removal", "semaphore-value", "semaphore-wait", "semaphore-removal"),
        *("message", "message-of-others", "message-queue-removal"),
    ],
)
def test_it_cannot_reach_by_its_number(arena, numbered, attack):
    number = next(number for kind, number in numbered.items() if attack.startswith(kind))
    assert said(arena.attack(attack, str(number))) == "closed"


def test_it_cannot_watch_what_happens_in_a_folder_outside(arena):
    assert said(arena.attack("watch", str(arena.secret.parent))) == "closed"


def test_where_memory_is_short_it_goes_before_the_node(opened):
    arena = opened(Level.STANDARD, forked=True)
    arena.attack("honest", str(arena.session.scratch))
    (server,) = processes_called(arena.program)
    assert Path(f"/proc/{server}/oom_score_adj").read_text() == "1000\n"


def test_nothing_is_left_running(arena):
    for attack in ("daemon", "many-threads-spin", "sleep"):
        arena.attack(attack, limits=replace(SMALL, wall_ms=200))
    assert len(processes_called(arena.program)) == arena.forked


@pytest.mark.parametrize("attack", IN_A_BUILD)
def test_a_build_cannot_either(builds, attack):
    ran = builds.attack(attack, limits=replace(SMALL, wall_ms=3_000), profile=Profile.BUILD)
    assert said(ran) in {"closed", ""}


@pytest.mark.parametrize("attack", ["read", "write", "truncate", "remove", "chmod", "set-permissions", "utime"])
def test_a_build_leaves_a_file_outside_as_it_was_after_trying_to(builds, attack):
    ran = builds.attack(attack, str(builds.secret), profile=Profile.BUILD)
    assert (said(ran), builds.secret.read_text()) == ("closed", "canary\n")


@pytest.mark.parametrize("attack", ["kill-pid", "tgkill-pid", "queue-signal", "limit-pid", "socket-signals-of-pid"])
def test_a_build_cannot_reach_the_node_by_its_number(builds, attack):
    for number in own_ids():
        assert said(builds.attack(attack, str(number), profile=Profile.BUILD)) == "closed"


def test_a_fork_bomb_in_a_build_is_ended_and_nothing_of_it_survives(builds):
    name = f"bomb{os.getpid()}"
    assert builds.compile(BOMB, name=name).succeeded
    bomb = builds.run(
        replace(
            _command(builds, name),
            profile=Profile.BUILD,
            limits=replace(SMALL, processes=40, wall_ms=500, cpu_ms=200),
        )
    )
    assert bomb.out_of_time
    assert processes_called(name) == []


def _command(arena: Arena, name: str):
    from node.checks.sandbox.limits import Command

    program = arena.output / name
    return Command((str(program),), Profile.TEST, SMALL, Path("/"), {}, (program,))


@pytest.mark.parametrize("name", SOURCES)
def test_the_compiler_cannot_be_made_to_give(builds, name):
    source = SOURCES[name].replace("SECRET", str(builds.secret))
    ran = builds.compile(source, "--crate-name", "evil", limits=replace(BUILD, cpu_ms=800))
    assert not ran.succeeded
    assert b"canary" not in ran.stdout + ran.stderr
    assert len(ran.stderr) <= BUILD.output_bytes


def test_a_compiler_that_reads_its_own_environment_finds_nothing_of_the_nodes(builds):
    ran = builds.compile('fn main() { print!("{}", include_str!("/proc/self/environ")); }', name="environ")
    made = builds.output / "environ"
    assert not ran.succeeded or b"HOME=" not in made.read_bytes()


def test_assembly_gets_a_test_no_further(builds):
    source = (
        'fn main() { let r: i64; unsafe { std::arch::asm!("syscall", inlateout("rax") 57i64 => r, out("rcx") _, '
        'out("r11") _) }; println!("{}", if r >= 0 { "open" } else { "closed" }); }'
    )
    assert builds.compile(source, name="asm").succeeded
    assert said(builds.run(_command(builds, "asm"))) == "closed"

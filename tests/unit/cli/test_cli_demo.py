"""The demo around its swarm: folders it does not touch, what it says of the liar, and processes that are ended."""

import asyncio
import signal
import sys
import time

import pytest

from consensus.types import NodeId
from node.demo import ground, processes, show
from node.demo.ground import find_ports, lay_ground
from node.demo.tables import verdict_on_liar
from node.errors import OperatorError, TransientError
from node.home import NodeHome, load_genesis
from node.values.views import ReputationView
from tests.unit.cli.conftest import files_below, run

LIAR = NodeId(b"\x05" * 32)


def standing(number, reputation_bp, coming):
    node = NodeId(bytes([number]) * 32)
    return ReputationView(node, "", reputation_bp, 10_000, coming, 0, 0, 0, 0, 0, 0, ())


def test_the_ground_is_one_swarm_whose_last_node_lies(tmp_path):
    laid = lay_ground(tmp_path, 3, liar=True, crates=tmp_path / "crates", bench=tmp_path / "bench")
    genesis = [load_genesis(home.genesis)[0] for home in laid.homes]
    assert genesis[0] == genesis[1] == genesis[2]
    assert genesis[0].coordinators == (laid.coordinator.node,)
    assert laid.liar in {founder.node for founder in genesis[0].founders}
    texts = [home.config.read_text() for home in laid.homes]
    assert ['misbehave = "invert"' in text for text in texts] == [False, False, True]
    honest = lay_ground(tmp_path / "honest", 3, liar=False, crates=tmp_path / "crates", bench=tmp_path / "bench")
    assert honest.liar is None


def test_kept_nodes_are_not_founded_anew(tmp_path):
    lay_ground(tmp_path, 3, liar=True, crates=tmp_path / "crates", bench=tmp_path / "bench")
    before = files_below(tmp_path)
    with pytest.raises(OperatorError, match="holds nodes already"):
        lay_ground(tmp_path, 3, liar=True, crates=tmp_path / "crates", bench=tmp_path / "bench")
    assert files_below(tmp_path) == before


def test_ports_are_free_and_none_is_given_twice():
    ports = *find_ports(20), *find_ports(20)
    assert len(set(ports)) == 40


def test_no_port_is_given_while_whoever_got_it_does_not_listen_yet(monkeypatch):
    monkeypatch.setattr(ground, "PORTS", ground.PORTS[:50])
    monkeypatch.setattr(ground, "_GIVEN", set())
    find_ports(30)
    with pytest.raises(OperatorError, match="of 21 ports are free"):
        find_ports(21)


@pytest.mark.parametrize("content", [{"thesis.txt": "dear"}, {"data/train.parquet": "rows of somebody else"}])
def test_a_folder_with_something_else_is_left_alone(tmp_path, content):
    out = tmp_path / "out"
    for name, text in content.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text)
    before = files_below(out)
    ended = run("demo", "--out", out)
    assert ended.code == 2
    assert "something else than an earlier demo's shards" in ended.error
    assert "--out" in ended.hint
    assert files_below(out) == before


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--crates", " "], "--crates names no crate"),
        (["--categories", "poetry"], "no category is called 'poetry'"),
        (["--crates", "str sim!"], "names no crate"),
    ],
)
def test_what_cannot_be_played_is_refused_and_leaves_nothing(tmp_path, words, error):
    ended = run("demo", "--out", tmp_path / "out", *words)
    assert ended.code == 2
    assert error in ended.error
    assert not (tmp_path / "out").exists()


def test_a_registry_out_of_reach_is_told_with_what_is_needed(tmp_path, monkeypatch):
    def unreachable(store, name):
        raise TransientError(f"{name}: the cargo registry is not reachable", waits_for="cargo registry")

    monkeypatch.setattr("node.crates.store.CrateStore.acquire", unreachable)
    ended = run("demo", "--out", tmp_path / "out")
    assert ended.code == 3
    assert "is not reachable. The demo needs strsim@" in ended.error
    assert "offline" in ended.error


def test_the_liar_is_found_out_only_when_it_is():
    honest = [standing(1, 9000, 10_000), standing(2, 8000, 10_000)]
    found = verdict_on_liar([*honest, standing(5, 100, 0)], LIAR)
    assert "0% of the coming votes" in found
    assert "It was found out." in found
    assert "NOT been found out" in verdict_on_liar([*honest, standing(5, 8500, 10_000)], LIAR)
    assert verdict_on_liar(honest, None) == "Nobody lied in this run."


# Processes, with a stand-in for the node that they run


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Let `start_all` run a program of the test's."""

    def use(program):
        script = tmp_path / "program.py"
        script.write_text(program)
        real = processes.subprocess.Popen
        monkeypatch.setattr(
            processes.subprocess, "Popen", lambda _words, **options: real([sys.executable, str(script)], **options)
        )
        home = NodeHome(tmp_path / "node1")
        home.create()
        return home

    return use


def test_a_process_that_ends_is_told_with_its_last_words(stand_in):
    home = stand_in("print('the disk is full', flush=True); raise SystemExit(2)")
    started = processes.start_all([home])
    try:
        with pytest.raises(OperatorError, match="node1 ended with exit code 2; its last words: the disk is full"):
            asyncio.run(asyncio.wait_for(processes.watch_over(started), 120))
    finally:
        processes.stop_all(started)


def test_a_process_that_does_not_heed_is_killed(stand_in, monkeypatch):
    monkeypatch.setattr(processes, "STOP_S", 0.5)
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
    )
    started = processes.start_all([stand_in(program)])
    while "up" not in started[0].last_words():
        time.sleep(0.05)
    processes.stop_all(started)
    assert started[0].code == -signal.SIGKILL


def test_a_signal_ends_the_demo_as_ctrl_c_does():
    with pytest.raises(KeyboardInterrupt), show._orderly_end():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

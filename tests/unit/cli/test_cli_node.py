"""Commands that ask a node, against a real gRPC server with fixed answers behind it; and nodes that cannot start."""

import asyncio
import json
import os
import socket
import threading
import time

import pytest

from node.identity import DataDirLock, IdentityStore, NodeKey, peer_id
from node.values import views
from tests.support.rpc_desks import JOB, NODE, fixed_desks, serving
from tests.unit.cli.conftest import files_below, ports_of, run

DIGITS = JOB.hex()[:12]


class Answering:
    """A server in a thread of its own: commands bring their own event loop."""

    def __init__(self, key=NODE, **settings):
        self.desks = fixed_desks()
        self._key, self._settings = key, settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        self._context = serving(key=self._key, desks=self.desks, clock=time.time, **self._settings)
        server = asyncio.run_coroutine_threadsafe(self._context.__aenter__(), self._loop).result(120)
        self.address = f"127.0.0.1:{server.port}"
        return self

    def __exit__(self, *error):
        asyncio.run_coroutine_threadsafe(self._context.__aexit__(None, None, None), self._loop).result(120)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(120)
        self._loop.close()


@pytest.fixture(scope="module")
def node():
    with Answering() as answering:
        yield answering


@pytest.fixture
def own(home):
    """A data folder whose node answers at its address."""
    with Answering(IdentityStore(home).load(), port=ports_of(home)[1]) as answering:
        yield answering, home


def test_status_shows_every_part_and_what_it_waits_for(node, tmp_path):
    ended = run("status", "--node", node.address, "--data", tmp_path)
    assert ended.code == 0
    assert peer_id(NODE.node) in ended.out
    assert "NOT WELL: no peers yet  (waits for peers)" in ended.out
    assert json.loads(run("status", "--node", node.address, "--data", tmp_path, "--json").out)["height"] == 9


def test_jobs_are_listed_shown_and_watched(node, tmp_path):
    words = ("--node", node.address, "--data", tmp_path)
    assert JOB.hex()[:16] in run("job", "list", *words).out
    shown = run("job", "show", JOB.hex(), *words).out
    assert "strsim@0.11.1" in shown
    assert "12 rows from 30 of 900 slots" in shown
    watched = run("job", "watch", JOB.hex(), *words, "--json")
    assert [json.loads(line)["number"] for line in watched.out.splitlines()] == [1, 2, 3]
    assert run("job", "watch", JOB.hex(), *words, "--after", 2).out.count("RoundCertified") == 1


def test_a_job_that_is_open_has_no_result_yet(node, tmp_path):
    ended = run("job", "result", JOB.hex(), "--node", node.address, "--data", tmp_path)
    assert ended.code == 3
    assert "has not ended" in ended.error


def test_explain_takes_the_beginning_of_any_name(node, tmp_path):
    ended = run("job", "explain", "0a0a0a0a", "--node", node.address, "--data", tmp_path)
    assert ended.out.startswith("It was accepted.\n  R24  evidence 3.1")
    for nothing in ("0a0a", "not-hex!", "f" * 65):
        refused = run("job", "explain", nothing, "--node", node.address, "--data", tmp_path)
        assert (refused.code, "names nothing" in refused.error) == (2, True)


def test_reputation_is_a_table_of_factors(node, tmp_path):
    ended = run("reputation", "show", "--node", node.address, "--data", tmp_path, "--changes", 1)
    assert "0.820" in ended.out
    assert "round 9" in ended.out
    assert run("reputation", "show", "nobody", "--node", node.address, "--data", tmp_path).code == 2


def test_shards_are_listed_by_file_name(node, tmp_path):
    ended = run("shard", "list", "--node", node.address, "--data", tmp_path)
    assert f"train-{JOB.hex()[:16]}-r000009" in ended.out
    assert "1 files, 12 rows" in ended.out


def test_what_serves_no_certified_shards_is_refused_and_leaves_nothing(node, home, tmp_path, monkeypatch):
    async def pull(root, offset, file_sha256):
        yield views.ShardPiece(offset, b"{}\n"[offset:])

    monkeypatch.setattr(node.desks.shards, "pull", pull)
    out = tmp_path / "out"
    ended = run("shard", "pull", "--node", node.address, "--data", home, "--out", out)
    assert ended.code == 1
    assert "REFUSED" in ended.out
    assert "none of their rows were kept" in ended.error
    assert not list(out.rglob("*.parquet"))
    assert not (out / "genesis.json").exists()


def test_a_node_that_is_not_there_is_the_worlds_fault(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
        for words in (("status",), ("job", "list"), ("shard", "list"), ("reputation", "show")):
            ended = run(*words, "--node", address, "--data", tmp_path)
            assert ended.code == 3
            assert ended.error == f"nothing listens at {address}: Connection refused"
            assert "try again" in ended.hint


def test_what_listens_there_and_is_no_node_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(120)

        def answer():
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        ended = run("status", "--node", address, "--data", tmp_path)
        thread.join(120)
    assert ended.code == 3
    assert "is no node" in ended.error


def test_no_address_and_no_folder_are_two_different_mistakes(tmp_path):
    ended = run("status", "--node", "somewhere", "--data", tmp_path)
    assert (ended.code, ended.error) == (2, "not an address of a node: 'somewhere'")
    ended = run("status", "--data", tmp_path)
    assert ended.code == 2
    assert f"{tmp_path} holds no node" in ended.error
    assert "swarm-node init" in ended.hint


def test_peers_are_told_to_the_operator_alone(own, tmp_path):
    answering, home = own
    assert "1 of 1 connected" in run("peers", "--data", home).out
    ended = run("peers", "--node", answering.address, "--data", tmp_path)
    assert ended.code == 2
    assert answering.address in ended.error


def test_another_node_at_the_own_address_is_not_believed(home):
    with Answering(NodeKey(b"\x07" * 32), port=ports_of(home)[1]):
        ended = run("status", "--data", home)
    assert ended.code == 1
    assert "wrong-node" in ended.hint


def test_stop_is_for_the_operator_and_says_when_nothing_runs(own, tmp_path):
    answering, home = own
    assert run("stop", "--data", home).out == f"no node runs with {home}\n"
    assert answering.desks.node.stopped_by == []
    ended = run("stop", "--node", answering.address, "--data", tmp_path)
    assert ended.code == 2
    assert answering.desks.node.stopped_by == []


def test_stop_waits_until_the_process_is_gone_and_says_when_it_is_not(own):
    answering, home = own
    with DataDirLock(home):
        ended = run("stop", "--data", home, "--timeout", "0.2", "--reason", "a test")
    assert ended.code == 3
    assert "has not ended within 0.2 s" in ended.error
    assert [reason for reason, _ in answering.desks.node.stopped_by] == ["a test"]


# Nodes that cannot start


def test_a_second_process_with_the_same_identity_is_refused(home):
    with DataDirLock(home):
        before = files_below(home)
        ended = run("start", "--data", home)
    assert ended.code == 2
    assert f"process {os.getpid()} already runs with the identity in {home}" in ended.error
    assert "swarm-node stop" in ended.hint
    assert files_below(home) == before


def test_a_port_in_use_is_named(home):
    port, _ = ports_of(home)
    with socket.create_server(("127.0.0.1", port)):
        ended = run("start", "--data", home)
    assert ended.code == 2
    assert ended.error == f"cannot listen on 127.0.0.1 port {port}: it is in use"
    assert "Choose another port" in ended.hint


def test_an_rpc_port_in_use_is_named(home):
    _, port = ports_of(home)
    with socket.create_server(("127.0.0.1", port)):
        ended = run("start", "--data", home)
    assert ended.code == 2
    assert str(port) in ended.error


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("bootstrap = []", "unknown setting `bootstraps`"),
        ("cores = 1", "`work.cores` is 0"),
        ('sandbox = "auto"', "`work.sandbox` is 'weak'"),
        ('log_level = "info"', "`node.log_level` is 'loud'"),
        ('misbehave = ""', "no misbehaviour is called 'nicely'"),
        ('kind = "source"', "`engine.kind` is 'magic'"),
    ],
)
def test_a_setting_that_is_none_is_named(home, change, error):
    wrong = {
        "bootstrap = []": "bootstraps = []",
        "cores = 1": "cores = 0",
        'sandbox = "auto"': 'sandbox = "weak"',
        'log_level = "info"': 'log_level = "loud"',
        'misbehave = ""': 'misbehave = "nicely"',
        'kind = "source"': 'kind = "magic"',
    }
    path = home / "config.toml"
    assert change in path.read_text()
    path.write_text(path.read_text().replace(change, wrong[change]))
    ended = run("start", "--data", home)
    assert ended.code == 2
    assert error in ended.error
    assert ended.hint


def test_a_folder_without_a_node_is_a_matter_for_init(tmp_path):
    ended = run("start", "--data", tmp_path)
    assert ended.code == 2
    assert "swarm-node init" in ended.hint
    assert not list(tmp_path.iterdir())


def test_a_store_that_cannot_be_made_is_named(home):
    (home / "store").write_text("in the way")
    ended = run("start", "--data", home)
    assert ended.code == 2
    assert str(home) in ended.error

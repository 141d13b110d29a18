"""A small real swarm in separate processes, through the command line alone: from a signed job to refused tampering."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.demo.ground import find_ports
from node.demo.processes import NodeProcess, start_all, stop_all
from node.home import NodeHome
from tests.support.process_tree import is_alive
from tests.unit.cli.conftest import run

pytestmark = [pytest.mark.processes, pytest.mark.cargo, pytest.mark.slow]

NODES = 4
CRATE = "shlex@2.0.1"
CATEGORIES = "code_completion function_naming docstring_generation"
WAIT_S = 300.0


@dataclass
class Swarm:
    """Folders of nodes, and what is known of the job that they worked."""

    homes: list[NodeHome]
    processes: tuple[NodeProcess, ...]
    shared: Path
    job: str = ""


def told(*words):
    """A command's JSON; it has to succeed."""
    ended = run(*words, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def eventually(ask, what):
    ends = time.monotonic() + WAIT_S
    while time.monotonic() < ends:
        if ask():
            return
        time.sleep(0.3)
    pytest.fail(f"{what} did not come within {WAIT_S:g} s")


def found_swarm(folder):
    ports = find_ports(2 * NODES)
    homes = []
    for number in range(NODES):
        home = NodeHome(folder / f"node{number + 1}")
        bootstrap = [word for port in ports[:NODES] for word in ("--bootstrap", f"127.0.0.1:{port}")]
        words = ("--port", ports[number], "--rpc-port", ports[NODES + number], *bootstrap)
        ended = run("init", "--data", home.root, "--network-dir", folder / "net", *words)
        assert ended.code == 0, ended.err
        share(home, folder / "shared")
        homes.append(home)
    return homes


def share(home, shared):
    """Let the nodes of this machine share crates and builds."""
    text = home.config.read_text()
    text = text.replace('crates = ""', f'crates = "{shared / "crates"}"')
    home.config.write_text(text.replace('bench = ""', f'bench = "{shared / "bench"}"'))


def is_linked(home):
    ended = run("status", "--data", home.root, "--json")
    if ended.code != 0:
        return False
    return {item["name"]: item["value"] for item in json.loads(ended.out)["counters"]}["peers_connected"] == NODES - 1


def are_level(homes):
    all_ended = [run("status", "--data", home.root, "--json") for home in homes]
    return all(ended.code == 0 for ended in all_ended) and len({json.loads(e.out)["height"] for e in all_ended}) == 1


@pytest.fixture(scope="module")
def swarm(tmp_path_factory):
    """A swarm that has worked one job to its end."""
    folder = tmp_path_factory.mktemp("swarm")
    homes = found_swarm(folder)
    processes = start_all(homes)
    try:
        for home in homes:
            eventually(lambda home=home: is_linked(home), f"{home.root.name} linked with all others")
        words = ("--crates", CRATE, "--categories", CATEGORIES, "--quota", 3, "--candidates", 3, "--raters", 4)
        job = told("job", "submit", "--data", homes[0].root, *words)["job"]
        ended = run("job", "watch", job[:16], "--data", homes[0].root)
        assert ended.code == 0, ended.err
        assert "JobDone" in ended.out
        eventually(lambda: are_level(homes), "the same height of all nodes")
        yield Swarm(homes, processes, folder / "shared", job)
    finally:
        stop_all(processes)
    assert all(process.code is not None for process in processes)


@pytest.fixture(scope="module")
def pulled(swarm, tmp_path_factory):
    """Its rows, pulled from another node than the one that took the job."""
    out = tmp_path_factory.mktemp("pulled") / "out"
    home = swarm.homes[1].root

    def is_served():
        rows = told("job", "show", swarm.job, "--data", swarm.homes[0].root)["rows"]
        return sum(shard["rows"] for shard in told("shard", "list", "--data", home)) == rows

    eventually(is_served, "every row at the second node")
    report = told("shard", "pull", "--data", home, "--job", swarm.job[:12], "--out", out)
    assert report["pulled"]
    assert not report["refused"]
    return out


def test_the_job_filled_its_tasks_and_every_candidate_ended_in_a_named_state(swarm):
    view = told("job", "result", swarm.job[:16], "--data", swarm.homes[2].root)["job"]
    assert view["rows"] == sum(task["accepted"] for task in view["tasks"]) >= 6
    assert all(task["accepted"] == task["quota"] or task["note"] for task in view["tasks"])
    assert {item["state"] for item in view["states"] if item["count"]} <= {
        "accepted", "surplus", "probe", "rejected_score", "rejected_check", "duplicate", "contaminated", "late",
        "malformed", "unavailable", "void",
    }  # fmt: skip


def test_why_a_row_was_accepted_is_told_by_any_node(swarm, pulled):
    import pyarrow.parquet as pq

    table = pq.read_table(pulled / "data", columns=["example_id", "generator"]).to_pylist()
    answers = set()
    for home in swarm.homes:
        why = told("job", "explain", table[0]["example_id"][:16], "--data", home.root)
        assert why["answer"].startswith("accepted: ")
        assert any(step["rule"] == "R21" for step in why["steps"]), "each rating is told"
        answers.add(json.dumps(why))
    assert len(answers) == 1, "all nodes tell the same"
    about = told("job", "explain", table[0]["generator"], "--data", swarm.homes[0].root)
    assert about["answer"].startswith("Node of ")


def test_every_member_has_a_standing(swarm):
    members = told("reputation", "show", "--data", swarm.homes[0].root, "--changes", "3")
    assert len(members) == NODES
    assert any(member["changes"] for member in members)
    all_of_them = f"{NODES - 1} of {NODES - 1} connected"
    eventually(lambda: all_of_them in run("peers", "--data", swarm.homes[0].root).out, "links to all others")


def test_what_was_pulled_holds_offline_and_loads_as_a_table(swarm, pulled, tmp_path):
    genesis = tmp_path / "genesis.json"
    shutil.copy(swarm.homes[3].genesis, genesis)
    ended = run("shard", "verify", pulled, "--genesis", genesis)
    assert ended.code == 0, ended.err
    import pandas as pd

    rows = pd.read_parquet(pulled / "data")
    assert list(rows.columns[:5]) == ["crate_name", "input_data", "output_data", "task_category", "test"]
    assert set(rows["task_category"]) <= set(CATEGORIES.split())
    assert (rows["consensus_score"] > 0.7).all()


def test_a_tampered_file_is_refused(swarm, pulled, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(pulled, copy)
    path = next((copy / "data").iterdir())
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x40
    path.write_bytes(data)
    ended = run("shard", "verify", copy, "--genesis", swarm.homes[0].genesis)
    assert ended.code == 1
    assert path.stem in ended.error


def test_a_killed_node_comes_back_as_itself_where_it_was(swarm):
    process = swarm.processes[3]
    before = told("status", "--data", process.home.root)
    os.kill(process.pid, signal.SIGKILL)
    eventually(lambda: process.code is not None, "its end")
    assert run("status", "--data", process.home.root).code == 3
    again = start_all([process.home])
    try:
        eventually(lambda: run("status", "--data", process.home.root).code == 0, "the node again")
        after = told("status", "--data", process.home.root)
        assert after["node"] == before["node"]
        assert after["height"] >= before["height"]  # the others may have certified a round meanwhile
        view = told("job", "show", swarm.job, "--data", process.home.root)
        assert view["status"] == "done"
        assert run("stop", "--data", process.home.root, "--timeout", WAIT_S).out == "stopped\n"
    finally:
        stop_all(again)


def test_no_node_outlives_whoever_started_it(tmp_path):
    """Not even when that one is killed: a program starts a node, says its pid, and is killed with SIGKILL."""
    gossip, rpc = find_ports(2)
    run("init", "--data", tmp_path / "n", "--port", gossip, "--rpc-port", rpc)
    program = (
        "import sys, time; from pathlib import Path; from node.home import NodeHome\n"
        "from node.demo.processes import start_all\n"
        f"print(start_all([NodeHome(Path({str(tmp_path / 'n')!r}))])[0].pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as starter:
        try:
            pid = int(starter.stdout.readline())
            eventually(lambda: run("status", "--data", tmp_path / "n").code == 0, "the node")
        finally:
            starter.kill()
        eventually(lambda: not is_alive(pid), "the node's end")

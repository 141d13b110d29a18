"""`doctor`: what it finds is told with what to do; only what keeps a node from working counts as wrong."""

import json
import socket

import pytest

from node.cli import examination
from node.cli.examination import CLOCK_MIN_UNIX_S
from node.findings import Grade
from node.home import NodeHome
from node.identity import DataDirLock
from tests.unit.cli.conftest import ports_of, run

pytestmark = pytest.mark.cargo  # it tries the toolchain


def findings(*words):
    ended = run("doctor", "--offline", "--json", *words)
    return ended, {item["subject"]: item for item in json.loads(ended.out)}


@pytest.fixture
def no_checks(monkeypatch):
    """Leave toolchain and sandbox out: trying them takes seconds, and other tests do."""

    async def nothing(_home, _config):
        return []

    monkeypatch.setattr(examination, "_checks", nothing)


def test_a_machine_that_builds_is_well_and_an_empty_folder_is_only_noted(tmp_path):
    ended, found = findings("--data", tmp_path / "none")
    assert ended.code == 0
    assert {found[name]["grade"] for name in ("rustc", "cargo", "disk")} == {"good"}
    assert found["sandbox"]["grade"] in {"good", "note"}
    assert found["folder"]["grade"] == "note"
    assert found["folder"]["hint"] == f"swarm-node init --data {tmp_path / 'none'}"
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("no_checks")
def test_a_node_is_told_with_its_swarm_and_key(home):
    ended, found = findings("--data", home)
    assert ended.code == 0
    assert "swarm swarm (LOCAL, 1 founders)" in found["folder"]["text"]
    assert "machine-key" in found["identity"]["text"]
    assert "run:" not in run("doctor", "--offline", "--data", home).out


@pytest.mark.usefixtures("no_checks")
def test_a_taken_port_is_wrong_unless_the_node_itself_has_it(home):
    with socket.create_server(("127.0.0.1", ports_of(home)[0])):
        ended, _ = findings("--data", home)
        assert ended.code == 1
        assert "port" in ended.error
        with DataDirLock(home):
            assert findings("--data", home)[0].code == 0


def test_a_missing_toolchain_is_wrong_and_named(home, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    ended, found = findings("--data", home)
    assert ended.code == 1
    assert found["rustc"]["grade"] == "wrong"
    assert "Install Rust" in found["rustc"]["hint"]


@pytest.mark.usefixtures("no_checks")
def test_a_damaged_folder_is_wrong_and_says_what(home):
    (home / "genesis.json").write_text("{}")
    (home / "identity.json").chmod(0o644)
    ended, found = findings("--data", home)
    assert ended.code == 1
    assert "is not a genesis" in found["folder"]["text"]
    assert found["identity"]["hint"].startswith("Run: chmod 600")


def test_a_clock_before_this_software_is_wrong():
    assert examination._clock(CLOCK_MIN_UNIX_S - 1).grade is Grade.WRONG
    assert examination._clock(CLOCK_MIN_UNIX_S + 1).grade is not Grade.WRONG


def test_a_full_disk_is_wrong(tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 10 << 20})()
    monkeypatch.setattr(examination.shutil, "disk_usage", lambda _: usage)
    assert examination._disk(NodeHome(tmp_path)).grade is Grade.WRONG


def test_a_registry_is_asked_and_its_absence_is_only_noted(monkeypatch, tmp_path):
    monkeypatch.setattr(examination, "REGISTRY_S", 240.0)
    assert examination._registry().grade is Grade.GOOD
    monkeypatch.setenv("CARGO_NET_OFFLINE", "true")
    monkeypatch.setenv("CARGO_HOME", str(tmp_path))
    assert examination._registry().grade is Grade.NOTE

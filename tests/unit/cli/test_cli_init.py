"""`init` and the folders it makes: checked before anything is written, and the same when it is said again."""

import json
import stat

import pytest

from node.config import load_config
from node.home import load_genesis
from node.identity import IdentityStore
from tests.unit.cli.conftest import files_below, ports_of, run


def test_a_new_folder_holds_identity_settings_and_a_genesis_that_names_the_node(tmp_path):
    ended = run("init", "--data", tmp_path / "n", "--port", 7105, "--json")
    told = json.loads(ended.out)
    key = IdentityStore(tmp_path / "n").load()
    genesis, preset = load_genesis(tmp_path / "n" / "genesis.json")
    assert (told["node"], told["network"]) == (key.node.hex(), genesis.network.hex())
    assert [founder.node for founder in genesis.founders] == [key.node]
    assert preset.name == "LOCAL"
    assert load_config(tmp_path / "n" / "config.toml").network.port == 7105
    assert stat.S_IMODE((tmp_path / "n").stat().st_mode) == 0o700


def test_saying_it_again_changes_nothing_and_giving_an_option_changes_only_that(home):
    before, port = files_below(home), ports_of(home)[0]
    assert "unchanged" in run("init", "--data", home).out
    assert files_below(home) == before
    run("init", "--data", home, "--cores", 3)
    after = files_below(home)
    assert {name for name in after if after[name] != before[name]} == {"config.toml"}
    config = load_config(home / "config.toml")
    assert (config.work.cores, config.network.port) == (3, port)


def test_nodes_that_name_one_folder_found_one_swarm(tmp_path):
    for number in (1, 2, 3):
        run("init", "--data", tmp_path / str(number), "--network-dir", tmp_path / "net")
    found = [load_genesis(tmp_path / str(number) / "genesis.json")[0] for number in (1, 2, 3)]
    assert found[0] == found[1] == found[2]
    assert len(found[0].founders) == 3


def test_a_founder_too_many_is_refused_once_one_has_begun(tmp_path):
    run("init", "--data", tmp_path / "1", "--network-dir", tmp_path / "net")
    (tmp_path / "1" / "store").mkdir()
    ended = run("init", "--data", tmp_path / "2", "--network-dir", tmp_path / "net")
    assert ended.code == 2
    assert "the swarm has begun without" in ended.error
    assert "--genesis" in ended.hint


def test_a_node_that_has_begun_keeps_its_swarm(home, tmp_path):
    run("init", "--data", tmp_path / "other")
    (home / "store").mkdir()
    before = files_below(home)
    ended = run("init", "--data", home, "--genesis", tmp_path / "other" / "genesis.json")
    assert ended.code == 2
    assert "has begun in swarm" in ended.error
    assert files_below(home) == before


@pytest.mark.parametrize(
    ("options", "error", "hint"),
    [
        (["--preset", "HUGE"], "no preset is called 'HUGE'", "LOCAL"),
        (["--founder", "nobody"], "not a node id: 'nobody'", "identity show"),
        (["--coordinator", "12D3KooWx"], "not a node id", "identity show"),
        (["--misbehave", "nicely"], "no misbehaviour is called 'nicely'", "invert"),
        (["--genesis", "/nonexistent/genesis.json"], "cannot read /nonexistent/genesis.json", "genesis"),
    ],
)
def test_what_no_swarm_can_be_is_refused_and_nothing_is_written(tmp_path, options, error, hint):
    ended = run("init", "--data", tmp_path / "n", *options)
    assert ended.code == 2
    assert error in ended.error
    assert hint in ended.hint
    assert not (tmp_path / "n").exists()


def test_a_changed_genesis_is_not_joined(home, tmp_path):
    text = (home / "genesis.json").read_text()
    changed = tmp_path / "changed.json"
    changed.write_text(text.replace('"name": "swarm"', '"name": "other"'))
    ended = run("init", "--data", tmp_path / "n", "--genesis", changed)
    assert ended.code == 2
    assert "names network" in ended.error
    assert not (tmp_path / "n").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    ended = run("init", "--data", blocked / "node")
    assert ended.code == 2
    assert f"cannot create {blocked / 'node'}" in ended.error
    assert "--data" in ended.hint


def test_a_place_where_not_even_root_may_write_is_named():
    ended = run("init", "--data", "/proc/swarm-node")
    assert ended.code == 2
    assert "cannot create /proc/swarm-node" in ended.error
    assert "--data" in ended.hint


def test_two_ways_to_a_genesis_are_one_too_many(tmp_path):
    ended = run("init", "--data", tmp_path / "n", "--genesis", "g", "--network-dir", "d")
    assert ended.code == 2
    assert "give one of them" in ended.err

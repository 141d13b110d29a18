"""`join` and `identity vouch`: whose node it is, checked before anything is written, and what the swarm allows."""

import json

import pytest

from node.home import NodeHome, load_genesis
from node.identity import IdentityStore, peer_id
from node.identity.consent import parse_consent
from node.joining import consent_of
from tests.unit.cli.conftest import files_below, run


@pytest.fixture
def swarm(tmp_path):
    """Founds a swarm, and makes a data folder that follows it."""

    def made(*options):
        assert run("init", "--data", tmp_path / "founder", "--name", "ours", *options).code == 0
        genesis = tmp_path / "founder" / "genesis.json"
        assert run("init", "--data", tmp_path / "new", "--genesis", genesis).code == 0
        return tmp_path / "founder", tmp_path / "new"

    return made


def key_of(folder):
    return IdentityStore(folder).load()


def consent_in(folder):
    genesis, preset = load_genesis(folder / "genesis.json")
    return consent_of(NodeHome(folder), key_of(folder), genesis, preset)


def test_init_with_a_genesis_says_how_to_become_a_member(tmp_path, home):
    ended = run("init", "--data", tmp_path / "n", "--genesis", home / "genesis.json")
    assert "`swarm-node join` asks to become a member" in ended.out


def test_a_node_joins_as_its_own_owner(swarm):
    _, new = swarm()
    assert consent_in(new) is None
    ended = run("join", "--data", new)
    assert (ended.code, "its own" in ended.out) == (0, True)
    assert f"swarm-node start --data {new}" in ended.out
    assert consent_in(new).owner == key_of(new).node
    assert run("join", "--data", new).code == 0  # said again, it says the same


def test_a_node_joins_as_that_of_an_owner_on_this_machine(swarm):
    founder, new = swarm()
    told = json.loads(run("join", "--data", new, "--owner-key", founder, "--json").out)
    assert told["owner"] == key_of(founder).node.hex() == consent_in(new).owner.hex()


def test_a_node_joins_with_the_consent_that_an_owner_made_elsewhere(swarm, tmp_path):
    founder, new = swarm()
    vouched = run("identity", "vouch", peer_id(key_of(new).node), "--data", founder)
    (tmp_path / "consent.json").write_text(vouched.out)
    ended = run("join", "--data", new, "--consent", tmp_path / "consent.json")
    assert (ended.code, peer_id(key_of(founder).node) in ended.out) == (0, True)
    assert consent_in(new) == parse_consent(vouched.out.encode(), "the test")


def test_who_asks_no_more_is_said(swarm):
    _, new = swarm()
    assert "did not ask" in run("join", "--data", new, "--withdraw").out
    run("join", "--data", new)
    assert "asks no more" in run("join", "--data", new, "--withdraw").out
    assert consent_in(new) is None


def test_a_founder_has_nothing_to_ask_for(home):
    before = files_below(home)
    ended = run("join", "--data", home)
    assert ended.code == 1
    assert "is a founder of swarm 'swarm': a member already" in ended.error
    assert files_below(home) == before


def test_nobody_joins_a_closed_swarm(swarm):
    _, new = swarm("--closed")
    ended = run("join", "--data", new)
    assert ended.code == 2
    assert "nobody joins this swarm" in ended.error
    assert "can follow and serve" in ended.hint
    assert consent_in(new) is None


def test_a_swarm_that_lists_owners_names_them_to_who_is_none(swarm, tmp_path):
    run("init", "--data", tmp_path / "owner")
    owner = key_of(tmp_path / "owner")
    _, new = swarm("--may-join", peer_id(owner.node))
    ended = run("join", "--data", new)
    assert ended.code == 2
    assert "not among those whose nodes may join" in ended.error
    assert peer_id(owner.node) in ended.hint
    assert run("join", "--data", new, "--owner-key", tmp_path / "owner").code == 0


def test_a_consent_for_something_else_is_refused_and_nothing_is_written(swarm, tmp_path):
    founder, new = swarm()
    other = run("identity", "vouch", peer_id(key_of(founder).node), "--data", founder).out
    run("init", "--data", tmp_path / "elsewhere")
    foreign = run("identity", "vouch", peer_id(key_of(new).node), "--data", tmp_path / "elsewhere").out
    fields = json.loads(run("identity", "vouch", peer_id(key_of(new).node), "--data", founder).out)
    forged = json.dumps(fields | {"owner": key_of(new).node.hex()})
    file = tmp_path / "consent.json"
    for text, says in (
        (other, "the owner's consent is for"),
        (foreign, "the owner's consent is for network"),
        (forged, "is not signed by the owner it names"),
        ("{}", "is no owner's consent"),
        ('{"format": "swarm-node owner\'s consent 1", "network": "00"}', "32 are expected"),
        ("x" * 3000, "is longer than 2048 bytes"),
    ):
        file.write_text(text)
        ended = run("join", "--data", new, "--consent", file)
        assert (ended.code, says in ended.error) == (2, True), ended.error
        assert ended.hint
    missing = run("join", "--data", new, "--consent", tmp_path / "nowhere")
    assert "cannot read" in missing.error
    assert consent_in(new) is None


def test_after_a_rotation_the_old_consent_does_not_start_the_node(swarm):
    _, new = swarm()
    run("join", "--data", new)
    run("identity", "rotate", "--data", new, "--yes")
    ended = run("start", "--data", new)
    assert ended.code == 2
    assert "the owner's consent is for" in ended.error
    assert "swarm-node join" in ended.hint
    assert run("join", "--data", new).code == 0


def test_two_owners_are_one_too_many(swarm):
    founder, new = swarm()
    ended = run("join", "--data", new, "--owner-key", founder, "--withdraw")
    assert (ended.code, "give one" in ended.err) == (2, True)
    ended = run("init", "--data", new, "--closed", "--may-join", peer_id(key_of(new).node))
    assert (ended.code, "give one of them" in ended.err) == (2, True)


def test_founders_that_share_a_folder_share_who_may_join(tmp_path):
    for number in (1, 2):
        ended = run("init", "--data", tmp_path / str(number), "--network-dir", tmp_path / "net", "--closed")
        assert ended.code == 0
    assert load_genesis(tmp_path / "2" / "genesis.json")[0].owners == ()
    ended = run(
        "init",
        "--data",
        tmp_path / "3",
        "--network-dir",
        tmp_path / "net",
        "--may-join",
        peer_id(key_of(tmp_path / "1").node),
    )
    assert "this is to be another" in ended.error

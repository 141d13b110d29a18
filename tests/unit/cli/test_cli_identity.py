"""`identity`: the key leaves and enters a folder only on purpose, sealed, and never over another one."""

import json
import stat

import pytest

from node.identity import DataDirLock, IdentityStore, peer_id
from tests.unit.cli.conftest import files_below, run


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("correct horse\n")
    path.chmod(0o600)
    return path


def test_show_names_the_node_in_both_ways(home):
    key = IdentityStore(home).load()
    assert peer_id(key.node) in run("identity", "show", "--data", home).out
    told = json.loads(run("identity", "show", "--data", home, "--json").out)
    assert (told["node"], told["protection"], told["succeeds"]) == (key.node.hex(), "machine-key", [])


def test_a_passphrase_is_put_on_a_key_that_has_none_and_changed_on_one_that_has(home, secret, tmp_path):
    node = IdentityStore(home).load().node
    assert run("identity", "protect", "--data", home, "--new-passphrase-file", secret).code == 0
    ended = run("identity", "show", "--data", home)
    assert (ended.code, ended.out) == (2, "")
    assert "none was given" in ended.error
    shown = run("identity", "show", "--data", home, "--passphrase-file", secret, "--json")
    assert (json.loads(shown.out)["node"], json.loads(shown.out)["protection"]) == (node.hex(), "passphrase")
    other = tmp_path / "other-secret"
    other.write_text("staple battery\n")
    other.chmod(0o600)
    words = ("identity", "protect", "--data", home, "--passphrase-file", secret, "--new-passphrase-file", other)
    assert run(*words).code == 0
    assert run("identity", "show", "--data", home, "--passphrase-file", other).code == 0
    assert run(*words).code == 2, "the passphrase of before opens it no longer"


def test_an_exported_key_opens_elsewhere_with_its_passphrase_alone(home, secret, tmp_path):
    exported = tmp_path / "key"
    assert run("identity", "export", "--data", home, "--to", exported, "--export-passphrase-file", secret).code == 0
    assert stat.S_IMODE(exported.stat().st_mode) == 0o600
    other = tmp_path / "other"
    assert run("identity", "import", exported, "--data", other, "--export-passphrase-file", secret).code == 0
    assert IdentityStore(other).load().node == IdentityStore(home).load().node


def test_an_export_replaces_no_file(home, secret, tmp_path):
    there = tmp_path / "key"
    there.write_text("something dear")
    ended = run("identity", "export", "--data", home, "--to", there, "--export-passphrase-file", secret)
    assert (ended.code, ended.error) == (2, f"{there} is there already")
    assert there.read_text() == "something dear"
    assert not list(tmp_path.glob(".key*"))


def test_an_import_replaces_an_identity_only_when_told(home, secret, tmp_path):
    exported, other = tmp_path / "key", tmp_path / "other"
    run("identity", "export", "--data", home, "--to", exported, "--export-passphrase-file", secret)
    run("init", "--data", other)
    before = files_below(other)
    words = ("identity", "import", exported, "--data", other, "--export-passphrase-file", secret)
    ended = run(*words)
    assert ended.code == 2
    assert "there is an identity" in ended.error
    assert "--replace" in ended.hint
    assert files_below(other)["identity.json"] == before["identity.json"]
    assert run(*words, "--replace").code == 0
    assert IdentityStore(other).load().node == IdentityStore(home).load().node


def test_a_wrong_passphrase_and_a_foreign_file_are_told_apart(home, secret, tmp_path):
    exported, wrong = tmp_path / "key", tmp_path / "wrong"
    run("identity", "export", "--data", home, "--to", exported, "--export-passphrase-file", secret)
    wrong.write_text("staple battery\n")
    wrong.chmod(0o600)
    ended = run("identity", "import", exported, "--data", tmp_path / "o", "--export-passphrase-file", wrong)
    assert ended.code == 2
    assert "the passphrase does not open the key" in ended.error
    ended = run("identity", "import", secret, "--data", tmp_path / "o", "--export-passphrase-file", secret)
    assert ended.code == 2
    assert "not a sealed identity" in ended.error


def test_a_passphrase_that_others_may_read_is_refused(home, secret, tmp_path):
    secret.chmod(0o644)
    ended = run("identity", "export", "--data", home, "--to", tmp_path / "key", "--export-passphrase-file", secret)
    assert ended.code == 2
    assert "is open to others" in ended.error
    assert "chmod 600" in ended.hint
    assert not (tmp_path / "key").exists()


def test_rotation_asks_first_and_leaves_a_statement_of_both_keys(home):
    old = IdentityStore(home).load().node
    ended = run("identity", "rotate", "--data", home)
    assert ended.code == 2
    assert "--yes" in ended.hint
    assert IdentityStore(home).load().node == old
    assert run("identity", "rotate", "--data", home, "--yes").code == 0
    store = IdentityStore(home)
    assert [(hand.old, hand.new) for hand in store.hand_overs()] == [(old, store.load().node)]


def test_an_identity_in_use_is_not_changed(home):
    old = IdentityStore(home).load().node
    with DataDirLock(home):
        ended = run("identity", "rotate", "--data", home, "--yes")
    assert ended.code == 2
    assert "already runs with the identity" in ended.error
    assert "swarm-node stop" in ended.hint
    assert IdentityStore(home).load().node == old


def test_no_identity_is_a_matter_for_init(tmp_path):
    ended = run("identity", "show", "--data", tmp_path / "empty")
    assert ended.code == 2
    assert "there is no identity in" in ended.error
    assert "swarm-node init" in ended.hint

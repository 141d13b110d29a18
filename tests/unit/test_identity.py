"""The node's key: its names, its signatures, how it is kept, handed over and held by one process."""

import json
import os
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.types import NodeId
from node.errors import OperatorError, PeerFaultError
from node.identity import (
    DataDirLock,
    IdentityStore,
    NodeKey,
    Protection,
    ScryptCost,
    load_passphrase,
    open_sealed_key,
    parse_hand_over,
    parse_node_id,
    peer_id,
    seal_key,
    short_name,
    succeed,
    verify,
)
from node.identity.sealing import protection_of
from node.identity.store import write_private

CHEAP = ScryptCost(n=1 << 4)
seeds = st.binary(min_size=32, max_size=32)
node_ids = seeds.map(NodeId)


# Signing and deriving


@given(seeds, st.binary(max_size=200))
def test_a_signature_holds_for_its_words_and_key_only(seed, words):
    key = NodeKey(seed)
    signature = key.sign(words)
    assert verify(key.node, words, signature)
    assert not verify(key.node, words + b"!", signature)
    assert not verify(key.derive_key("somebody else").node, words, signature)


@given(seeds, st.integers(0, 63), st.integers(1, 255))
def test_any_changed_byte_of_a_signature_is_refused(seed, position, change):
    key = NodeKey(seed)
    signature = bytearray(key.sign(b"words"))
    signature[position] ^= change
    assert not verify(key.node, b"words", bytes(signature))


@pytest.mark.parametrize(("node", "signature"), [(b"", b""), (bytes(32), bytes(64)), (b"\x01" + bytes(31), bytes(63))])
def test_what_is_no_key_or_no_signature_verifies_nothing(node, signature):
    assert not verify(NodeId(node), b"words", signature)


def test_the_signature_is_that_of_rfc_8032():
    key = NodeKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert key.node.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")


def test_a_restarted_node_derives_the_same_secrets_and_another_purpose_gives_others():
    key, again = NodeKey(bytes(range(32))), NodeKey(bytes(range(32)))
    assert key.derive_secret("rating-salt", b"7") == again.derive_secret("rating-salt", b"7")
    others = {
        key.derive_secret("rating-salt", b"8"),
        key.derive_secret("slot-salt", b"7"),
        key.derive_secret("rating-salt", b"7", b""),
        key.derive_secret("rating-salt7"),
        NodeKey(bytes(32)).derive_secret("rating-salt", b"7"),
    }
    assert len(others | {key.derive_secret("rating-salt", b"7")}) == 6
    assert key.derive_key("pseudonym", b"1").node == again.derive_key("pseudonym", b"1").node != key.node


def test_a_key_shows_its_name_only_and_is_not_pickled():
    key = NodeKey(bytes(range(32)))
    assert bytes(range(32)).hex()[:16] not in repr(key)
    with pytest.raises(TypeError, match="seal it"):
        pickle.dumps(key)


# Names


@given(node_ids)
def test_both_spellings_of_a_node_id_are_read_back(node):
    assert parse_node_id(peer_id(node)) == node
    assert parse_node_id(node.hex().upper()) == node
    assert peer_id(node).startswith("12D3KooW")
    assert peer_id(node).endswith(short_name(node))


@pytest.mark.parametrize("text", ["", "12D3KooW", "1" * 52, "0x" + "ab" * 31, "ab" * 33, "z" * 5000, "1" + "z" * 51])
def test_what_is_no_node_id_is_refused_with_a_hint(text):
    with pytest.raises(OperatorError, match="not a node id") as caught:
        parse_node_id(text)
    assert "12D3KooW" in caught.value.hint


@given(node_ids)
def test_a_node_id_has_one_peer_id(node):
    with pytest.raises(OperatorError):
        parse_node_id("1" + peer_id(node))


# Sealed keys


def test_a_sealed_key_opens_with_its_passphrase_and_no_other():
    key = NodeKey.generate()
    document = seal_key(key, b"correct horse", cost=CHEAP)
    assert key.seed.hex() not in document.decode()
    assert open_sealed_key(document, b"correct horse").seed == key.seed
    with pytest.raises(OperatorError, match="does not open"):
        open_sealed_key(document, b"correct horse ")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "other"}, "format"),
        ({"protection": "none"}, "none"),
        ({"box": "00"}, "does not open"),
        ({"box": 5}, "not a sealed identity"),
        ({"node": peer_id(NodeId(bytes(32)))}, "holds"),
        ({"scrypt": {"n": 1 << 20, "r": 8, "p": 1, "salt": "00"}}, "256 MiB"),
        ({"scrypt": {"n": 1000, "r": 8, "p": 1, "salt": "00"}}, "ranges"),
        ({"scrypt": None}, "not a sealed identity"),
    ],
)
def test_a_changed_document_is_refused_before_it_costs_anything(change, says):
    document = json.loads(seal_key(NodeKey(bytes(32)), b"pass", cost=CHEAP)) | change
    with pytest.raises(OperatorError, match=says):
        open_sealed_key(json.dumps(document).encode(), b"pass")


@pytest.mark.parametrize("document", [b"", b"[]", b"\xff", b"{" * 3000, b" " * 5000])
def test_what_is_no_document_is_refused(document):
    with pytest.raises(OperatorError, match="not a sealed identity"):
        open_sealed_key(document, b"pass")


def test_an_empty_passphrase_is_refused():
    with pytest.raises(OperatorError, match="protects nothing"):
        seal_key(NodeKey(bytes(32)), b"")


# The data directory


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_an_identity_survives_a_restart(tmp_path, passphrase):
    def store():
        return IdentityStore(tmp_path / "data", passphrase=passphrase, cost=CHEAP)

    key = store().create()
    assert store().load().seed == key.seed
    for path in (tmp_path / "data").iterdir():
        assert path.stat().st_mode & 0o077 == 0
        assert key.seed not in path.read_bytes()


def test_a_second_identity_does_not_overwrite_the_first(tmp_path):
    store = IdentityStore(tmp_path)
    key = store.create()
    with pytest.raises(OperatorError, match="already"):
        store.create()
    with pytest.raises(OperatorError, match="already"):
        store.save(NodeKey.generate())
    assert store.load().seed == key.seed


def test_a_directory_without_identity_says_how_to_make_one(tmp_path):
    with pytest.raises(OperatorError) as caught:
        IdentityStore(tmp_path).load()
    assert "swarm-node init" in caught.value.hint


@pytest.mark.parametrize("name", ["identity.json", "identity.key"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_an_identity_that_others_may_touch_is_refused(tmp_path, name, mode):
    store = IdentityStore(tmp_path)
    store.create()
    (tmp_path / name).chmod(mode)
    with pytest.raises(OperatorError, match="open to others") as caught:
        store.load()
    assert f"chmod 600 {tmp_path / name}" in caught.value.hint


def test_the_file_alone_does_not_open_without_the_machine_key(tmp_path):
    store = IdentityStore(tmp_path)
    store.create()
    (tmp_path / "identity.key").unlink()
    with pytest.raises(OperatorError, match="missing"):
        store.load()
    assert not (tmp_path / "identity.key").exists()


def test_a_protected_identity_asks_for_the_passphrase(tmp_path):
    IdentityStore(tmp_path, passphrase=b"pass", cost=CHEAP).create()
    with pytest.raises(OperatorError, match="none was given"):
        IdentityStore(tmp_path).load()


def test_a_passphrase_given_later_protects_every_key_in_the_folder(tmp_path):
    store = IdentityStore(tmp_path)
    store.create()
    key, _ = store.rotate(at_unix_s=1)
    store.protect(b"pass")
    protected = IdentityStore(tmp_path, passphrase=b"pass", cost=CHEAP)
    assert protected.load().seed == key.seed
    sealed = [tmp_path / "identity.json", *(tmp_path / "retired").glob("*.json")]
    assert [protection_of(path.read_bytes()) for path in sealed] == [Protection.PASSPHRASE] * 2
    assert not (tmp_path / "identity.key").exists(), "nothing needs it any more"


def test_another_passphrase_takes_the_place_of_the_one_before(tmp_path):
    store = IdentityStore(tmp_path, passphrase=b"old", cost=CHEAP)
    key = store.create()
    store.protect(b"new")
    assert IdentityStore(tmp_path, passphrase=b"new", cost=CHEAP).load().seed == key.seed
    with pytest.raises(OperatorError, match="does not open"):
        store.load()


def test_protecting_that_was_cut_short_goes_on_when_it_is_asked_for_again(tmp_path, monkeypatch):
    store = IdentityStore(tmp_path, cost=CHEAP)
    store.create()
    key, _ = store.rotate(at_unix_s=1)

    def cut_short(path, data):
        if path == store.path:
            raise KeyboardInterrupt
        write_private(path, data)

    with monkeypatch.context() as patch:
        patch.setattr("node.identity.store.write_private", cut_short)
        with pytest.raises(KeyboardInterrupt):
            store.protect(b"pass")
    assert store.load().seed == key.seed, "what opened it opens it still"
    store.protect(b"pass")
    assert IdentityStore(tmp_path, passphrase=b"pass", cost=CHEAP).load().seed == key.seed


def test_a_directory_that_cannot_be_made_is_refused_with_a_hint(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for act in (IdentityStore(tmp_path / "file" / "data").create, DataDirLock(tmp_path / "file" / "data").acquire):
        with pytest.raises(OperatorError) as caught:
            act()
        assert "this user can write" in caught.value.hint


def test_a_passphrase_file_is_one_private_line(tmp_path):
    path = tmp_path / "passphrase"
    path.write_bytes(b"correct horse\r\nsecond line\n")
    path.chmod(0o600)
    assert load_passphrase(path) == b"correct horse"
    path.chmod(0o644)
    with pytest.raises(OperatorError, match="open to others"):
        load_passphrase(path)
    path.chmod(0o600)
    path.write_bytes(b"\n")
    with pytest.raises(OperatorError, match="no passphrase"):
        load_passphrase(path)


# Rotation


def test_a_rotated_identity_has_a_successor_that_both_keys_signed(tmp_path):
    store = IdentityStore(tmp_path)
    old = store.create()
    new, hand_over = store.rotate(at_unix_s=1_700_000_000)
    newer, _ = store.rotate(at_unix_s=1_700_000_100)
    assert hand_over.holds()
    assert [(past.old, past.new) for past in store.hand_overs()] == [(old.node, new.node), (new.node, newer.node)]
    assert store.load().seed == newer.seed
    assert (tmp_path / "retired" / f"{peer_id(old.node)}.json").exists()


def test_a_rotation_that_was_cut_short_goes_on_with_the_same_successor(tmp_path):
    store = IdentityStore(tmp_path)
    old = store.create()
    before_the_switch = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    new, _ = store.rotate(at_unix_s=1)
    successor = (tmp_path / "identity.json").read_bytes()
    (tmp_path / "identity.json").write_bytes(before_the_switch["identity.json"])
    (tmp_path / "identity.next.json").write_bytes(successor)
    (tmp_path / "identity.next.json").chmod(0o600)
    assert store.load().seed == old.seed
    again, hand_over = store.rotate(at_unix_s=2)
    assert again.seed == new.seed == store.load().seed
    assert store.hand_overs() == (hand_over,)


def test_a_hand_over_is_read_back_and_a_changed_one_refused():
    old, new = NodeKey(bytes(32)), NodeKey(bytes(31) + b"\x01")
    hand_over = succeed(old, new, at_unix_s=5)
    assert parse_hand_over(hand_over.document()) == hand_over
    fields = json.loads(hand_over.document())
    swapped = fields | {"old": fields["new"], "new": fields["old"]}
    for wrong in (swapped, fields | {"at_unix_s": 6}, fields | {"new_signature": "00" * 64}):
        with pytest.raises(PeerFaultError) as caught:
            parse_hand_over(json.dumps(wrong).encode())
        assert caught.value.rule == "bad-signature"
    for wrong in (fields | {"at_unix_s": -1}, fields | {"old": "00"}, fields | {"format": "x"}, [], "x" * 3000):
        with pytest.raises(PeerFaultError) as caught:
            parse_hand_over(json.dumps(wrong).encode())
        assert caught.value.rule == "malformed-hand-over"


def test_a_key_cannot_be_made_heir_of_itself():
    with pytest.raises(ValueError, match="another key"):
        succeed(NodeKey(bytes(32)), NodeKey(bytes(32)), at_unix_s=1)


# One process


def test_a_second_process_with_the_same_identity_is_told_who_has_it(tmp_path):
    code = (
        "import sys; from pathlib import Path; from node.identity import DataDirLock\n"
        "DataDirLock(Path(sys.argv[1])).acquire(); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(OperatorError, match=f"process {holder.pid} already runs"):
            DataDirLock(tmp_path).acquire()
    finally:
        holder.kill()
        holder.communicate()
    with DataDirLock(tmp_path):  # the lock died with the killed process, the file stayed
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_released_lock_can_be_taken_again(tmp_path):
    lock = DataDirLock(tmp_path / "new")
    with lock, pytest.raises(OperatorError):
        DataDirLock(tmp_path / "new").acquire()
    lock.release()
    with DataDirLock(tmp_path / "new"):
        pass

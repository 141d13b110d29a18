"""The store without cargo: what peers send, what is kept, what happens when things break. Real files throughout."""

import dataclasses
import gzip
import hashlib
import io
import multiprocessing
import os
import shutil
import signal
import tarfile
from pathlib import Path

import pytest

from consensus.encoding import encode
from node.crates.knowledge import encode_knowledge, knowledge_digest, make_pin
from node.crates.limits import CrateLimits
from node.crates.sources import Sources, SourceText
from node.crates.store import NO_CHECKSUM, CrateStore
from node.crates.workplace import Workplace
from node.errors import OperatorError, PeerFaultError, TransientError

FILES = {
    "Cargo.toml": b'[package]\nname = "tiny"\nversion = "0.1.0"\nedition = "2021"\nlicense = "MIT"\n',
    "src/lib.rs": b"pub fn f() -> u8 { 1 }\n",
}


def packed(files=None, top="tiny-0.1.0"):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, content in (FILES if files is None else files).items():
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=0)


def pin_of(data, files=None, **changes):
    files = FILES if files is None else files
    rust = tuple(SourceText(name, content) for name, content in sorted(files.items()) if name.endswith(".rs"))
    pin = make_pin(Sources(files["Cargo.toml"], rust), hashlib.sha256(data).digest())
    return dataclasses.replace(pin, **changes)


DATA = packed()
PIN = pin_of(DATA)


@pytest.fixture
def store(tmp_path):
    return CrateStore(tmp_path / "store", cargo="no-such-cargo")


def entry(store):
    return store.put_packed(PIN, DATA).root.parent


def test_a_node_without_toolchain_takes_a_crate_from_a_peer_and_knows_it(store):
    source = store.put_packed(PIN, DATA)
    assert source.pin == PIN
    assert (source.root / "src/lib.rs").read_bytes() == FILES["src/lib.rs"]
    assert store.open(PIN) == source
    assert {item.path for item in store.knowledge(source).base.items} == {"tiny", "tiny::f"}


def test_what_is_here_can_be_served_by_hash(store):
    source = store.put_packed(PIN, DATA)
    known = store.knowledge(source)
    offers = {offer.digest: offer for offer in store.offers()}
    assert offers.keys() == {PIN.checksum, known.digest}
    assert offers[PIN.checksum].path.read_bytes() == DATA
    assert offers[known.digest].path.read_bytes() == known.data
    assert {(offer.kind, offer.size) for offer in offers.values()} == {
        ("packed", len(DATA)),
        ("knowledge", len(known.data)),
    }


def test_a_crate_that_no_registry_packed_is_bound_by_its_sources(store):
    pin = dataclasses.replace(PIN, checksum=NO_CHECKSUM)
    assert store.put_packed(pin, packed({**FILES, "README.md": b"more"})).pin == pin
    with pytest.raises(PeerFaultError) as fault:
        store.put_packed(pin, packed({**FILES, "src/lib.rs": b"pub fn f() -> u8 { 2 }\n"}))
    assert fault.value.rule == "crate-pin"


def test_a_wrong_pin_of_a_crate_that_is_here_does_the_right_one_no_harm(store):
    entry(store)
    for wrong in ({"checksum": bytes(31) + b"\1"}, {"license": "GPL-3.0"}, {"source_digest": bytes(32)}):
        with pytest.raises(OperatorError, match="cargo cannot be started"):
            store.open(dataclasses.replace(PIN, **wrong))
    assert store.open(PIN).pin == PIN


def test_the_same_sources_from_a_registry_and_from_a_folder_are_two_crates(store):
    local = dataclasses.replace(PIN, checksum=NO_CHECKSUM)
    first, second = store.put_packed(PIN, DATA), store.put_packed(local, DATA)
    assert first.root != second.root
    assert (store.open(PIN), store.open(local)) == (first, second)


HOSTILE = {
    "another file": (packed({**FILES, "x": b""}), PIN, "crate-checksum"),
    "no archive": (b"junk", pin_of(b"junk"), "crate-archive"),
    "another crate inside": (
        packed({**FILES, "Cargo.toml": FILES["Cargo.toml"].replace(b"tiny", b"tony")}),
        None,
        "crate-name",
    ),
    "a manifest that is none": (packed({**FILES, "Cargo.toml": b"["}), None, "crate-manifest"),
    "another licence": (DATA, dataclasses.replace(PIN, license="Apache-2.0"), "crate-pin"),
    "another digest": (DATA, dataclasses.replace(PIN, source_digest=bytes(32)), "crate-pin"),
    "a name that is a path": (
        packed(top="../x-1"),
        dataclasses.replace(PIN, name="../x", version="1"),
        "crate-checksum",
    ),
}


@pytest.mark.parametrize(("data", "pin", "rule"), HOSTILE.values(), ids=HOSTILE)
def test_what_a_peer_may_not_send_is_its_fault_and_leaves_nothing(data, pin, rule, store, tmp_path):
    pin = pin or dataclasses.replace(PIN, checksum=hashlib.sha256(data).digest())
    with pytest.raises(PeerFaultError) as fault:
        store.put_packed(pin, data)
    assert fault.value.rule == rule
    assert store.offers() == ()
    assert not list((tmp_path / "store/crates").iterdir())
    assert not list((tmp_path / "store/work").glob("tmp-*"))


def test_a_crate_beyond_the_limits_is_refused(tmp_path):
    store = CrateStore(tmp_path, limits=CrateLimits(packed_bytes_max=10))
    with pytest.raises(PeerFaultError, match="at most 10"):
        store.put_packed(PIN, DATA)


def test_a_crate_that_is_not_here_and_that_only_peers_have_is_waited_for(store):
    with pytest.raises(TransientError) as waiting:
        store.open(dataclasses.replace(PIN, checksum=NO_CHECKSUM))
    assert waiting.value.waits_for == "crate tiny@0.1.0 from peers"


def test_a_registry_crate_that_is_not_here_needs_a_cargo(store):
    with pytest.raises(OperatorError, match="cargo cannot be started"):
        store.open(PIN)


@pytest.mark.parametrize("broken", ["src/lib.rs", "Cargo.toml", "../pin", "src"])
def test_a_crate_that_was_changed_on_disk_is_not_opened_and_can_be_taken_again(broken, store):
    folder = entry(store)
    path = folder / "src" / broken
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(OperatorError, match="cargo cannot be started"):  # it is gone, so cargo would be asked
        store.open(PIN)
    assert store.put_packed(PIN, DATA).pin == PIN


def test_a_damaged_knowledge_base_is_made_again(store):
    source = store.put_packed(PIN, DATA)
    known = store.knowledge(source)
    path = next(offer.path for offer in store.offers() if offer.kind == "knowledge")
    path.write_bytes(b"junk")
    assert store.knowledge(source) == known
    assert path.read_bytes() == known.data


def test_knowledge_from_a_peer_is_taken_only_as_asked_for(store):
    source = store.put_packed(PIN, DATA)
    true = store.knowledge(source)
    assert store.put_knowledge(PIN, true.digest, true.data) == true
    other = encode_knowledge(dataclasses.replace(true.base, pin=dataclasses.replace(PIN, license="")))
    for digest, data, rule in (
        (true.digest, other, "knowledge-digest"),
        (knowledge_digest(other), other, "knowledge-pin"),
        (knowledge_digest(b"x"), b"x", "knowledge-form"),
    ):
        with pytest.raises(PeerFaultError) as fault:
            store.put_knowledge(PIN, digest, data)
        assert fault.value.rule == rule


def test_a_crate_that_depends_on_nothing_still_needs_cargo_to_be_prepared(store):
    with pytest.raises(OperatorError, match="cargo cannot be started"):
        store.prepare(store.put_packed(PIN, DATA))


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OperatorError) as refused:
        CrateStore(tmp_path / "file" / "store")
    assert "permissions" in refused.value.hint


# Several processes


def put_and_know(root, start, results):
    start.wait(120)
    store = CrateStore(Path(root), cargo="no-such-cargo")
    source = store.put_packed(PIN, DATA)
    results.put((encode(source.pin), store.knowledge(source).digest, len(store.offers())))


def test_processes_that_take_the_same_crate_at_once_all_end_up_with_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    start, results = context.Event(), context.Queue()
    processes = [context.Process(target=put_and_know, args=(str(tmp_path), start, results)) for _ in range(4)]
    for process in processes:
        process.start()
    start.set()
    told = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
    assert len({(pin, digest) for pin, digest, _ in told}) == 1
    assert [path.name for path in (tmp_path / "work").glob("tmp-*")] == []
    assert len(list((tmp_path / "crates").iterdir())) == 1


def hold_a_folder(root, held):
    with Workplace(Path(root)).scratch() as folder:
        (folder / "half-done").touch()
        held.put(folder.name)
        signal.pause()


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_holds_is_not(tmp_path):
    context = multiprocessing.get_context("spawn")
    held = context.Queue()
    process = context.Process(target=hold_a_folder, args=(str(tmp_path), held))
    process.start()
    name = held.get(timeout=120)
    Workplace(tmp_path)
    assert (tmp_path / name / "half-done").exists()
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    Workplace(tmp_path)
    assert not list(tmp_path.glob("tmp-*"))

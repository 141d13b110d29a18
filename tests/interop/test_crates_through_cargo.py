"""Real crates, brought by the real cargo from the registry it is configured for: acquired, prepared, built offline."""

import dataclasses
import json
import multiprocessing
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from node.crates.knowledge import knowledge_digest
from node.crates.limits import CrateLimits
from node.crates.store import NO_CHECKSUM, CrateStore
from node.errors import ExitCode, OperatorError, PeerFaultError, TransientError
from node.values.crate import FileRole

pytestmark = pytest.mark.cargo

STRSIM_CHECKSUM = "7da8b5736845d9f2fcb837ea5d9e2628564b3b043a70948a3f0b778838c5fb4f"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return CrateStore(tmp_path_factory.mktemp("store"))


def write_crate(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_toml", ".toml").replace("_rs", ".rs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


MINE = '[package]\nname = "mine"\nversion = "0.1.0"\nedition = "2021"\nlicense = "MIT"\n'


def cargo_offline(prepared, folder, *command):
    """Run cargo on a copy of a prepared crate, with a home that has no registry and nothing but the vendor folder."""
    shutil.copytree(prepared.root, folder / "copy")
    for path in (folder / "copy").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / "copy/Cargo.toml").write_bytes(prepared.manifest)
    (folder / "copy/Cargo.lock").write_bytes(prepared.lock)
    (folder / "home").mkdir()
    if prepared.vendor is not None:
        directory = json.dumps(str(prepared.vendor))
        (folder / "home/config.toml").write_text(
            f'[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = {directory}\n'
        )
    where = ("--offline", "--locked", "--manifest-path", str(folder / "copy/Cargo.toml"))
    return subprocess.run(
        ["cargo", *command, *where, "--target-dir", str(folder / "target")],
        env=os.environ | {"CARGO_HOME": str(folder / "home")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_named_version_is_pinned_by_the_registrys_checksum_and_its_packed_file_is_kept(store):
    source = store.acquire("strsim@0.11.1")
    assert (source.pin.label, source.pin.license, source.pin.edition) == ("strsim@0.11.1", "MIT", "2015")
    assert source.pin.checksum.hex() == STRSIM_CHECKSUM
    assert source.packed is not None
    assert source.packed.name == f"{STRSIM_CHECKSUM}.crate"
    assert store.open(source.pin) == source
    assert store.acquire("strsim@0.11.1") == source


def test_a_node_without_cargo_gets_the_same_crate_and_the_same_knowledge_from_a_peer(store, tmp_path):
    source = store.acquire("strsim@0.11.1")
    other = CrateStore(tmp_path, cargo="no-such-cargo")
    received = other.put_packed(source.pin, source.packed.read_bytes())
    assert received.pin == source.pin
    assert other.knowledge(received).digest == store.knowledge(source).digest


def test_the_digest_is_that_of_the_sources_however_cargo_handed_them_over(store, tmp_path):
    """A vendored folder lacks some files and has others than the packed crate; the pin is the same."""
    source = store.acquire("semver@1.0.26")
    user = write_crate(tmp_path / "user", Cargo_toml=f'{MINE}[dependencies]\nsemver = "=1.0.26"\n', src__lib_rs="")
    subprocess.run(
        ["cargo", "vendor", "--quiet", "--manifest-path", str(user / "Cargo.toml"), str(tmp_path / "vendor")],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    # A user with offline vendoring: what `cargo vendor` says to write into the configuration.
    (tmp_path / "node/.cargo").mkdir(parents=True)
    directory = json.dumps(str(tmp_path / "vendor"))
    (tmp_path / "node/.cargo/config.toml").write_text(
        f'[source.crates-io]\nreplace-with = "vendored-sources"\n[source.vendored-sources]\ndirectory = {directory}\n'
        "[net]\noffline = true\n"
    )
    vendored = CrateStore(tmp_path / "node/store").acquire("semver@1.0.26")
    assert vendored.pin == source.pin
    assert vendored.packed is None
    assert (tmp_path / "vendor/semver/.cargo-checksum.json").exists()
    assert not (vendored.root / ".cargo-checksum.json").exists()


def test_a_crate_with_dependencies_builds_offline_from_what_was_prepared(store, tmp_path):
    prepared = store.prepare(store.acquire("semver@1.0.26"))
    assert prepared.dev_dependencies
    assert prepared.vendor is not None
    assert b"criterion" not in prepared.manifest
    done = cargo_offline(prepared, tmp_path, "check", "--tests", "--all-features")
    assert done.returncode == 0, done.stderr


def test_a_crate_without_dependencies_is_prepared_without_asking_any_registry(store, tmp_path, monkeypatch):
    source = store.acquire("strsim@0.11.1")
    monkeypatch.setenv("CARGO_HTTP_PROXY", "http://127.0.0.1:9")
    prepared = store.prepare(source)
    assert prepared.vendor is None
    assert store.prepare(source) == prepared
    done = cargo_offline(prepared, tmp_path, "test", "--lib", "--tests")
    assert done.returncode == 0, done.stderr
    assert "test result: ok" in done.stdout


def test_a_test_file_added_to_a_copy_is_a_test(store, tmp_path):
    prepared = store.prepare(store.acquire("strsim@0.11.1"))
    added = tmp_path / "src" / "tests" / "added.rs"
    shutil.copytree(prepared.root, tmp_path / "src")
    (tmp_path / "src/tests").chmod(0o755)
    added.write_text('#[test] fn added() { assert_eq!(strsim::levenshtein("a", "b"), 1); }')
    done = cargo_offline(dataclasses.replace(prepared, root=tmp_path / "src"), tmp_path / "", "test", "--test", "added")
    assert "added ... ok" in done.stdout, done.stderr


def test_packages_that_other_platforms_need_are_there_in_name_only(store, tmp_path):
    source = store.acquire("winapi-util@0.1.9")  # on Windows it needs a package of 20 MB, elsewhere nothing
    prepared = store.prepare(source)
    vendored = sorted(path.name for path in prepared.vendor.iterdir())
    assert any(name.startswith("windows-sys-") for name in vendored)
    if os.name == "posix":
        assert sum(path.stat().st_size for path in prepared.vendor.rglob("*") if path.is_file()) < 1 << 20
    done = cargo_offline(prepared, tmp_path, "check")
    assert done.returncode == 0, done.stderr


def test_dev_dependencies_beyond_the_bounds_are_left_out_and_said(tmp_path):
    store = CrateStore(tmp_path, limits=CrateLimits(dev_packages_max=0))
    crate = write_crate(
        tmp_path / "mine",
        Cargo_toml=f'{MINE}[dependencies]\nfnv = "1"\n[dev-dependencies]\neither = "1"\n',
        src__lib_rs="",
        tests__t_rs="use either::Either;",
    )
    prepared = store.prepare(store.acquire(str(crate)))
    assert not prepared.dev_dependencies
    assert "dev-dependencies left out" in prepared.notes
    assert [path.name.rpartition("-")[0] for path in prepared.vendor.iterdir()] == ["fnv"]


def test_a_crate_with_too_many_dependencies_is_refused(tmp_path):
    store = CrateStore(tmp_path, limits=CrateLimits(packages_max=0))
    crate = write_crate(tmp_path / "mine", Cargo_toml=f'{MINE}[dependencies]\nfnv = "1"\n', src__lib_rs="")
    with pytest.raises(OperatorError, match="depends on 1 packages, at most 0"):
        store.prepare(store.acquire(str(crate)))


# Folders and git sources


def test_a_crate_in_a_folder_is_packed_as_it_would_be_published_and_left_as_it_was(store, tmp_path):
    crate = write_crate(
        tmp_path / "mine",
        Cargo_toml=MINE + 'exclude = ["secret.rs"]\n',
        src__lib_rs="pub fn f() {}",
        secret_rs="no",
        build_rs='fn main() { std::fs::write("executed", "").unwrap(); }',
    )
    before = sorted(crate.rglob("*"))
    source = store.acquire(str(crate))
    assert source.pin.checksum == NO_CHECKSUM
    assert sorted(path.name for path in source.root.rglob("*.rs")) == ["build.rs", "lib.rs"]
    assert sorted(crate.rglob("*")) == before
    store.prepare(source)
    assert not list(tmp_path.rglob("executed"))
    assert CrateStore(tmp_path / "peer").put_packed(source.pin, source.packed.read_bytes()).pin == source.pin


def test_a_member_of_a_workspace_takes_what_it_inherits_along(store, tmp_path):
    write_crate(
        tmp_path / "ws",
        Cargo_toml='[workspace]\nmembers = ["a"]\n[workspace.package]\nversion = "1.2.3"\nlicense = "Zlib"\n',
        a__Cargo_toml='[package]\nname = "a"\nversion.workspace = true\nlicense.workspace = true\n',
        a__src__lib_rs="",
    )
    pin = store.acquire(str(tmp_path / "ws/a")).pin
    assert (pin.label, pin.license, pin.edition) == ("a@1.2.3", "Zlib", "2015")


def git(folder, *command):
    author = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *author, *command], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_crate_in_a_git_repository_is_taken_at_the_commit_asked_for(store, tmp_path, monkeypatch):
    repository = write_crate(tmp_path / "repo", member__Cargo_toml=MINE, member__src__lib_rs="pub fn old() {}")
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "one")
    first = git(repository, "rev-parse", "HEAD")
    (repository / "member/src/lib.rs").write_text("pub fn new() {}")
    git(repository, "commit", "--quiet", "-a", "-m", "two")
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "home"))  # not into the user's cache of git checkouts
    newest = store.acquire(f"git+file://{repository}#mine")
    old = store.acquire(f"git+file://{repository}?rev={first}#mine")
    assert [store.knowledge(source).base.public_api for source in (old, newest)] == [
        ("mine::old: pub fn old()",),
        ("mine::new: pub fn new()",),
    ]
    assert old.pin.label == newest.pin.label
    assert old.root != newest.root


# Bad input


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("swarm-node-no-such-crate-zz", "no matching package named `swarm-node-no-such-crate-zz` found"),
        ("strsim@99.0.0", "there are 0."),
        ("ripgrep@14.1.1", "has no library"),
        ("./no-such-folder", "is not a crate"),
    ],
)
def test_what_cannot_be_had_is_the_operators_turn_in_cargos_words(text, told, store):
    with pytest.raises(OperatorError, match=told) as refused:
        store.acquire(text)
    assert refused.value.hint
    assert refused.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("[workspace]\nmembers = []\n", "only a workspace"),
        ("[package\n", "not TOML"),
        ("x = 1\n", "no package"),
        ('[package]\nname = "mine"\nversion = "one"\n', "cargo says"),
        (f'{MINE}[dependencies]\nother = {{ path = "../other" }}\n', "cargo says"),
    ],
)
def test_a_folder_that_is_no_crate_of_its_own_says_why(manifest, told, store, tmp_path):
    write_crate(tmp_path / "other", Cargo_toml=MINE.replace("mine", "other"), src__lib_rs="")
    crate = write_crate(tmp_path / "mine", Cargo_toml=manifest, src__lib_rs="")
    with pytest.raises(OperatorError, match=told):
        store.acquire(str(crate))


def test_dependencies_that_do_not_exist_are_said_to_be_missing(store, tmp_path):
    wanted = '[dependencies]\nswarm-node-no-such-crate-zz = "1"\n'
    crate = write_crate(tmp_path / "mine", Cargo_toml=MINE + wanted, src__lib_rs="")
    with pytest.raises(OperatorError, match="no matching package"):
        store.prepare(store.acquire(str(crate)))


def test_a_registry_that_is_not_reachable_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("CARGO_HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("CARGO_NET_RETRY", "0")
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "home"))
    with pytest.raises(TransientError) as waiting:
        CrateStore(tmp_path / "store").acquire("fnv")
    assert waiting.value.waits_for == "cargo registry"
    assert not list((tmp_path / "store/crates").iterdir())


def test_a_pin_that_is_not_the_registrys_is_somebodys_fault(store):
    pin = store.acquire("strsim@0.11.1").pin
    with pytest.raises(PeerFaultError) as fault:
        store.open(dataclasses.replace(pin, checksum=bytes(31) + b"\1"))
    assert fault.value.rule == "crate-pin"


# Several nodes on one machine


def acquire_and_prepare(root, results):
    store = CrateStore(Path(root))
    source = store.acquire("fnv@1.0.7")
    results.put((source.pin.checksum, store.knowledge(source).digest, store.prepare(source).vendor))


def test_nodes_that_share_a_machine_get_the_same_crate_at_the_same_time(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    stores = [tmp_path / "one", tmp_path / "two", tmp_path / "two"]
    processes = [context.Process(target=acquire_and_prepare, args=(str(root), results)) for root in stores]
    for process in processes:
        process.start()
    told = [results.get(timeout=600) for _ in processes]
    for process in processes:
        process.join(60)
    assert len(set(told)) == 1


# What is known of real crates

KNOWN = {
    "heck@0.5.0": ("heck::ToKebabCase::to_kebab_case", "heck::AsSnakeCase"),
    "shlex@1.3.0": ("shlex::split", "shlex::Shlex::new", "shlex::bytes::split"),
    "smallvec@1.13.2": ("smallvec::SmallVec::push", "smallvec::smallvec", "smallvec::Array"),
    "itertools@0.13.0": ("itertools::Itertools::interleave", "itertools::Product", "itertools::zip_eq"),
    "textwrap@0.16.1": ("textwrap::wrap", "textwrap::Options::new", "textwrap::core::Word::from"),
    "either@1.13.0": ("either::Either::flip", "either::for_both", "either::IterEither"),
}


@pytest.mark.parametrize(("text", "paths"), KNOWN.items(), ids=KNOWN)
def test_real_crates_are_known_by_their_public_paths(text, paths, store):
    known = store.knowledge(store.acquire(text))
    listed = {line.partition(": ")[0] for line in known.base.public_api}
    assert set(paths) <= listed
    assert known.digest == knowledge_digest(known.data)
    assert any(item.doctests for item in known.base.items)
    assert known.base.idioms
    assert any(file.role is FileRole.LIBRARY for file in known.base.files)

"""Orders that no swarm can work: refused by `job submit` before anything is signed or handed in."""

import dataclasses
import random
import time

import pytest

from consensus.params import LOCAL
from consensus.types import JobId
from node.cli.ordering import parse_duration
from node.identity import NodeKey
from node.wire import seal_message
from node.wire.envelope import Domain
from tests.support import rpc_desks
from tests.support.jobs import make_spec
from tests.support.rpc_desks import CALLER, DOMAIN
from tests.unit.cli.conftest import files_below, run
from tests.unit.cli.test_cli_node import Answering


@pytest.fixture(scope="module")
def node():
    """A node of a swarm with preset LOCAL."""
    with Answering() as answering:
        view = dataclasses.replace(rpc_desks.NODE_VIEW, preset_hash=LOCAL.hash())

        async def status():
            return view

        answering.desks.node.status = status
        yield answering


def submit(node, home, *words):
    return run("job", "submit", "--node", node.address, "--data", home, *words)


def ordered(**changes):
    return make_spec(**({"preset_hash": LOCAL.hash(), "deadline_unix_s": int(time.time()) + 600} | changes))


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        ([], "the job names no crate", "--crates"),
        (["--crates", "strsim", "--categories", ""], "the job names no category", "--categories all"),
        (["--crates", "strsim", "--categories", "poetry"], "no category is called 'poetry'", "code_generation"),
        (["--crates", "strsim", "--accept", "1.5"], "thresholds out of range", "--accept 0.7"),
        (["--crates", "strsim", "--accept", "0.4"], "thresholds out of range", "--review 0.5"),
        (["--crates", "strsim", "--review", "-0.1"], "thresholds out of range", "--review"),
        (["--crates", "strsim", "--accept", "nan"], "thresholds out of range", "--accept"),
        (["--crates", "strsim", "--deadline", "yesterday"], "no time from now is 'yesterday'", "30m"),
        (["--crates", "strsim", "--deadline", "0s"], "no time from now is '0s'", "30m"),
        (["--crates", "str sim!"], "names no crate", "name@version"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused_before_it_is_signed(node, home, words, error, hint):
    ended = submit(node, home, *words, "--save", home / "signed.job")
    assert ended.code == 2
    assert error in ended.error
    assert hint in ended.hint
    assert not (home / "signed.job").exists()
    assert node.desks.jobs.submitted == []


def test_a_folder_that_is_no_crate_is_refused(node, home, tmp_path):
    (tmp_path / "empty").mkdir()
    ended = submit(node, home, "--crates", str(tmp_path / "empty"))
    assert ended.code == 2
    assert "is not a crate: there is no Cargo.toml in it" in ended.error
    assert ended.hint


@pytest.mark.cargo
def test_a_crate_that_nobody_has_published_and_one_of_another_version_are_refused(node, home):
    ended = submit(node, home, "--crates", "no-such-crate-as-this-one-0")
    assert (ended.code, "no matching package" in ended.error) == (2, True)
    ended = submit(node, home, "--crates", "strsim@99.0.0")
    assert ended.code == 2
    assert "99.0.0" in ended.error
    assert "there are" in ended.error
    assert node.desks.jobs.submitted == []


@pytest.mark.cargo
def test_a_crate_that_does_not_compile_is_refused_unless_it_is_asked_for(node, home, tmp_path):
    folder = tmp_path / "broken"
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text('[package]\nname = "broken"\nversion = "0.1.0"\nedition = "2021"\n')
    (folder / "src/lib.rs").write_text("pub fn one() -> u8 { missing }\n")
    ended = submit(node, home, "--crates", str(folder), "--save", home / "signed.job")
    assert ended.code == 2
    assert "broken@0.1.0 does not compile" in ended.error
    assert "--unbuilt" in ended.hint
    assert not (home / "signed.job").exists()
    assert node.desks.jobs.submitted == []
    assert submit(node, home, "--crates", str(folder), "--unbuilt").code == 0
    node.desks.jobs.submitted.clear()


def test_a_registry_that_cannot_be_reached_is_the_worlds_fault(node, home, monkeypatch, tmp_path):
    monkeypatch.setenv("CARGO_NET_OFFLINE", "true")
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "cargo"))
    ended = submit(node, home, "--crates", "strsim@0.11.1")
    assert ended.code == 3
    assert "offline" in ended.error
    assert ended.hint


def test_a_signed_job_is_submitted_as_it_is(node, home, tmp_path):
    path = tmp_path / "signed.job"
    path.write_bytes(seal_message(DOMAIN, ordered(), CALLER))
    ended = submit(node, home, "--file", path)
    assert ended.code == 0
    assert node.desks.jobs.submitted.pop() == path.read_bytes()


def test_a_job_that_was_changed_after_it_was_signed_is_refused(node, home, tmp_path):
    data = seal_message(DOMAIN, ordered(title="honest title"), CALLER)
    path = tmp_path / "signed.job"
    path.write_bytes(data.replace(b"honest", b"stolen"))
    ended = submit(node, home, "--file", path)
    assert ended.code == 2
    assert "signature" in ended.error
    assert "changed after it was signed" in ended.error
    assert node.desks.jobs.submitted == []


def test_a_job_signed_for_another_swarm_is_refused(node, home, tmp_path):
    path = tmp_path / "signed.job"
    path.write_bytes(seal_message(Domain(bytes(32)), ordered(), CALLER))
    ended = submit(node, home, "--file", path)
    assert (ended.code, "is signed for another swarm" in ended.error) == (2, True)


@pytest.mark.parametrize("content", [b"", b"not a job", random.Random(1).randbytes(200), b"\x00" * (1 << 20)])
def test_a_file_that_is_no_job_is_refused(node, home, tmp_path, content):
    path = tmp_path / "signed.job"
    path.write_bytes(content)
    ended = submit(node, home, "--file", path)
    assert ended.code == 2
    assert "holds no signed job" in ended.error
    assert "--save" in ended.hint


def test_a_file_that_is_not_there_is_named(node, home, tmp_path):
    ended = submit(node, home, "--file", tmp_path / "nothing.job")
    assert (ended.code, ended.error) == (2, f"cannot read {tmp_path / 'nothing.job'}: No such file or directory")


def test_a_swarm_with_other_numbers_than_ours_is_not_ordered_from(home):
    with Answering(NodeKey(b"\x09" * 32)) as other:
        ended = submit(other, home, "--crates", "strsim")
    assert ended.code == 2
    assert "which is not ours" in ended.error
    assert "version" in ended.hint


def test_a_refused_order_leaves_the_data_folder_as_it_was(node, home):
    before = files_below(home)
    submit(node, home, "--crates", "strsim", "--accept", "7")
    submit(node, home, "--crates", "strsim", "--categories", "poetry")
    assert files_below(home) == before


def test_a_job_is_named_by_the_beginning_of_its_id(node, home):
    words = ("--node", node.address, "--data", home)
    ended = run("job", "show", rpc_desks.JOB.hex()[:8], *words)
    assert ended.code == 1  # the node lists it twice, and says so
    assert "2 jobs begin with" in ended.error
    ended = run("job", "show", "ffffffff", *words)
    assert (ended.code, "no job of this node begins with ffffffff" in ended.error) == (1, True)
    ended = run("job", "show", "xyz", *words)
    assert (ended.code, "'xyz' is no job id" in ended.error) == (2, True)
    ended = run("job", "cancel", JobId(b"\x0c" * 32).hex(), *words)
    assert ended.code == 0
    assert node.desks.jobs.cancelled[-1][1] == JobId(b"\x0c" * 32)


def test_times_are_read_with_their_units():
    assert [parse_duration(text) for text in ("90s", "30m", "2h", "7d")] == [90, 1800, 7200, 604_800]

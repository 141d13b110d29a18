"""How cargo is called and what its failures mean. The stand-in programs here are shell scripts of a few words."""

import itertools
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from node.crates.cargo import Cargo, explain_failure
from node.crates.limits import CrateLimits
from node.errors import ExitCode, OperatorError, TransientError

UNKNOWN = """    Updating crates.io index
error: no matching package named `nosuch` found
location searched: crates.io index
required by package `swarm-node-stub v0.0.0 (/x/stub)`
"""
NO_VERSION = """error: failed to select a version for the requirement `strsim = "=99.0.0"`
candidate versions found which didn't match: 0.11.1, 0.11.0, 0.10.0, ...
location searched: crates.io index
"""
UNREACHABLE = """warning: spurious network error (1 try remaining): [7] Could not connect to server
error: failed to get `strsim` as a dependency of package `swarm-node-stub v0.0.0 (/x/stub)`

Caused by:
  download of config.json failed

Caused by:
  [7] Could not connect to server (Failed to connect to 127.0.0.1 port 9 after 0 ms: Could not connect to server)
"""
OFFLINE = """error: no matching package named `fastrand` found
location searched: crates.io index
As a reminder, you're using offline mode (--offline) which can sometimes cause surprising resolution failures
"""
NO_REPOSITORY = """warning: spurious network error (1 try remaining): failed to resolve path '/none'; class=Os (2)
error: failed to get `x` as a dependency of package `swarm-node-stub v0.0.0 (/x/stub)`

Caused by:
  failed to resolve path '/none': No such file or directory; class=Os (2)
"""


def test_an_unknown_crate_is_the_operators_turn():
    error = explain_failure("nosuch", UNKNOWN)
    assert isinstance(error, OperatorError)
    assert "no matching package named `nosuch` found" in str(error)
    assert error.exit_code is ExitCode.USAGE


def test_an_unknown_version_names_those_that_exist():
    error = explain_failure("strsim@99.0.0", NO_VERSION)
    assert isinstance(error, OperatorError)
    assert "0.11.1" in str(error)


def test_an_unreachable_registry_is_waited_for_and_our_stub_is_not_mentioned():
    error = explain_failure("strsim", UNREACHABLE)
    assert isinstance(error, TransientError)
    assert error.waits_for == "cargo registry"
    assert "Could not connect" in str(error)
    assert "swarm-node-stub" not in str(error)


def test_working_offline_is_told_apart_from_a_crate_that_does_not_exist():
    error = explain_failure("fastrand", OFFLINE)
    assert isinstance(error, OperatorError)
    assert error.exit_code is ExitCode.UNAVAILABLE
    assert "offline" in str(error)


def test_a_repository_that_is_not_there_will_not_come_by_waiting():
    assert isinstance(explain_failure("git+file:///none#x", NO_REPOSITORY), OperatorError)


@pytest.mark.parametrize("stderr", ["", "\0\xff", "error:", "Caused by:\n  x", "x" * 10_000_000])
def test_whatever_cargo_prints_becomes_one_bounded_line(stderr):
    error = explain_failure("x", stderr)
    assert len(str(error)) < 1000


@pytest.fixture
def cargo_script(tmp_path):
    def make(script, **limits):
        program = tmp_path / "cargo"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return Cargo(tmp_path, limits=CrateLimits(**limits), program=str(program))

    return make


def test_output_arguments_and_environment_pass_through(cargo_script, monkeypatch):
    monkeypatch.setenv("CARGO_HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("RUSTC_BOOTSTRAP", "1")
    cargo = cargo_script('echo "$1|$CARGO_HTTP_PROXY|$RUSTC_BOOTSTRAP|$CARGO_TERM_COLOR"; echo told >&2')
    assert cargo.run("two words", subject="x") == (b"two words|http://127.0.0.1:9||never\n", "told\n")


@pytest.fixture
def overdue_once_it_has_spoken(monkeypatch):
    """However long a program takes to begin, its time is up after its first words."""
    times = itertools.chain([0.0, 0.0], itertools.repeat(1e6))  # when it is up; what is left for the first words
    monkeypatch.setattr("node.crates.cargo.time", SimpleNamespace(monotonic=lambda: next(times)))


@pytest.mark.usefixtures("overdue_once_it_has_spoken")
def test_a_cargo_that_does_not_end_is_ended_with_what_it_started(cargo_script, tmp_path):
    cargo = cargo_script(f"sleep 600 & echo $! > {tmp_path}/child; echo started >&2; wait")
    with pytest.raises(TransientError, match="did not end"):
        cargo.run("fetch", subject="x")
    child = int((tmp_path / "child").read_text())
    assert is_gone(child)


def is_gone(process):
    """Within a bound: the kernel takes a moment to reap an orphan."""
    for _ in range(6000):
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}:
                return True
            os.kill(process, 0)
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.usefixtures("overdue_once_it_has_spoken")
def test_waiting_for_anothers_lock_says_so(cargo_script):
    cargo = cargo_script('echo "    Blocking waiting for file lock on package cache" >&2; sleep 600')
    with pytest.raises(TransientError) as late:
        cargo.run("fetch", subject="x")
    assert late.value.waits_for == "package cache"


def test_a_flood_of_output_is_cut_off(cargo_script):
    cargo = cargo_script("yes", cargo_output_bytes_max=1 << 20)
    with pytest.raises(OperatorError, match="more than 1048576 bytes"):
        cargo.run("metadata", subject="x")


def test_a_missing_cargo_is_named_with_what_to_do(tmp_path):
    with pytest.raises(OperatorError) as missing:
        Cargo(tmp_path, program=str(tmp_path / "none")).run("fetch", subject="x")
    assert "install Rust" in missing.value.hint
    assert missing.value.exit_code is ExitCode.UNAVAILABLE

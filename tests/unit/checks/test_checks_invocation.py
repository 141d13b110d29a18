"""Recorded compiler calls: read as written, made again with small changes."""

from pathlib import Path

import pytest

from node.checks.invocation import RecordError, parse_record
from node.checks.sandbox.bubblewrap import SCRATCH, wrap

ARGUMENTS = [
    *("rustc", "--crate-name", "my_crate", "--edition=2021", "src/lib.rs", "--error-format=json"),
    *("--json=artifacts", "--crate-type", "cdylib", "--crate-type", "rlib", "--emit=dep-info,metadata,link"),
    *("-C", "embed-bitcode=no", "--cfg", 'feature="std"', "--check-cfg", "cfg(docsrs,test)"),
    *("-C", "metadata=abc", "-C", "extra-filename=-abc", "--out-dir", "/t/deps", "-C", "incremental=/t/inc"),
    *("-L", "dependency=/t/deps", "--extern", "serde=/t/libserde.rlib", "--extern", "other=/t/libother.rlib"),
]


def record(arguments=None, environment=("PATH=/bin", "CARGO_PKG_NAME=my=crate", "SWARM_RECORDS=/r", "TMPDIR=/x")):
    words = ARGUMENTS if arguments is None else arguments
    return "\0".join(["/project", str(len(words)), *words, *environment, ""]).encode()


def test_a_record_gives_back_the_call():
    call = parse_record(record())
    assert (call.crate_name, call.source, call.tests) == ("my_crate", "src/lib.rs", False)
    assert call.output == "my_crate-abc"
    assert call.crate_types == {"cdylib", "rlib"}
    assert call.environment == {"PATH": "/bin", "CARGO_PKG_NAME": "my=crate"}
    assert call.directory == Path("/project")


def test_every_flag_that_decides_a_verdict_is_kept():
    words = parse_record(record()).rebuilt(out_dir=Path("/o"), emit="metadata")
    text = " ".join(words)
    for kept in ('--cfg feature="std"', "--check-cfg cfg(docsrs,test)", "-C metadata=abc", "--edition 2021"):
        assert kept in text
    for gone in ("incremental", "--out-dir /t/deps", "--json", "cdylib", "dep-info"):
        assert gone not in text
    assert words[-4:] == ("--error-format=json", "--emit=metadata", "--out-dir", "/o")


def test_a_library_can_be_replaced_and_the_crate_renamed():
    words = parse_record(record()).rebuilt(
        out_dir=Path("/o"),
        emit="link",
        source="tests/x.rs",
        crate_name="x",
        libraries={"serde": Path("/n.rlib")},
        search=(Path("/s"),),
    )
    text = " ".join(words)
    assert "--extern serde=/n.rlib" in text
    assert "/t/libserde.rlib" not in text
    assert "--extern other=/t/libother.rlib" in text
    assert "--crate-name x" in text
    assert "tests/x.rs" in words
    assert "-L dependency=/s" in text


@pytest.mark.parametrize("raw", [b"", b"/d", b"/d\0x\0", b"/d\x005\0rustc\0", record()[:40], b"/d\x000\0"])
def test_a_record_cut_short_is_refused(raw):
    with pytest.raises(RecordError):
        parse_record(raw)


def wrapped(**options):
    given = {"readable": (Path("/data/in"),), "writable": (Path("/data/in/out"),), "root": False, "tmp_bytes": 1024}
    return " ".join(wrap(Path("/usr/bin/bwrap"), ("/data/in/program",), **{**given, **options}))


def test_the_sandbox_has_no_network_no_environment_and_dies_with_us():
    text = wrapped()
    for option in (
        "--unshare-net",
        "--unshare-pid",
        "--unshare-ipc",
        "--clearenv",
        "--die-with-parent",
        "--new-session",
    ):
        assert option in text
    assert text.endswith("--remount-ro / --chdir / -- /data/in/program")


def test_inner_binds_come_after_outer_ones_and_closed_parents_are_made_anew():
    text = wrapped()
    assert text.index("--ro-bind /data/in /data/in") < text.index("--bind /data/in/out /data/in/out")
    assert "--dir /data --ro-bind /data/in" in text
    assert "--dir /data/in " not in text


def test_nothing_of_ours_is_shown_but_what_is_named():
    bound = wrapped().split("--ro-bind ")[1:]
    shown = {part.split()[0] for part in bound}
    assert not shown & {"/", "/home", "/root", "/etc", "/var", "/tmp", "/proc", "/sys"}
    assert f"--tmpfs {SCRATCH}" in wrapped()


def test_root_keeps_few_capabilities_and_a_user_gets_a_namespace():
    assert "--cap-drop ALL" in wrapped(root=True)
    assert "--unshare-user" not in wrapped(root=True)
    assert "CAP_SYS_ADMIN" not in wrapped(root=True)
    assert "--unshare-user" in wrapped(root=False)

"""Hostile crates and rows through the whole engine: build scripts, procedural macros, orders to cargo, and tests that
look around. Each writes down what it got; the node's own files are as before."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from node.checks import CheckSettings, open_engine
from node.values.verdict import AddedFile, CheckPlan, Expect, Outcome, Project, Step, TestName, TestTarget
from tests.support.arena import Canary
from tests.support.prepared import make_crate

pytestmark = pytest.mark.cargo

ATTEMPTS = """
pub fn attempts(files: &[&str], folder: &str, address: &str) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt;
    let mut got: Vec<String> = Vec::new();
    for file in files {
        if std::fs::read(file).is_ok() { got.push(format!("read {file}")); }
        if std::fs::write(file, "x").is_ok() { got.push(format!("wrote {file}")); }
        if std::fs::remove_file(file).is_ok() { got.push(format!("removed {file}")); }
        let open = std::fs::Permissions::from_mode(0o777);
        if std::fs::set_permissions(file, open).is_ok() { got.push(format!("opened {file}")); }
    }
    if std::fs::write(format!("{folder}/written"), "x").is_ok() { got.push("wrote outside".into()); }
    if std::fs::read_dir(folder).is_ok() { got.push("listed".into()); }
    for home in ["/root", "/home", "/etc/passwd", "/proc/1/environ"] {
        if std::fs::read_dir(home).is_ok() { got.push(home.into()); }
    }
    for name in ["HOME", "USER", "SSH_AUTH_SOCK", "SWARM_CANARY", "RUSTUP_HOME"] {
        // Their own folder may be called a home: it is nobody's.
        let is_given = |value: String| name != "HOME" || std::env::var("TMPDIR") != Ok(value);
        if std::env::var(name).is_ok_and(is_given) { got.push(name.into()); }
    }
    if std::net::TcpStream::connect(address).is_ok() { got.push("connected".into()); }
    if std::net::UdpSocket::bind("127.0.0.1:0").is_ok() { got.push("udp".into()); }
    let cat = |file: &&str| std::process::Command::new("/bin/cat").arg(file).status().is_ok_and(|done| done.success());
    if files.iter().any(cat) { got.push("read by another program".into()); }
    got
}
"""

MANIFEST = '[package]\nname = "hostile"\nversion = "0.1.0"\nedition = "2021"\n[lib]\nproc-macro = true\n'


class Bait:
    """Files of a node with open modes, and a listener."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o777)
        self.folder = folder
        self.files = [folder / name for name in ("key", "store.db", "verdicts.jsonl")]
        for file in self.files:
            file.write_text(f"canary of {file.name}\n")
            file.chmod(0o666)
        self.before = [Canary.of(file) for file in self.files]
        self.server = socket.create_server(("127.0.0.1", 0))

    @property
    def call(self) -> str:
        """An expression that tries everything."""
        listed = ", ".join(f'"{file}"' for file in self.files)
        return f'attempts(&[{listed}], "{self.folder}", "127.0.0.1:{self.server.getsockname()[1]}")'

    def untouched(self) -> bool:
        """Whether all is as it was, and nothing was added."""
        now = [Canary.of(file) for file in self.files]
        return now == self.before and sorted(self.folder.iterdir()) == sorted(self.files)


@pytest.fixture(scope="module")
def bait(tmp_path_factory):
    folder = tmp_path_factory.mktemp("node")
    os.environ["SWARM_CANARY"] = "1"
    made = Bait(folder)
    yield made
    made.server.close()
    del os.environ["SWARM_CANARY"]


def settle(folder, crate, steps):
    async def run():
        engine = await open_engine(CheckSettings(folder, cores=2))
        try:
            return await engine.baseline(crate), await engine.run(crate, [CheckPlan((step,)) for step in steps])
        finally:
            await engine.close()

    baseline, results = asyncio.run(run())
    return baseline, [result.steps[0] for result in results]


def test_build_scripts_and_procedural_macros_get_nowhere_and_orders_to_cargo_are_not_obeyed(bait, tmp_path):
    script = f'{ATTEMPTS}\nfn main() {{ println!("cargo:rustc-env=SCRIPT_GOT={{:?}}", {bait.call}); }}\n'
    library = f"""{ATTEMPTS.replace("pub fn", "fn")}
    use proc_macro::TokenStream;
    #[proc_macro]
    pub fn got(_: TokenStream) -> TokenStream {{
        format!("(\\"{{}}\\", \\"{{}}\\")", {bait.call}.join(","), env!("SCRIPT_GOT")).parse().unwrap()
    }}
    """
    uses = '#[test]\nfn nothing() { assert_eq!(hostile::got!(), ("", "[]")); }\n'
    ordered = tmp_path / "ordered"
    wrapper = (
        f'[build]\nrustc-wrapper = "{tmp_path}/wrapper"\n[target.x86_64-unknown-linux-gnu]\nrunner = "{ordered}"\n'
    )
    (tmp_path / "wrapper").write_text(f'#!/bin/sh\ntouch {ordered}\nexec "$@"\n')
    (tmp_path / "wrapper").chmod(0o755)
    files = {
        "build.rs": script,
        "src/lib.rs": library,
        "tests/uses.rs": uses,
        ".cargo/config.toml": wrapper,
        "rust-toolchain.toml": '[toolchain]\nchannel = "nightly-1999-01-01"\n',
    }
    crate = make_crate(tmp_path / "crate", files, name="hostile", manifest=MANIFEST)
    baseline, _ = settle(tmp_path / "checks", crate, [])
    assert baseline.tests == (TestName(TestTarget.INTEGRATION.value, "uses", "nothing"),), baseline
    assert bait.untouched()
    assert not ordered.exists()


AROUND = """
fn search(folder: &std::path::Path, depth: u32, seen: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && depth > 0 { search(&path, depth - 1, seen); }
        if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if text.contains(&["OF_THE", "SIBLING"].join("_")) { seen.push(path); }
        }
    }
}
#[test]
fn t() {
    let mut seen = Vec::new();
    for start in [std::env::current_exe().unwrap(), std::env::current_dir().unwrap()] {
        for folder in start.ancestors().skip(1).take(3) { search(folder, 5, &mut seen); }
    }
    assert_eq!(seen, Vec::<std::path::PathBuf>::new());
}
"""


def test_tests_get_nowhere_and_do_not_see_other_examples(bait, tmp_path):
    crate = make_crate(tmp_path / "crate", {"src/lib.rs": "pub fn one() -> u8 { 1 }\n#[test]\nfn t() {}\n"})
    looks = f"{ATTEMPTS}\n#[test]\nfn t() {{ assert_eq!({bait.call}, Vec::<String>::new()); }}\n"
    sibling = "// OF_THE_SIBLING\n#[test]\nfn t() { assert_eq!(sample::one(), 1); }\n"
    named = (TestName(TestTarget.INTEGRATION.value, "mine", "t"),)
    steps = [
        Step(str(number), Project(crate.pin, (), (AddedFile("tests/mine.rs", text),)), Expect.TESTS_PASS, named)
        for number, text in enumerate((looks, AROUND, sibling))
    ]
    _, results = settle(tmp_path / "checks", crate, steps)
    assert [(result.outcome, result.reason) for result in results] == [(Outcome.HOLDS, "1 of 1 tests passed")] * 3
    assert bait.untouched()

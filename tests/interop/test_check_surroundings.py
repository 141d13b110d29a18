"""Honest rows that lean on what surrounds a test: threads, files, folders, output. All of them pass under cargo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from node.checks.engine import TOOLS_VARIABLE
from node.checks.sandbox import system

pytestmark = pytest.mark.cargo

# With eight heaps for each of two cores they would need more addresses than a test has.
MEET = """use std::sync::Barrier;

pub fn meet(count: usize) -> usize {
    let barrier = Barrier::new(count);
    std::thread::scope(|scope| {
        let wait = |number| {
            let own = vec![number; 100];
            barrier.wait();
            own.len()
        };
        let own = || std::thread::Builder::new().stack_size(5 << 18);
        let threads: Vec<_> = (0..count).map(|number| own().spawn_scoped(scope, move || wait(number))).collect();
        threads.into_iter().map(|thread| thread.unwrap().join().unwrap()).sum()
    })
}"""
SAVE = """use std::path::Path;

pub fn save(path: &Path, text: &str) -> std::io::Result<String> {
    std::fs::write(path, text)?;
    let back = std::fs::read_to_string(path)?;
    std::fs::remove_file(path)?;
    Ok(back)
}"""
WRITE = """use std::io::Write;

pub fn write<W: Write>(mut to: W, lines: usize) -> std::io::Result<usize> {
    for number in 0..lines {
        writeln!(to, "{number:99}")?;
    }
    to.flush()?;
    Ok(lines * 100)
}"""
LINES = """pub fn lines(path: &std::path::Path) -> std::io::Result<usize> {
    Ok(std::fs::read_to_string(path)?.lines().count())
}"""
RUN = """pub fn run(program: &str) -> std::io::Result<bool> {
    Ok(std::process::Command::new(program).status()?.success())
}"""

ROWS = {
    "a thousand threads that have heaps of their own": (MEET, "assert_eq!(meet(1000), 100_000);"),
    "a file beside the manifest": (SAVE, 'assert_eq!(save(Path::new("out.txt"), "a").unwrap(), "a");'),
    "a file in /tmp": (SAVE, 'assert_eq!(save(Path::new("/tmp/swarm_row.txt"), "a").unwrap(), "a");'),
    "two mebibytes to standard output": (WRITE, "assert_eq!(write(std::io::stdout(), 20_000).unwrap(), 2_000_000);"),
    "two mebibytes to standard error": (WRITE, "assert_eq!(write(std::io::stderr(), 20_000).unwrap(), 2_000_000);"),
    "a full device": (
        WRITE,
        (
            'let full = std::fs::File::create("/dev/full").unwrap();\nassert!(write(full, 1).is_err());\n'
            "assert_eq!(write(vec![], 1).unwrap(), 100);"
        ),
    ),
    "a long file": (
        WRITE,
        (
            'let file = std::fs::File::create("long").unwrap();\nfile.set_len(100 << 20).unwrap();\n'
            "assert_eq!(write(&file, 2).unwrap(), 200);"
        ),
    ),
    "its own source and manifest": (
        LINES,
        'assert!(lines("src/lib.rs".as_ref()).unwrap() > 10);\nassert!(lines("Cargo.toml".as_ref()).unwrap() > 3);',
    ),
    "its own manifest by the compiler's word": (
        LINES,
        (
            'let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));\n'
            'assert!(lines(&folder.join("Cargo.toml")).unwrap() > 3);'
        ),
    ),
    "certificates of authorities": (
        LINES,
        "".join(f'assert!(lines("{path}".as_ref()).unwrap() > 9);\n' for path in system.authorities())
        + 'assert!(lines("/etc/shadow".as_ref()).is_err());',
    ),
    "another program": (RUN, 'assert!(run("true").unwrap());'),
}


@pytest.fixture(scope="module")
def checked():
    # Not below /tmp: what a test finds there is its own only where none of our folders is.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        rows = [{"id": name, "code": code, "tests": tests} for name, (code, tests) in ROWS.items()]
        source, out = folder / "rows.jsonl", folder / "verdicts.jsonl"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
        words = ["--in", str(source), "--out", str(out), "--cache", str(folder / "cache"), "--mutants", "0"]
        environment = {name: value for name, value in os.environ.items() if name != TOOLS_VARIABLE}
        subprocess.run([sys.executable, "-m", "node.cli", "check", *words], check=True, env=environment)
        return {found["id"]: found for found in map(json.loads, out.read_text().splitlines())}


@pytest.mark.parametrize("name", [name for name in ROWS if name not in {"another program", "a file in /tmp"}])
def test_what_cargo_gives_a_test_is_there(checked, name):
    assert checked[name]["verdict"] == "pass", checked[name]["reasons"]


def test_tmp_is_a_folder_of_the_tests_own(checked):
    found = checked["a file in /tmp"]
    if found["sandbox"] != "strict":
        pytest.skip("only where a mount namespace gives it one")
    assert found["verdict"] == "pass", found["reasons"]


def test_what_is_refused_is_named(checked):
    found = checked["another program"]
    assert found["verdict"] == "fail"
    assert "Operation not permitted" in found["reasons"][0]
    assert "programs" in found["reasons"][0]

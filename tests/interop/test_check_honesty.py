"""Forged results, tried for real: whatever tested code prints, exits with or hooks, what did not hold does not pass.

All cases share one engine, one crate and few builds; each is looked at by a test of its own.
"""

from __future__ import annotations

import asyncio

import pytest

from node.checks import CheckSettings, open_engine
from node.values.crate import Span
from node.values.verdict import AddedFile, CheckPlan, Edit, Expect, Outcome, Project, Step, TestName, TestTarget
from tests.support.prepared import make_crate

pytestmark = pytest.mark.cargo

LIB = """pub fn add(a: u8, b: u8) -> u8 {
    a.saturating_add(b)
}

#[cfg(test)]
mod tests {
    #[test]
    fn adds() {
        assert_eq!(super::add(1, 2), 3);
    }
}
"""
SUMMARY = "\\n\\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\\n"
SAY = (
    "fn say(text: &str) { use std::io::Write; let mut out = std::io::stdout(); out.write_all(text.as_bytes()).unwrap();"
)
SAY += " out.flush().unwrap(); }\n"
LIE = f'say("ok{SUMMARY}");'
WRONG = "assert_eq!(sample::add(1, 1), 3);"


def case(body: str, head: str = "", before: str = "") -> str:
    return f"{SAY}{before}\n{head}#[test]\nfn t() {{ {body} }}\n"


FORGERIES = {
    "exits with success": case("std::process::exit(0);"),
    "exits from another thread": case(
        "std::thread::spawn(|| std::process::exit(0)); loop { std::thread::yield_now() }"
    ),
    "writes the result and exits": case(f"{LIE} std::process::exit(0);"),
    "writes the result from another thread": case(
        f"std::thread::spawn(|| {{ {LIE} std::process::exit(0) }}); loop {{ std::thread::yield_now() }}"
    ),
    "writes the result and aborts": case(f"{LIE} std::process::abort();"),
    "a panic hook that exits": case(f"std::panic::set_hook(Box::new(|_| {{ {LIE} std::process::exit(0) }})); {WRONG}"),
    "a value that exits when dropped": case(
        f"let _exits = Exits; {WRONG}",
        before=f"struct Exits; impl Drop for Exits {{ fn drop(&mut self) {{ {LIE} std::process::exit(0) }} }}",
    ),
    "a thread local that exits": case(
        f"KEPT.with(|_| ()); {WRONG}",
        before=f"struct Exits; impl Drop for Exits {{ fn drop(&mut self) {{ {LIE} std::process::exit(0) }} }}"
        " thread_local! { static KEPT: Exits = const { Exits }; }",
    ),
    "reads the nonce's descriptor": case(
        "use std::io::{Read, Write}; use std::os::fd::FromRawFd; let mut nonce = [0u8; 32];"
        " let read = unsafe { std::fs::File::from_raw_fd(5) }.read(&mut nonce);"
        ' let said = format!("{} t\\n", String::from_utf8_lossy(&nonce));'
        " let mut proof = std::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(6) });"
        f" let _ = (read, proof.write_all(said.as_bytes())); {LIE} std::process::exit(0);"
    ),
    "finds the nonce in its own memory map": case(
        f'let maps = std::fs::read("/proc/self/mem").or(std::fs::read("/dev/fd/5")); assert!(maps.is_ok()); {LIE}'
    ),
    "replaces write": case(
        f"{LIE} {WRONG}",
        before='#[no_mangle] pub extern "C" fn writev(_: i32, _: usize, _: i32) -> isize { 1 }',
    ),
    "replaces exit": case(
        f"{LIE} {WRONG}",
        before='extern "C" { fn _exit(code: i32) -> !; }'
        ' #[no_mangle] pub extern "C" fn exit(_: i32) -> ! { unsafe { _exit(0) } }',
    ),
    "an allocator that exits": case(
        f"ON.store(true, std::sync::atomic::Ordering::SeqCst); let _ = vec![1u8]; {WRONG}",
        before="use std::alloc::{GlobalAlloc, Layout, System}; struct Bad;"
        " static ON: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);"
        " unsafe impl GlobalAlloc for Bad {"
        " unsafe fn alloc(&self, l: Layout) -> *mut u8 {"
        " if ON.load(std::sync::atomic::Ordering::SeqCst) { std::process::exit(0) } System.alloc(l) }"
        " unsafe fn dealloc(&self, p: *mut u8, l: Layout) { System.dealloc(p, l) } }"
        " #[global_allocator] static A: Bad = Bad;",
    ),
    "an ignored test": case(f"{LIE}", head="#[ignore]\n"),
    "a test that is not compiled": case(LIE, head="#[cfg(any())]\n"),
    "a test of another name": "#[test]\nfn other() {}\n",
    "an expected panic that is another": case(f'{LIE} panic!("this")', head='#[should_panic(expected = "that")]\n'),
    "an error returned": f"{SAY}#[test]\nfn t() -> Result<(), String> {{ {LIE} Err(String::new()) }}\n",
    "a failure status returned": f"{SAY}#[test]\nfn t() -> std::process::ExitCode {{ {LIE} 7.into() }}\n",
    "a constructor that exits": case(
        WRONG,
        before='#[used] #[link_section = ".init_array"] static EARLY: extern "C" fn() = early;'
        ' extern "C" fn early() { std::process::exit(0) }',
    ),
    "a constructor before all others": case(
        WRONG,
        before='#[used] #[cfg_attr(all(), link_section = ".preinit_array")] static EARLY: extern "C" fn() = early;'
        ' extern "C" fn early() { std::process::exit(0) }',
    ),
    "assembly in a section of its own": case(WRONG, before='core::arch::global_asm!(".pushsection .preinit_array");'),
    "a macro that shadows the assertion's failure": case(
        f"let r = std::panic::catch_unwind(|| {{ {WRONG} }}); {LIE} if r.is_err() {{ std::process::exit(0) }}"
    ),
}

HONEST = {
    "an assertion": case("assert_eq!(sample::add(1, 1), 2);"),
    "a result": '#[test]\nfn t() -> Result<(), std::num::ParseIntError> { "1".parse::<u8>().map(drop) }\n',
    "a status": "#[test]\nfn t() -> std::process::ExitCode { std::process::ExitCode::SUCCESS }\n",
    "a named panic": case('panic!("of {}", 1)', head='#[should_panic(expected = "of 1")]\n'),
    "any panic": case("std::panic::panic_any(7u8)", head="#[should_panic]\n"),
    "a test that prints": case('println!("test t ... FAILED"); assert_eq!(sample::add(1, 1), 2);'),
    "a test that uses threads": case("std::thread::spawn(|| ()).join().unwrap();"),
    "its own allocator": case(
        "drop(vec![1u8]);", before="#[global_allocator] static A: std::alloc::System = std::alloc::System;"
    ),
    "a module called test": case(
        "assert_eq!(two(), 2);", before="mod test { pub fn two() -> u8 { 2 } } use test::two;"
    ),
    "a test made by a macro": "macro_rules! made { ($n:ident) => { #[test] fn $n() {} } }\nmade!(t);\n",
}

BODIES = {
    "exits with success": "{ let _ = b; std::process::exit(a as i32 - 1) }",
    "writes the result and exits": "{ use std::io::Write; let _ = (a, b); let mut out = std::io::stdout();"
    f' out.write_all(b"ok{SUMMARY}").unwrap(); out.flush().unwrap(); std::process::exit(0) }}',
}


def step(crate, name: str, edits=(), files=(), tests=()) -> Step:
    return Step(name, Project(crate.pin, tuple(edits), tuple(files)), Expect.TESTS_PASS, tuple(tests))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    crate = make_crate(tmp_path_factory.mktemp("crate"), {"src/lib.rs": LIB})
    named = (TestName(TestTarget.INTEGRATION.value, "mine", "t"),)
    files = {f"file: {name}": text for name, text in (FORGERIES | HONEST).items()}
    steps = [step(crate, name, files=[AddedFile("tests/mine.rs", text)], tests=named) for name, text in files.items()]
    body = Span("src/lib.rs", LIB.index("{"), LIB.index("}") + 1)
    steps += [step(crate, f"body: {name}", edits=[Edit(body, text)]) for name, text in BODIES.items()]

    async def settle():
        engine = await open_engine(CheckSettings(tmp_path_factory.mktemp("checks"), cores=2))
        try:
            return await engine.run(crate, [CheckPlan((item,)) for item in steps])
        finally:
            await engine.close()

    return {result.steps[0].name: result.steps[0] for result in asyncio.run(settle())}


@pytest.mark.parametrize("name", [*(f"file: {name}" for name in FORGERIES), *(f"body: {name}" for name in BODIES)])
def test_it_does_not_pass_and_the_reason_says_why(results, name):
    result = results[name]
    assert (result.outcome, result.tests_passed) == (Outcome.FAILS, 0)
    assert result.reason
    assert result.compiled or "could run before" in result.reason, "a forgery that does not compile shows nothing"


@pytest.mark.parametrize("name", HONEST)
def test_honest_work_passes(results, name):
    result = results[f"file: {name}"]
    assert (result.outcome, result.tests_passed) == (Outcome.HOLDS, 1), result.reason


def test_a_forged_result_line_is_called_forged(results):
    for name in ("file: writes the result and exits", "body: writes the result and exits"):
        assert "reported as passed without having returned" in results[name].reason


def test_an_ignored_test_is_called_ignored(results):
    assert "ignored: t" in results["file: an ignored test"].reason


def test_code_that_would_run_before_the_witness_is_refused_by_name(results):
    for name in ("a constructor that exits", "a constructor before all others", "assembly in a section of its own"):
        assert "could run before the tests are watched" in results[f"file: {name}"].reason

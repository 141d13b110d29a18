//! Stands in for the compiler's `test` crate, and says on a channel of its own which test functions returned.
//!
//! The harness that `rustc --test` writes calls `test::test_main_static` with its tests. Ours hands them on to the real
//! one, each wrapped: when a test function has come back without failing, or panicked as it should, the nonce and the
//! test's name are written to descriptor 6. The nonce was read from descriptor 5 before any code of the crate ran.
//! An exit status and printed lines can be forged by whatever runs in the process; a nonce that it cannot read cannot.
//!
//! If a `s` follows the nonce, the tests that were asked for run once more after all of them passed, with every function
//! that has a stub panicking (`schemata`): those that still pass are written with a `+` before their names, and a line
//! `!stubbed` says that the end was come to. Before that they run again as they are: where one fails because it ran
//! already, a process of its own must say what it notices. `!ended` says that the first run had come to its end, so that
//! whatever becomes of the process then takes nothing from it.
//!
//! Where a panic aborts, the first test that panics with stubs takes the process down. If it panicked on its own thread,
//! where nothing could have caught it, a line `!noticed` says so before.
//!
//! Nothing else changes: names, output, exit status and what compiles are those of the real crate, whose instability
//! is declared here as well. System calls are made without the C library, whose functions a test could replace.

#![feature(test, staged_api, linkage)]
#![allow(internal_features)]
#![unstable(feature = "test", issue = "50297")]

extern crate test as real;

pub use real::*;

use std::any::Any;
use std::arch::asm;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const NONCE: usize = 5;
const PROOF: usize = 6;
const NONCE_BYTES: usize = 32;

static mut NONCE_TEXT: [u8; NONCE_BYTES] = [0; NONCE_BYTES];
static NONCE_LENGTH: AtomicUsize = AtomicUsize::new(0);
static STUBS_WANTED: AtomicBool = AtomicBool::new(false);
static ABORTS: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread runs a test, and no code that a test started.
    static IS_TEST: Cell<bool> = const { Cell::new(false) };
}

/// What a stubbed test may take: one that waits for a function that panicked has noticed.
const STUBBED: Duration = Duration::from_secs(2);

extern "C" {
    /// Of the selector crate, where one is linked.
    #[linkage = "extern_weak"]
    static swarm_choose: Option<unsafe extern "C" fn(u32)>;
}

#[used]
#[link_section = ".preinit_array"]
static READ_NONCE: extern "C" fn() = read_nonce;

/// Before every constructor, those of shared libraries included.
extern "C" fn read_nonce() {
    let count = unsafe { call(READ, NONCE, &raw mut NONCE_TEXT as usize, NONCE_BYTES) };
    if count == NONCE_BYTES as isize {
        NONCE_LENGTH.store(NONCE_BYTES, Ordering::Relaxed);
        let mut mark = 0u8;
        let more = unsafe { call(READ, NONCE, &raw mut mark as usize, 1) };
        STUBS_WANTED.store(more == 1 && mark == b's', Ordering::Relaxed);
        unsafe { call(CLOSE, NONCE, 0, 0) };
    }
}

/// What the compiler's harness calls.
pub fn test_main_static(tests: &[&TestDescAndFn]) {
    let arguments: Vec<String> = std::env::args().collect();
    // Comes back only when nothing failed.
    real::test_main(&arguments, tests.iter().map(|test| witnessed(test)).collect(), None);
    if STUBS_WANTED.load(Ordering::Relaxed) {
        prove("!ended");
        stub(tests, arguments.get(1).map_or("", String::as_str));
    }
}

/// What the compiler's harness calls where a panic aborts. The real one would start a process for each test.
pub fn test_main_static_abort(tests: &[&TestDescAndFn]) {
    ABORTS.store(true, Ordering::Relaxed);
    test_main_static(tests);
}

/// Run the tests with stubs for functions. Beside the harness: what it prints is of no interest any more.
fn stub(tests: &[&TestDescAndFn], filter: &str) {
    let Some(choose) = (unsafe { swarm_choose }) else { return };
    std::panic::set_hook(Box::new(|_| {}));
    let mut asked = Vec::new();
    for test in tests {
        if let StaticTestFn(run) = test.testfn {
            let name = test.desc.name.to_string();
            if !test.desc.ignore && name.contains(filter) {
                asked.push((name, test.desc.should_panic, run));
            }
        }
    }
    if !asked.iter().all(|(name, expected, run)| passes(name, *expected, *run)) {
        return;
    }
    unsafe { choose(u32::MAX) };
    if ABORTS.load(Ordering::Relaxed) {
        std::panic::set_hook(Box::new(|_| {
            if IS_TEST.try_with(Cell::get).unwrap_or(false) {
                prove("!noticed");
            }
        }));
    }
    for (name, expected, run) in &asked {
        if passes(name, *expected, *run) {
            prove(&format!("+{name}"));
        }
    }
    prove("!stubbed");
}

fn passes(name: &str, expected: ShouldPanic, run: fn() -> Result<(), String>) -> bool {
    let (sender, receiver) = std::sync::mpsc::channel();
    let started = std::thread::Builder::new().name(name.to_string()).spawn(move || {
        IS_TEST.set(true);
        let passed = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(result) => expected == ShouldPanic::No && result.is_ok(),
            Err(payload) => expected != ShouldPanic::No && is_expected(expected, &*payload),
        };
        let _ = sender.send(passed);
    });
    started.is_ok() && receiver.recv_timeout(STUBBED).unwrap_or(false)
}

fn witnessed(test: &TestDescAndFn) -> TestDescAndFn {
    let desc = test.desc.clone();
    let testfn = match test.testfn {
        StaticTestFn(run) => {
            let (name, expected) = (desc.name.to_string(), desc.should_panic);
            DynTestFn(Box::new(move || watch(&name, expected, run)))
        }
        StaticBenchFn(run) => StaticBenchFn(run),
        _ => unreachable!("the compiler writes static tests only"),
    };
    TestDescAndFn { desc, testfn }
}

fn watch(name: &str, expected: ShouldPanic, run: fn() -> Result<(), String>) -> Result<(), String> {
    if let ShouldPanic::No = expected {
        let result = run();
        if result.is_ok() {
            prove(name);
        }
        return result;
    }
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(payload) => {
            if is_expected(expected, &*payload) {
                prove(name);
            }
            resume_unwind(payload)
        }
    }
}

fn is_expected(expected: ShouldPanic, payload: &(dyn Any + Send)) -> bool {
    let ShouldPanic::YesWithMessage(message) = expected else { return true };
    let said = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    said.is_some_and(|said| said.contains(message))
}

/// One line: the nonce, a space, the test's name. In one write, so that lines of several threads do not mix.
fn prove(name: &str) {
    let length = NONCE_LENGTH.load(Ordering::Relaxed);
    if length == 0 {
        return;
    }
    let mut line = Vec::with_capacity(length + name.len() + 2);
    line.extend_from_slice(unsafe { &*&raw const NONCE_TEXT });
    line.extend_from_slice(format!(" {name}\n").as_bytes());
    unsafe { call(WRITE, PROOF, line.as_ptr() as usize, line.len()) };
    line.fill(0); // What is freed may be found.
    std::hint::black_box(&line);
}

#[cfg(target_arch = "x86_64")]
const READ: usize = 0;
#[cfg(target_arch = "x86_64")]
const WRITE: usize = 1;
#[cfg(target_arch = "x86_64")]
const CLOSE: usize = 3;
#[cfg(target_arch = "aarch64")]
const READ: usize = 63;
#[cfg(target_arch = "aarch64")]
const WRITE: usize = 64;
#[cfg(target_arch = "aarch64")]
const CLOSE: usize = 57;

#[cfg(target_arch = "x86_64")]
unsafe fn call(number: usize, a: usize, b: usize, c: usize) -> isize {
    let answer: isize;
    asm!("syscall", inlateout("rax") number as isize => answer, in("rdi") a, in("rsi") b, in("rdx") c,
        lateout("rcx") _, lateout("r11") _, options(nostack));
    answer
}

#[cfg(target_arch = "aarch64")]
unsafe fn call(number: usize, a: usize, b: usize, c: usize) -> isize {
    let answer: isize;
    asm!("svc 0", in("x8") number, inlateout("x0") a as isize => answer, in("x1") b, in("x2") c, options(nostack));
    answer
}

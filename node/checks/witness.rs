//! Stands in for the compiler's `test` crate, and says on a channel of its own which test functions returned.
//!
//! The harness that `rustc --test` writes calls `test::test_main_static` with its tests. Ours hands them on to the real
//! one, each wrapped: when a test function has come back without failing, or panicked as it should, the nonce and the
//! test's name are written to descriptor 6. The nonce was read from descriptor 5 before any code of the crate ran.
//! An exit status and printed lines can be forged by whatever runs in the process; a nonce that it cannot read cannot.
//!
//! If a `s` follows the nonce, the tests that were asked for run once more after all of them passed, with every function
//! that has a stub panicking (`schemata`): those that still pass are written with a `+` before their names, and a line
//! `!stubbed` says that the end was come to. Before that they run again as they are, once for each `s`: where one fails
//! because it ran already, a process of its own must say what it notices. `!ended` says that the first run had come to its end, so that
//! whatever becomes of the process then takes nothing from it. `!asserted` says that it came to an assertion that is
//! watched (`guards/reach.py`).
//!
//! Where a panic aborts, the first test that panics with stubs takes the process down. If it panicked on its own thread,
//! where nothing could have caught it, a line `!noticed` says so before.
//!
//! A process may also be a server, whose copies go on as if each had been started alone (`witness_server.rs`).
//!
//! Tests come from the compiler's harness, and from tables in a section of their own, as a name and a function: what is
//! gained by that stands in `rows/handing.py`.
//!
//! Nothing else changes: names, output, exit status and what compiles are those of the real crate, whose instability
//! is declared here as well.

#![feature(test, staged_api, linkage, panic_can_unwind)]
#![allow(internal_features)]
#![unstable(feature = "test", issue = "50297")]

extern crate test as real;

pub use real::*;

#[path = "witness_server.rs"]
mod server;
#[path = "witness_system.rs"]
mod system;
#[path = "witness_tests.rs"]
mod tests;

use server::serve;
use system::{call, CLOSE, READ, WRITE};
use tests::{all_tests, Run, Test};

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::time::Duration;

const NONCE: usize = 5;
const NONCE_BYTES: usize = 32;

static mut NONCE_TEXT: [u8; NONCE_BYTES] = [0; NONCE_BYTES];
static NONCE_LENGTH: AtomicUsize = AtomicUsize::new(0);
/// Where proofs go; in a copy of a server, wherever the pipe for them happens to be.
static PROOF: AtomicUsize = AtomicUsize::new(6);
/// How often the tests run again as they are before they run with stubs; 0 for no stubs.
static RUNS_BEFORE_STUBS: AtomicUsize = AtomicUsize::new(0);
static ABORTS: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread runs a test, and no code that a test started.
    static IS_TEST: Cell<bool> = const { Cell::new(false) };
    /// What panic the test of this thread should come to, where panics abort; who waits for it; whether it has come.
    static AWAITED: RefCell<Option<(ShouldPanic, Sender<bool>, Option<bool>)>> = const { RefCell::new(None) };
}

/// What a stubbed test may take: one that waits for a function that panicked has noticed.
const STUBBED: Duration = Duration::from_secs(2);

extern "C" {
    /// Of the selector crate, where one is linked.
    #[linkage = "extern_weak"]
    static swarm_choose: Option<unsafe extern "C" fn(u32)>;
    #[linkage = "extern_weak"]
    static swarm_asserted: Option<unsafe extern "C" fn() -> bool>;
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    /// Of glibc.
    #[linkage = "extern_weak"]
    static mallopt: Option<unsafe extern "C" fn(i32, i32) -> i32>;
}

/// How many heaps threads share. glibc makes eight for each core, each of which takes 64 MiB of the addresses that a test
/// may have: on a large machine none were left for the stacks of a few hundred threads.
const M_ARENA_MAX: i32 = -8;
const ARENAS: i32 = 8;

const SIGABRT: i32 = 6;

#[used]
#[link_section = ".preinit_array"]
static READ_NONCE: extern "C" fn(i32, *mut *const u8) = read_nonce;
static ARGUMENTS: AtomicPtr<*const u8> = AtomicPtr::new(std::ptr::null_mut());

/// Before every constructor, those of shared libraries included.
extern "C" fn read_nonce(_count: i32, arguments: *mut *const u8) {
    ARGUMENTS.store(arguments, Ordering::Relaxed);
    take_nonce(NONCE);
}

/// The arguments of this process, which are the harness's: what is tested sees none of them, as below `cargo test`.
fn take_arguments() -> Vec<String> {
    let taken: Vec<String> = std::env::args().collect();
    let arguments = ARGUMENTS.load(Ordering::Relaxed);
    if taken.len() > 1 && !arguments.is_null() {
        unsafe { arguments.add(1).write(std::ptr::null()) }; // Where the standard library takes the list to end.
    }
    taken
}

fn take_nonce(from: usize) {
    let count = unsafe { call(READ, from, &raw mut NONCE_TEXT as usize, NONCE_BYTES) };
    if count == NONCE_BYTES as isize {
        NONCE_LENGTH.store(NONCE_BYTES, Ordering::Relaxed);
        let mut marks = [0u8; 8];
        unsafe { call(READ, from, &raw mut marks as usize, marks.len()) };
        let runs = marks.iter().take_while(|&&mark| mark == b's').count();
        RUNS_BEFORE_STUBS.store(runs, Ordering::Relaxed);
        unsafe { call(CLOSE, from, 0, 0) };
    }
}

/// What the compiler's harness calls.
pub fn test_main_static(tests: &[&TestDescAndFn]) {
    if let Some(set) = unsafe { mallopt } {
        unsafe { set(M_ARENA_MAX, ARENAS) };
    }
    let served = if NONCE_LENGTH.load(Ordering::Relaxed) == 0 { serve() } else { None };
    // A server's binary holds the tests of many rows: the harness need not hear of those that are not asked for.
    let module = served.as_deref().map_or("", filter_of);
    let mut tests = all_tests(tests);
    tests.retain(|test| test.desc.name.as_slice().contains(module));
    let arguments = served.unwrap_or_else(take_arguments);
    // Comes back only when nothing failed.
    real::test_main(&arguments, tests.iter().map(witnessed).collect(), None);
    if RUNS_BEFORE_STUBS.load(Ordering::Relaxed) > 0 {
        if unsafe { swarm_asserted }.is_some_and(|asserted| unsafe { asserted() }) {
            prove("!asserted");
        }
        prove("!ended");
        stub(&tests, filter_of(&arguments));
    }
}

/// What the names of the tests that are asked for have in common; empty for all, as in a binary of one row.
fn filter_of(arguments: &[String]) -> &str {
    arguments.get(1).map(String::as_str).filter(|word| !word.starts_with("--")).unwrap_or("")
}

/// What the compiler's harness calls where a panic aborts. The real one would start a process for each test.
pub fn test_main_static_abort(tests: &[&TestDescAndFn]) {
    ABORTS.store(true, Ordering::Relaxed);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        let _ = note(panic);
    }));
    unsafe { signal(SIGABRT, stay) };
    test_main_static(tests);
}

/// Where the test of this thread should panic: whether it does so now as it should.
fn note(panic: &PanicHookInfo) -> bool {
    let noted = AWAITED.try_with(|awaited| {
        let awaited = &mut *awaited.borrow_mut();
        let Some((expected, _, seen)) = awaited else { return false };
        *seen = panic.can_unwind().then(|| is_expected(*expected, panic.payload()));
        *seen == Some(true)
    });
    noted.unwrap_or(false)
}

/// A test that should panic has panicked: its thread says so, and stays where it would abort. That is the end of such a
/// test as of one that unwinds, in rows that have nothing to do on the way (`rows/shape.py`).
extern "C" fn stay(_signal: i32) {
    let Some((_, sender, Some(passed))) = AWAITED.try_with(RefCell::take).ok().flatten() else { return };
    let _ = sender.send(passed);
    loop {
        std::thread::park();
    }
}

/// Run the tests with stubs for functions. Beside the harness: what it prints is of no interest any more.
fn stub(tests: &[Test], filter: &str) {
    let Some(choose) = (unsafe { swarm_choose }) else { return };
    std::panic::set_hook(Box::new(|panic| _ = note(panic)));
    let mut asked = Vec::new();
    for test in tests {
        let name = test.desc.name.to_string();
        if !matches!(test.run, Run::Bench(_)) && !test.desc.ignore && name.contains(filter) {
            asked.push((name, test.desc.should_panic, test.run));
        }
    }
    if asked.is_empty() {
        return;
    }
    for _ in 0..RUNS_BEFORE_STUBS.load(Ordering::Relaxed) {
        if !asked.iter().all(|(name, expected, run)| passes(name, *expected, *run)) {
            return;
        }
    }
    unsafe { choose(u32::MAX) };
    if ABORTS.load(Ordering::Relaxed) {
        std::panic::set_hook(Box::new(|panic| {
            if !note(panic) && IS_TEST.try_with(Cell::get).unwrap_or(false) {
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

fn passes(name: &str, expected: ShouldPanic, run: Run) -> bool {
    start(name, expected, run).is_some_and(|passed| passed.recv_timeout(STUBBED).unwrap_or(false))
}

/// Run a test on a thread of its own, which will say whether it passed.
fn start(name: &str, expected: ShouldPanic, run: Run) -> Option<Receiver<bool>> {
    let (sender, receiver) = channel();
    let thread = std::thread::Builder::new().name(name.to_string());
    let started = thread.spawn(move || {
        IS_TEST.set(true);
        if ABORTS.load(Ordering::Relaxed) && expected != ShouldPanic::No {
            AWAITED.set(Some((expected, sender.clone(), None)));
        }
        let passed = match catch_unwind(AssertUnwindSafe(|| run.call())) {
            Ok(result) => expected == ShouldPanic::No && result.is_ok(),
            Err(payload) => expected != ShouldPanic::No && is_expected(expected, &*payload),
        };
        let _ = sender.send(passed);
    });
    started.ok().map(|_| receiver)
}

fn witnessed(test: &Test) -> TestDescAndFn {
    let mut desc = test.desc.clone();
    let testfn = match test.run {
        Run::Bench(run) => StaticBenchFn(run),
        run => {
            let (name, expected) = (desc.name.to_string(), desc.should_panic);
            if ABORTS.load(Ordering::Relaxed) {
                desc.should_panic = ShouldPanic::No; // The harness would wait for a panic that comes back.
            }
            DynTestFn(Box::new(move || watch(&name, expected, run)))
        }
    };
    TestDescAndFn { desc, testfn }
}

fn watch(name: &str, expected: ShouldPanic, run: Run) -> Result<(), String> {
    if let ShouldPanic::No = expected {
        let result = run.call();
        if result.is_ok() {
            prove(name);
        }
        return result;
    }
    if ABORTS.load(Ordering::Relaxed) {
        if !start(name, expected, run).is_some_and(|passed| passed.recv().unwrap_or(false)) {
            return Err("it did not panic as it should".to_string());
        }
        prove(name);
        return Ok(());
    }
    match catch_unwind(AssertUnwindSafe(|| run.call())) {
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
    unsafe { call(WRITE, PROOF.load(Ordering::Relaxed), line.as_ptr() as usize, line.len()) };
    line.fill(0); // What is freed may be found.
    std::hint::black_box(&line);
}

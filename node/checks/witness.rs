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
//! A process that was started without a nonce and with a socket as descriptor 7 is a server (`sandbox/server.rs`): it
//! makes a copy of itself for each command that it is told of, and the copy, confined, goes on as if it had been started
//! for that command alone. The server itself sees neither nonces nor tests.
//!
//! Tests come from the compiler's harness, and from tables in a section of their own, as a name and a function: what is
//! gained by that stands in `rows/handing.py`.
//!
//! Nothing else changes: names, output, exit status and what compiles are those of the real crate, whose instability
//! is declared here as well. System calls are made without the C library, whose functions a test could replace.

#![feature(test, staged_api, linkage, panic_can_unwind)]
#![allow(internal_features)]
#![unstable(feature = "test", issue = "50297")]

extern crate test as real;

pub use real::*;

#[path = "witness_tests.rs"]
mod tests;

use tests::{all_tests, Run, Test};

use std::any::Any;
use std::arch::asm;
use std::cell::{Cell, RefCell};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::time::Duration;

const NONCE: usize = 5;
const CONTROL: usize = 7;
const NONCE_BYTES: usize = 32;

static mut NONCE_TEXT: [u8; NONCE_BYTES] = [0; NONCE_BYTES];
static NONCE_LENGTH: AtomicUsize = AtomicUsize::new(0);
/// Where proofs go; in a copy of a server, wherever the pipe for them happens to be.
static PROOF: AtomicUsize = AtomicUsize::new(6);
static STUBS_WANTED: AtomicBool = AtomicBool::new(false);
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
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}

const SIGABRT: i32 = 6;

#[used]
#[link_section = ".preinit_array"]
static READ_NONCE: extern "C" fn() = read_nonce;

/// Before every constructor, those of shared libraries included.
extern "C" fn read_nonce() {
    take_nonce(NONCE);
}

fn take_nonce(from: usize) {
    let count = unsafe { call(READ, from, &raw mut NONCE_TEXT as usize, NONCE_BYTES) };
    if count == NONCE_BYTES as isize {
        NONCE_LENGTH.store(NONCE_BYTES, Ordering::Relaxed);
        let mut mark = 0u8;
        let more = unsafe { call(READ, from, &raw mut mark as usize, 1) };
        STUBS_WANTED.store(more == 1 && mark == b's', Ordering::Relaxed);
        unsafe { call(CLOSE, from, 0, 0) };
    }
}

/// What the compiler's harness calls.
pub fn test_main_static(tests: &[&TestDescAndFn]) {
    let served = if NONCE_LENGTH.load(Ordering::Relaxed) == 0 { serve() } else { None };
    // A server's binary holds the tests of many rows: the harness need not hear of those that are not asked for.
    let module = served.as_deref().map_or("", filter_of);
    let mut tests = all_tests(tests);
    tests.retain(|test| test.desc.name.as_slice().contains(module));
    let arguments = served.unwrap_or_else(|| std::env::args().collect());
    // Comes back only when nothing failed.
    real::test_main(&arguments, tests.iter().map(witnessed).collect(), None);
    if STUBS_WANTED.load(Ordering::Relaxed) {
        prove("!ended");
        stub(&tests, filter_of(&arguments));
    }
}

/// What the names of the tests that are asked for have in common; empty for all, as in a binary of one row.
fn filter_of(arguments: &[String]) -> &str {
    arguments.get(1).map(String::as_str).filter(|word| !word.starts_with("--")).unwrap_or("")
}

/// If this process is a server, make copies for as long as commands come. Returns in each copy, confined, with the
/// arguments of its command; `None` in a process that is no server.
fn serve() -> Option<Vec<String>> {
    let mut bytes = [0u8; 4096];
    let (length, _) = receive(&mut bytes, DONT_WAIT)?;
    if &bytes[..length] != b"serve" {
        return None;
    }
    loop {
        let Some((length, pipes)) = receive(&mut bytes, 0) else { leave(0) };
        let copy = unsafe { call(CLONE, COPY, 0, 0) };
        if copy == 0 {
            return Some(begin(&bytes[..length], pipes));
        }
        for pipe in pipes {
            unsafe { call(CLOSE, pipe as usize, 0, 0) };
        }
        unsafe { call(WRITE, CONTROL, &raw const copy as usize, 4) };
    }
}

/// In a copy: close behind it what a command must not have, and take its nonce.
fn begin(message: &[u8], pipes: [i32; 5]) -> Vec<String> {
    let [out, err, problem, nonce, proof] = pipes.map(|pipe| pipe as usize);
    let (time, rest) = message.split_at(8);
    let (variant, words) = rest.split_at(4);
    let done = unsafe {
        call(CLOSE, CONTROL, 0, 0) == 0
            && call(DUP3, out, 1, 0) == 1
            && call(DUP3, err, 2, 0) == 2
    } && confine(u64::from_le_bytes(time.try_into().unwrap()));
    if !done {
        let words = "a copy of a test binary cannot be confined";
        unsafe { call(WRITE, problem, words.as_ptr() as usize, words.len()) };
        leave(125);
    }
    for pipe in [out, err, problem] {
        unsafe { call(CLOSE, pipe, 0, 0) };
    }
    PROOF.store(proof, Ordering::Relaxed);
    take_nonce(nonce);
    if let Some(choose) = unsafe { swarm_choose } {
        unsafe { choose(u32::from_le_bytes(variant.try_into().unwrap())) };
    }
    let words = String::from_utf8_lossy(words);
    std::iter::once("test").chain(words.split('\0')).map(String::from).collect()
}

/// What the launcher's filter leaves open to a server, and time.
fn confine(cpu_ms: u64) -> bool {
    let limit = [cpu_ms / 1000 + 1, cpu_ms / 1000 + 2];
    let timer = [0, 0, cpu_ms / 1000, cpu_ms % 1000 * 1000];
    unsafe {
        call(SETRLIMIT, RLIMIT_CPU, &raw const limit as usize, 0) == 0
            && call(PRCTL, PR_SET_PDEATHSIG, 9, 0) == 0
            && call(SETITIMER, ITIMER_PROF, &raw const timer as usize, 0) == 0
            && filter(call(GETPID, 0, 0, 0) as u32)
    }
}

/// Other processes, signals to others, and the timer: behind the filter of the server, which has all else.
fn filter(pid: u32) -> bool {
    const ALLOW: u32 = 0x7fff_0000;
    const DENY: u32 = 0x0005_0001;
    // How far to jump if so and if not; the number of a call is at 0, its first argument at 16.
    let program: [(u16, u8, u8, u32); 10] = [
        (LOAD, 0, 0, 0),
        (IF_EQUAL, 0, 2, CLONE as u32),
        (LOAD, 0, 0, 16),
        (IF_ANY_BIT, 4, 5, CLONE_THREAD),
        (IF_EQUAL, 0, 2, TGKILL),
        (LOAD, 0, 0, 16),
        (IF_EQUAL, 1, 2, pid),
        (IF_EQUAL, 1, 0, SETITIMER as u32),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, DENY),
    ];
    let mut packed = [0u64; 10];
    for (place, (code, yes, no, value)) in packed.iter_mut().zip(program) {
        *place = u64::from(code) | u64::from(yes) << 16 | u64::from(no) << 24 | u64::from(value) << 32;
    }
    let whole = [packed.len() as u64, &raw const packed as u64];
    unsafe { call(SECCOMP, 1, 0, &raw const whole as usize) == 0 }
}

/// A message from the launcher: its length, and the pipes that came with it. `None` when there is none.
fn receive(bytes: &mut [u8; 4096], flags: usize) -> Option<(usize, [i32; 5])> {
    let mut part = [bytes.as_mut_ptr() as usize, bytes.len()];
    let mut control = [0u64; 5];
    // `struct msghdr`: no name, one part, room for a header of 16 bytes and five descriptors.
    let mut message = [0, 0, &raw mut part as usize, 1, &raw mut control as usize, 40, 0];
    let length = unsafe { call(RECVMSG, CONTROL, &raw mut message as usize, flags) };
    let lost = message[6] & (TRUNCATED | CONTROL_TRUNCATED) != 0;
    let [.., a, b, c] = control;
    let pipes = [a as i32, (a >> 32) as i32, b as i32, (b >> 32) as i32, c as i32];
    (length > 0 && !lost).then_some((length as usize, pipes))
}

fn leave(status: usize) -> ! {
    loop {
        unsafe { call(EXIT_GROUP, status, 0, 0) };
    }
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
    if asked.is_empty() || !asked.iter().all(|(name, expected, run)| passes(name, *expected, *run)) {
        return;
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

const DONT_WAIT: usize = 0x40;
const TRUNCATED: usize = 0x20;
const CONTROL_TRUNCATED: usize = 0x8;
/// A child of this process's parent, which is told when it ends.
const COPY: usize = 0x8000 | 17;
const CLONE_THREAD: u32 = 0x0001_0000;
const RLIMIT_CPU: usize = 0;
const PR_SET_PDEATHSIG: usize = 1;
const ITIMER_PROF: usize = 2;
/// Of the kernel's packet filters, by which calls are filtered.
const LOAD: u16 = 0x20;
const IF_EQUAL: u16 = 0x15;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

#[cfg(target_arch = "x86_64")]
mod numbers {
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const SETITIMER: usize = 38;
    pub const GETPID: usize = 39;
    pub const RECVMSG: usize = 47;
    pub const CLONE: usize = 56;
    pub const PRCTL: usize = 157;
    pub const SETRLIMIT: usize = 160;
    pub const EXIT_GROUP: usize = 231;
    pub const TGKILL: u32 = 234;
    pub const DUP3: usize = 292;
    pub const SECCOMP: usize = 317;
}
#[cfg(target_arch = "aarch64")]
mod numbers {
    pub const DUP3: usize = 24;
    pub const CLOSE: usize = 57;
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const EXIT_GROUP: usize = 94;
    pub const SETITIMER: usize = 103;
    pub const TGKILL: u32 = 131;
    pub const SETRLIMIT: usize = 164;
    pub const PRCTL: usize = 167;
    pub const GETPID: usize = 172;
    pub const RECVMSG: usize = 212;
    pub const CLONE: usize = 220;
    pub const SECCOMP: usize = 277;
}
use numbers::*;

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

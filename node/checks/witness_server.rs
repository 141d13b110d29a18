//! A test binary as a server: started once, it makes a copy of itself for each command that it is told of.
//!
//! A process that was started without a nonce and with a socket as descriptor 7 is one. The launcher's side of it is
//! `sandbox/server.rs`. A copy, confined, goes on as if it had been started for its command alone. The server itself
//! sees neither nonces nor tests.

use std::sync::atomic::Ordering;

use crate::system::*;
use crate::{swarm_choose, take_nonce, PROOF};

const CONTROL: usize = 7;
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

/// If this process is a server, make copies for as long as commands come. Returns in each copy, confined, with the
/// arguments of its command; `None` in a process that is no server.
pub fn serve() -> Option<Vec<String>> {
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
    let (place, words) = words.split_at(words.iter().position(|&byte| byte == 0).unwrap_or(0));
    let done = unsafe {
        call(CLOSE, CONTROL, 0, 0) == 0
            && call(DUP3, out, 1, 0) == 1
            && call(DUP3, err, 2, 0) == 2
            && call(CHDIR, place.as_ptr() as usize, 0, 0) == 0 // The end of the text follows it.
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
    std::iter::once("test").chain(words.split('\0').skip(1)).map(String::from).collect()
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

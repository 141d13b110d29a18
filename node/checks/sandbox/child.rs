//! One command: from fork to exec on its side, its pipes on ours.

use crate::frames::{Limits, Request};
use crate::sys;
use crate::{landlock, seccomp};
use std::ffi::{c_char, c_int, CString};

const PR_SET_PDEATHSIG: c_int = 1;
const PR_CAPBSET_DROP: c_int = 24;
const PR_SET_NO_NEW_PRIVS: c_int = 38;
const PR_CAP_AMBIENT: c_int = 47;
const ITIMER_PROF: c_int = 2;
const RLIMIT_CPU: c_int = 0;
const RLIMIT_FSIZE: c_int = 1;
const RLIMIT_CORE: c_int = 4;
const RLIMIT_NPROC: c_int = 6;
const RLIMIT_NOFILE: c_int = 7;
const RLIMIT_AS: c_int = 9;

/// More than a set-up failure's message needs.
const PROBLEM_BYTES_MAX: u64 = 4096;

/// Of proofs: a nonce and a name for each of some thousand tests.
const PROOF_BYTES_MAX: u64 = 8 << 20;

/// Where a command with a nonce finds it, and where it writes it back.
const NONCE: c_int = 5;
const PROOF: c_int = 6;

pub struct Child {
    pub pid: c_int,
    pipes: [c_int; 4],
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// What went wrong before exec; empty once the command runs.
    pub problem: Vec<u8>,
    pub proof: Vec<u8>,
    pub truncated: bool,
}

impl Child {
    /// Standard output, standard error, set-up problems, proofs; -1 once closed.
    pub fn pipes(&self) -> [c_int; 4] {
        self.pipes
    }

    /// Take what is there without waiting. Bytes beyond the bound are read and dropped, so that nobody blocks.
    pub fn read(&mut self, output_bytes: u64) {
        self.truncated |= fill(&mut self.pipes[0], &mut self.stdout, output_bytes);
        self.truncated |= fill(&mut self.pipes[1], &mut self.stderr, output_bytes);
        fill(&mut self.pipes[2], &mut self.problem, PROBLEM_BYTES_MAX);
        fill(&mut self.pipes[3], &mut self.proof, PROOF_BYTES_MAX);
    }

    /// Take the rest and close, once everybody who could write is dead.
    pub fn drain(&mut self, output_bytes: u64) {
        self.read(output_bytes);
        for pipe in &mut self.pipes {
            if *pipe >= 0 {
                unsafe { sys::close(*pipe) };
                *pipe = -1;
            }
        }
    }
}

/// Returns whether bytes had to be dropped.
fn fill(pipe: &mut c_int, into: &mut Vec<u8>, bytes_max: u64) -> bool {
    let mut dropped = false;
    // Small, because it is cleared at every call, and most calls find nothing.
    let mut buffer = [0u8; 4096];
    // Bounded, so that a flood cannot keep us from looking at the clock.
    for _ in 0..1024 {
        if *pipe < 0 {
            break;
        }
        let count = unsafe { sys::read(*pipe, buffer.as_mut_ptr().cast(), buffer.len()) };
        if count == 0 {
            unsafe { sys::close(*pipe) };
            *pipe = -1;
        }
        if count <= 0 {
            break;
        }
        let room = (bytes_max as usize).saturating_sub(into.len());
        let taken = room.min(count as usize);
        into.extend_from_slice(&buffer[..taken]);
        dropped |= taken < count as usize;
    }
    dropped
}

/// Everything that allocates, made before the fork.
struct Plan<'a> {
    request: &'a Request,
    directory: CString,
    argv: Vec<CString>,
    environment: Vec<CString>,
    ruleset: Option<landlock::Ruleset>,
}

/// Fork and exec. Problems after the fork arrive through the third pipe.
pub fn spawn(request: &Request) -> Result<Child, String> {
    let strings = |list: &[String]| -> Result<Vec<CString>, String> {
        list.iter().map(|word| CString::new(word.as_str()).map_err(|_| "NUL in an argument".into())).collect()
    };
    if request.argv.is_empty() {
        return Err("no command".into());
    }
    let plan = Plan {
        request,
        directory: CString::new(request.directory.as_str()).map_err(|_| "NUL in the directory")?,
        argv: strings(&request.argv)?,
        environment: strings(&request.environment)?,
        ruleset: if request.landlock { Some(landlock::Ruleset::new(request)?) } else { None },
    };
    let (out, err, problem) = (pipe()?, pipe()?, pipe()?);
    let secret = secret(&request.nonce)?;
    let pid = unsafe { sys::fork() };
    if pid < 0 {
        return Err(format!("fork: {}", sys::last_error()));
    }
    if pid == 0 {
        let message = become_command(&plan, out[1], err[1], problem[1], secret);
        // Descriptor 3 is the problem pipe once the others are closed; before that it is where it was.
        for fd in [3, problem[1]] {
            if unsafe { sys::write(fd, message.as_ptr().cast(), message.len()) } == message.len() as isize {
                break;
            }
        }
        unsafe { sys::_exit(125) };
    }
    for end in [out[1], err[1], problem[1], secret[0], secret[2]] {
        unsafe { sys::close(end) };
    }
    Ok(Child {
        pid,
        pipes: [out[0], err[0], problem[0], secret[1]],
        stdout: Vec::new(),
        stderr: Vec::new(),
        problem: Vec::new(),
        proof: Vec::new(),
        truncated: false,
    })
}

fn pipe() -> Result<[c_int; 2], String> {
    let mut fds = [0; 2];
    if unsafe { sys::pipe2(&mut fds, sys::O_CLOEXEC) } != 0 {
        return Err(format!("pipe: {}", sys::last_error()));
    }
    // Only our end must not block.
    unsafe { sys::syscall(fcntl_number(), fds[0], 4, sys::O_NONBLOCK) };
    Ok(fds)
}

/// Descriptors of a nonce to be read, of proofs to be read by us, and of proofs to be written; -1 without a nonce.
fn secret(nonce: &str) -> Result<[c_int; 3], String> {
    if nonce.is_empty() {
        return Ok([-1; 3]);
    }
    let (given, proof) = (pipe()?, pipe()?);
    // It fits in the pipe's buffer, so nobody has to be there to read it.
    let written = unsafe { sys::write(given[1], nonce.as_ptr().cast(), nonce.len()) };
    unsafe { sys::close(given[1]) };
    if written != nonce.len() as isize {
        return Err(format!("nonce: {}", sys::last_error()));
    }
    Ok([given[0], proof[0], proof[1]])
}

/// A copy numbered above everything that is moved; F_DUPFD takes the least number to use.
unsafe fn duplicate(fd: c_int) -> c_int {
    sys::syscall(fcntl_number(), fd, 0, 20) as c_int
}

fn fcntl_number() -> std::ffi::c_long {
    seccomp::number("fcntl")
}

/// Runs in the child and returns only when something failed, with what.
fn become_command(plan: &Plan, out: c_int, err: c_int, problem: c_int, secret: [c_int; 3]) -> String {
    match confine(plan, out, err, problem, secret) {
        Err(step) => format!("{step}: {}", sys::last_error()),
        Ok(()) => {
            let pointers = |list: &[CString]| -> Vec<*const c_char> {
                list.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect()
            };
            let (argv, environment) = (pointers(&plan.argv), pointers(&plan.environment));
            unsafe { sys::execve(argv[0], argv.as_ptr(), environment.as_ptr()) };
            format!("exec {}: {}", plan.request.argv[0], sys::last_error())
        }
    }
}

/// The order matters: descriptors, user, limits, then the doors that close behind us, the filter last.
fn confine(plan: &Plan, out: c_int, err: c_int, problem: c_int, secret: [c_int; 3]) -> Result<(), &'static str> {
    let request = plan.request;
    unsafe {
        check(sys::setsid() >= 0, "setsid")?;
        sys::umask(0o022); // What one session's user builds, another's runs.
        let null = sys::open(c"/dev/null".as_ptr(), sys::O_CLOEXEC);
        check(null >= 0 && sys::dup2(null, 0) == 0, "stdin")?;
        check(sys::dup2(out, 1) == 1 && sys::dup2(err, 2) == 2, "stdout")?;
        let kept = plan.ruleset.as_ref().map_or(problem, |ruleset| ruleset.fd);
        // To high numbers first, so that moving the two we still need to the front overwrites neither.
        let (high_problem, high_kept) = (duplicate(problem), duplicate(kept));
        check(high_problem > 4 && high_kept > 4, "descriptors")?;
        let first_closed = if secret[0] >= 0 {
            let (high_nonce, high_proof) = (duplicate(secret[0]), duplicate(secret[2]));
            check(high_nonce > PROOF && high_proof > PROOF, "descriptors")?;
            check(sys::dup2(high_nonce, NONCE) == NONCE && sys::dup2(high_proof, PROOF) == PROOF, "descriptors")?;
            PROOF + 1
        } else {
            NONCE
        };
        check(sys::dup2(high_problem, 3) == 3 && sys::dup2(high_kept, 4) == 4, "descriptors")?;
        let closed = sys::syscall(436, first_closed as u32, u32::MAX, 0u32) == 0 || close_from(first_closed);
        check(closed, "close_range")?;
        for fd in [3, 4] {
            check(sys::syscall(fcntl_number(), fd, 2, 1) == 0, "close-on-exec")?;
        }
        check(sys::chdir(plan.directory.as_ptr()) == 0, "chdir")?;
        limit(&request.limits)?;
        if let Some(uid) = request.uid {
            check(sys::setgroups(0, std::ptr::null()) == 0, "setgroups")?;
            check(sys::setresgid(uid, uid, uid) == 0 && sys::setresuid(uid, uid, uid) == 0, "setuid")?;
        } else {
            drop_capabilities();
        }
        // After the change of user, because that counts against the new one.
        check(sys::setrlimit(RLIMIT_NPROC, &[request.limits.processes; 2]) == 0, "process limit")?;
        check(sys::prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0) == 0, "parent death signal")?;
        check(sys::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs")?;
    }
    sys::reset_signals();
    if plan.ruleset.is_some() {
        check(landlock::restrict(4), "landlock")?;
    }
    // After Landlock, whose calls it would let pass anyway; the CPU timer must be set before it is denied.
    let timer = [0, 0, (request.limits.cpu_ms / 1000) as i64, (request.limits.cpu_ms % 1000 * 1000) as i64];
    check(unsafe { sys::setitimer(ITIMER_PROF, &timer, std::ptr::null_mut()) } == 0, "CPU timer")?;
    if request.seccomp {
        check(seccomp::apply(request), "seccomp")?;
    }
    Ok(())
}

fn limit(limits: &Limits) -> Result<(), &'static str> {
    // The profiling timer has a millisecond's grain and ends the process first; this one cannot be ignored.
    let cpu_s = limits.cpu_ms / 1000 + 1;
    let table = [
        (RLIMIT_CPU, [cpu_s, cpu_s + 1]),
        (RLIMIT_FSIZE, [limits.file_bytes; 2]),
        (RLIMIT_CORE, [0; 2]),
        (RLIMIT_NOFILE, [limits.open_files; 2]),
        (RLIMIT_AS, [limits.memory_bytes; 2]),
    ];
    for (resource, value) in table {
        check(unsafe { sys::setrlimit(resource, &value) } == 0, "resource limit")?;
    }
    Ok(())
}

/// Staying the same user as root must not mean staying powerful.
fn drop_capabilities() {
    unsafe {
        sys::prctl(PR_CAP_AMBIENT, 4, 0, 0, 0);
        for capability in 0..64 {
            sys::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
        }
        let header: [u32; 2] = [0x2008_0522, 0];
        let none = [0u32; 6];
        sys::syscall(seccomp::number("capset"), header.as_ptr(), none.as_ptr());
    }
}

/// For kernels without close_range.
fn close_from(first: c_int) -> bool {
    for fd in first..1024 {
        unsafe { sys::close(fd) };
    }
    true
}

fn check(done: bool, step: &'static str) -> Result<(), &'static str> {
    if done {
        Ok(())
    } else {
        Err(step)
    }
}

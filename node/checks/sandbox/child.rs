//! One command: from fork to exec on its side, its pipes on ours.

use crate::frames::Request;
use crate::seccomp::Role;
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
/// Where a server is told of commands.
const CONTROL: c_int = 7;
/// By which an executed command is told its variant.
const VARIANT: &str = "SWARM_VARIANT";
/// A server's own CPU seconds, of which each copy takes a fraction of a millisecond.
const SERVER_CPU_S: u64 = 600;

pub struct Child {
    pub pid: c_int,
    pipes: [c_int; 4],
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// What went wrong before exec; empty once the command runs.
    pub problem: Vec<u8>,
    pub proof: Vec<u8>,
    pub truncated: bool,
    /// A copy of a server, without a group of its own.
    pub forked: bool,
}

impl Child {
    /// With our ends of its pipes, in the order of `pipes`.
    pub fn new(pipes: [c_int; 4], pid: c_int, forked: bool) -> Child {
        let (stdout, stderr, problem, proof) = Default::default();
        Child { pid, pipes, stdout, stderr, problem, proof, truncated: false, forked }
    }

    /// Where its proofs will come from.
    pub fn expect_proof(&mut self, pipe: c_int) {
        self.pipes[3] = pipe;
    }

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
        self.close();
    }

    fn close(&mut self) {
        for pipe in &mut self.pipes {
            if *pipe >= 0 {
                unsafe { sys::close(*pipe) };
                *pipe = -1;
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.close();
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
    role: Role,
    directory: CString,
    argv: Vec<CString>,
    environment: Vec<CString>,
    ruleset: Option<landlock::Ruleset>,
}

fn plan(request: &Request, role: Role) -> Result<Plan<'_>, String> {
    let strings = |list: &[String]| -> Result<Vec<CString>, String> {
        list.iter().map(|word| CString::new(word.as_str()).map_err(|_| "NUL in an argument".into())).collect()
    };
    if request.argv.is_empty() {
        return Err("no command".into());
    }
    let mut environment = strings(&request.environment)?;
    if request.variant != 0 && role == Role::Command {
        environment.extend(strings(&[format!("{VARIANT}={}", request.variant)])?);
    }
    Ok(Plan {
        request,
        role,
        directory: CString::new(request.place()).map_err(|_| "NUL in the directory")?,
        argv: strings(if role == Role::Server { &request.argv[..1] } else { &request.argv })?,
        environment,
        ruleset: if request.landlock { Some(landlock::Ruleset::new(request)?) } else { None },
    })
}

/// Fork and exec. Problems after the fork arrive through the third pipe.
pub fn spawn(request: &Request) -> Result<Child, String> {
    let plan = plan(request, Role::Command)?;
    let (out, err, problem) = (pipe()?, pipe()?, pipe()?);
    let secret = secret(&request.nonce)?;
    let moved: &[(c_int, c_int)] =
        if secret[0] >= 0 { &[(secret[0], NONCE), (secret[2], PROOF)] } else { &[] };
    let pid = start(&plan, out[1], err[1], problem[1], moved)?;
    for end in [out[1], err[1], problem[1], secret[0], secret[2]] {
        unsafe { sys::close(end) };
    }
    Ok(Child::new([out[0], err[0], problem[0], secret[1]], pid, false))
}

/// Fork and exec a server that finds its socket as `CONTROL`. What it might print goes nowhere.
pub fn start_server(request: &Request, control: c_int) -> Result<Child, String> {
    let plan = plan(request, Role::Server)?;
    let problem = pipe()?;
    let null = unsafe { sys::open(c"/dev/null".as_ptr(), sys::O_CLOEXEC | 1) };
    let pid = start(&plan, null, null, problem[1], &[(control, CONTROL)]);
    for end in [null, problem[1]] {
        unsafe { sys::close(end) };
    }
    Ok(Child::new([-1, -1, problem[0], -1], pid?, false))
}

/// Fork; the child is confined and becomes the program, with `moved` descriptors under the numbers beside them.
fn start(
    plan: &Plan, out: c_int, err: c_int, problem: c_int, moved: &[(c_int, c_int)],
) -> Result<c_int, String> {
    let pid = unsafe { sys::fork() };
    if pid < 0 {
        return Err(format!("fork: {}", sys::last_error()));
    }
    if pid == 0 {
        let message = become_command(plan, out, err, problem, moved);
        // Descriptor 3 is the problem pipe once the others are closed; before that it is where it was.
        for fd in [3, problem] {
            if unsafe { sys::write(fd, message.as_ptr().cast(), message.len()) } == message.len() as isize {
                break;
            }
        }
        unsafe { sys::_exit(125) };
    }
    Ok(pid)
}

pub fn pipe() -> Result<[c_int; 2], String> {
    let mut fds = [0; 2];
    if unsafe { sys::pipe2(&mut fds, sys::O_CLOEXEC) } != 0 {
        return Err(format!("pipe: {}", sys::last_error()));
    }
    // Only our end must not block.
    unsafe { sys::syscall(fcntl_number(), fds[0], 4, sys::O_NONBLOCK) };
    Ok(fds)
}

/// Descriptors of a nonce to be read, of proofs to be read by us, and of proofs to be written; -1 without a nonce.
pub fn secret(nonce: &str) -> Result<[c_int; 3], String> {
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
fn become_command(plan: &Plan, out: c_int, err: c_int, problem: c_int, moved: &[(c_int, c_int)]) -> String {
    match confine(plan, out, err, problem, moved) {
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
fn confine(
    plan: &Plan, out: c_int, err: c_int, problem: c_int, moved: &[(c_int, c_int)],
) -> Result<(), &'static str> {
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
        let mut high = [-1; 2];
        for (place, (fd, _)) in high.iter_mut().zip(moved) {
            *place = duplicate(*fd);
            check(*place > CONTROL, "descriptors")?;
        }
        check(high_problem > CONTROL && high_kept > CONTROL, "descriptors")?;
        check(sys::dup2(high_problem, 3) == 3 && sys::dup2(high_kept, 4) == 4, "descriptors")?;
        let mut next = NONCE;
        for (place, (_, number)) in high.iter().zip(moved) {
            close_between(next, *number - 1)?;
            check(sys::dup2(*place, *number) == *number, "descriptors")?;
            next = number + 1;
        }
        close_between(next, c_int::MAX)?;
        for fd in [3, 4] {
            check(sys::syscall(fcntl_number(), fd, 2, 1) == 0, "close-on-exec")?;
        }
        check(sys::chdir(plan.directory.as_ptr()) == 0, "chdir")?;
        limit(plan)?;
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
    if plan.role == Role::Command {
        let timer = [0, 0, (request.limits.cpu_ms / 1000) as i64, (request.limits.cpu_ms % 1000 * 1000) as i64];
        check(unsafe { sys::setitimer(ITIMER_PROF, &timer, std::ptr::null_mut()) } == 0, "CPU timer")?;
    }
    if request.seccomp {
        check(seccomp::apply(request, plan.role), "seccomp")?;
    }
    Ok(())
}

fn limit(plan: &Plan) -> Result<(), &'static str> {
    let limits = &plan.request.limits;
    // The profiling timer has a millisecond's grain and ends the process first; this one cannot be ignored. A copy of a
    // server lowers its own.
    let cpu_s = if plan.role == Role::Command { limits.cpu_ms / 1000 + 1 } else { SERVER_CPU_S };
    let table = [
        (RLIMIT_CPU, [cpu_s, cpu_s + 1]),
        (RLIMIT_FSIZE, [limits.file_bytes; 2]),
        // Not 0: a program that the system has for core files would then still be started for every crash, as root and
        // with the whole memory of the process. One byte is how the kernel is told to start none.
        (RLIMIT_CORE, [1; 2]),
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

/// Close all descriptors from the first number to the last.
fn close_between(first: c_int, last: c_int) -> Result<(), &'static str> {
    if first <= last && unsafe { sys::syscall(436, first as u32, last as u32, 0u32) } != 0 {
        for fd in first..=last.min(1024) {
            unsafe { sys::close(fd) }; // A kernel without close_range.
        }
    }
    Ok(())
}

fn check(done: bool, step: &'static str) -> Result<(), &'static str> {
    if done {
        Ok(())
    } else {
        Err(step)
    }
}

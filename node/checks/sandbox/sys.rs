//! The few calls of the C library and kernel that the standard library does not offer.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

extern "C" {
    pub fn syscall(number: c_long, ...) -> c_long;
    pub fn prctl(option: c_int, a: u64, b: u64, c: u64, d: u64) -> c_int;
    pub fn fork() -> c_int;
    pub fn setsid() -> c_int;
    pub fn dup2(old: c_int, new: c_int) -> c_int;
    pub fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    pub fn close(fd: c_int) -> c_int;
    pub fn read(fd: c_int, buffer: *mut c_void, count: usize) -> isize;
    pub fn write(fd: c_int, buffer: *const c_void, count: usize) -> isize;
    pub fn umask(mask: u32) -> u32;
    pub fn chdir(path: *const c_char) -> c_int;
    pub fn setgroups(count: usize, groups: *const u32) -> c_int;
    pub fn setresgid(real: u32, effective: u32, saved: u32) -> c_int;
    pub fn setresuid(real: u32, effective: u32, saved: u32) -> c_int;
    pub fn setrlimit(resource: c_int, limit: *const [u64; 2]) -> c_int;
    pub fn setitimer(which: c_int, value: *const [i64; 4], old: *mut [i64; 4]) -> c_int;
    pub fn execve(path: *const c_char, argv: *const *const c_char, env: *const *const c_char) -> c_int;
    pub fn _exit(code: c_int) -> !;
    pub fn getpid() -> c_int;
    pub fn kill(pid: c_int, signal: c_int) -> c_int;
    pub fn pipe2(fds: *mut [c_int; 2], flags: c_int) -> c_int;
    pub fn signal(signal: c_int, handler: usize) -> usize;
    fn poll(fds: *mut PollFd, count: u64, timeout_ms: c_int) -> c_int;
    fn wait4(pid: c_int, status: *mut c_int, options: c_int, usage: *mut RawUsage) -> c_int;
    fn socketpair(domain: c_int, kind: c_int, protocol: c_int, fds: *mut [c_int; 2]) -> c_int;
    fn sendmsg(fd: c_int, message: *const Message, flags: c_int) -> isize;
    fn waitid(kind: c_int, id: u32, info: *mut [u64; 16], options: c_int) -> c_int;
    fn sigemptyset(set: *mut SignalSet) -> c_int;
    fn sigaddset(set: *mut SignalSet, signal: c_int) -> c_int;
    fn sigprocmask(how: c_int, set: *const SignalSet, old: *mut SignalSet) -> c_int;
    fn signalfd(fd: c_int, set: *const SignalSet, flags: c_int) -> c_int;
}

pub const O_CLOEXEC: c_int = 0o2_000_000;
pub const O_NONBLOCK: c_int = 0o4000;
pub const O_PATH: c_int = 0o10_000_000;
pub const SIGCHLD: c_int = 17;
const SIGKILL: c_int = 9;
const EEXIST: i32 = 17;
const ENOTDIR: i32 = 20;
const ENOTEMPTY: i32 = 39;
const WNOHANG: c_int = 1;
const WEXITED: c_int = 4;
const WNOWAIT: c_int = 0x0100_0000;
const POLLIN: i16 = 1;
const POLLERR_OR_HUP: i16 = 8 | 16;
const PR_SET_CHILD_SUBREAPER: c_int = 36;
const AF_UNIX: c_int = 1;
const SOCK_SEQPACKET: c_int = 5;
const SOL_SOCKET: u64 = 1;
const SCM_RIGHTS: u64 = 1;
const MSG_NOSIGNAL: c_int = 0x4000;

/// glibc's `sigset_t`: 1024 bits.
pub type SignalSet = [u64; 16];

#[repr(C)]
struct PollFd {
    fd: c_int,
    events: i16,
    revents: i16,
}

/// `struct rusage`: two time values, then fourteen longs of which the first is the peak memory.
#[repr(C)]
#[derive(Default)]
struct RawUsage {
    times: [i64; 4],
    memory_kb: i64,
    rest: [i64; 13],
}

#[derive(Default)]
pub struct Usage {
    pub cpu_us: u64,
    pub memory_kb: u64,
}

impl Usage {
    fn of(raw: &RawUsage) -> Usage {
        let [user_s, user_us, system_s, system_us] = raw.times;
        Usage {
            cpu_us: ((user_s + system_s) * 1_000_000 + user_us + system_us) as u64,
            memory_kb: raw.memory_kb as u64,
        }
    }

    pub fn add(&mut self, other: &Usage) {
        self.cpu_us += other.cpu_us;
        self.memory_kb = self.memory_kb.max(other.memory_kb);
    }
}

/// A wait status as the kernel packs it.
pub struct Status(c_int);

impl Status {
    pub fn signal(&self) -> Option<i32> {
        let signal = self.0 & 0x7f;
        (signal != 0).then_some(signal)
    }

    pub fn code(&self) -> i32 {
        (self.0 >> 8) & 0xff
    }
}

pub fn last_error() -> std::io::Error {
    std::io::Error::last_os_error()
}

pub fn become_subreaper() {
    unsafe { prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
}

/// Where a machine has no memory left, what other people's code took goes first, not the node. Children inherit it.
pub fn offer_memory_first() {
    let _ = fs::write("/proc/self/oom_score_adj", "1000"); // A kernel without it chooses as it likes.
}

/// Block SIGCHLD and return a descriptor that becomes readable when a child ends.
pub fn watch_children() -> c_int {
    let mut set: SignalSet = [0; 16];
    unsafe {
        sigemptyset(&mut set);
        sigaddset(&mut set, SIGCHLD);
        sigprocmask(0, &set, std::ptr::null_mut());
        signalfd(-1, &set, O_CLOEXEC | O_NONBLOCK)
    }
}

/// In a new child: nothing blocked, nothing ignored.
pub fn reset_signals() {
    let empty: SignalSet = [0; 16];
    unsafe {
        sigprocmask(2, &empty, std::ptr::null_mut());
        for number in 1..32 {
            signal(number, 0);
        }
    }
}

/// Two ends of a connection that keeps messages apart; neither survives an exec.
pub fn socket_pair() -> Result<(OwnedFd, OwnedFd), String> {
    let mut fds = [0; 2];
    if unsafe { socketpair(AF_UNIX, SOCK_SEQPACKET | O_CLOEXEC, 0, &mut fds) } != 0 {
        return Err(format!("socketpair: {}", last_error()));
    }
    Ok(unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) })
}

/// `struct msghdr`.
#[repr(C)]
struct Message {
    name: *const c_void,
    name_length: u32,
    parts: *const Part,
    part_count: usize,
    control: *const c_void,
    control_length: usize,
    flags: c_int,
}

/// `struct iovec`.
#[repr(C)]
struct Part {
    start: *const c_void,
    length: usize,
}

/// One message, and copies of descriptors with it: a header of two words, then four bytes for each.
pub fn send(to: &OwnedFd, bytes: &[u8], descriptors: &[c_int]) -> Result<(), String> {
    let length = 16 + 4 * descriptors.len();
    let mut control = [0u64; 8];
    assert!(length <= 64, "room for twelve descriptors");
    control[0] = length as u64;
    control[1] = SCM_RIGHTS << 32 | SOL_SOCKET;
    for (index, fd) in descriptors.iter().enumerate() {
        control[2 + index / 2] |= u64::from(*fd as u32) << (32 * (index % 2));
    }
    let part = Part { start: bytes.as_ptr().cast(), length: bytes.len() };
    let message = Message {
        name: std::ptr::null(),
        name_length: 0,
        parts: &part,
        part_count: 1,
        control: if descriptors.is_empty() { std::ptr::null() } else { control.as_ptr().cast() },
        control_length: if descriptors.is_empty() { 0 } else { length },
        flags: 0,
    };
    if unsafe { sendmsg(to.as_raw_fd(), &message, MSG_NOSIGNAL) } != bytes.len() as isize {
        return Err(format!("the server of a test binary: {}", last_error()));
    }
    Ok(())
}

/// A message of four bytes, waited for as long as `patience`.
pub fn receive_number(from: &OwnedFd, patience: Duration) -> Result<c_int, String> {
    let mut fds = [PollFd { fd: from.as_raw_fd(), events: POLLIN, revents: 0 }];
    let mut bytes = [0u8; 4];
    if unsafe { poll(fds.as_mut_ptr(), 1, patience.as_millis() as c_int) } != 1 {
        return Err("the server of a test binary does not answer".into());
    }
    if unsafe { read(from.as_raw_fd(), bytes.as_mut_ptr().cast(), 4) } != 4 {
        return Err("the server of a test binary is gone".into());
    }
    Ok(c_int::from_le_bytes(bytes))
}

pub struct Ready {
    pub child_signal: bool,
    pub caller_gone: bool,
}

/// Wait until a pipe has something, a child ended, the caller went away, or the time is over.
pub fn wait_for_events(pipes: [c_int; 4], signals: c_int, left: Duration) -> Ready {
    let mut fds = [
        PollFd { fd: 0, events: 0, revents: 0 },
        PollFd { fd: signals, events: POLLIN, revents: 0 },
        PollFd { fd: pipes[0], events: POLLIN, revents: 0 },
        PollFd { fd: pipes[1], events: POLLIN, revents: 0 },
        PollFd { fd: pipes[2], events: POLLIN, revents: 0 },
        PollFd { fd: pipes[3], events: POLLIN, revents: 0 },
    ];
    let timeout = left.as_millis().clamp(1, 60_000) as c_int;
    unsafe { poll(fds.as_mut_ptr(), fds.len() as u64, timeout) };
    let child_signal = fds[1].revents & POLLIN != 0;
    if child_signal {
        let mut sink = [0u8; 1024];
        while unsafe { read(signals, sink.as_mut_ptr().cast(), sink.len()) } > 0 {}
    }
    Ready { child_signal, caller_gone: fds[0].revents & POLLERR_OR_HUP != 0 }
}

/// Whether the process has ended; it stays unreaped, so that its number cannot be reused yet.
pub fn has_ended(pid: c_int) -> bool {
    let mut info = [0u64; 16];
    let answer = unsafe { waitid(1, pid as u32, &mut info, WEXITED | WNOHANG | WNOWAIT) };
    answer == 0 && info.iter().any(|word| *word != 0)
}

/// Kill the command's process group and collect the command itself.
///
/// A filtered command cannot leave its group (setsid and setpgid are denied), and a group is signalled atomically with
/// respect to fork, so a fork bomb ends here as well.
pub fn end_tree(pid: c_int) -> (Status, Usage) {
    let mut status = 0;
    let mut raw = RawUsage::default();
    unsafe {
        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
        while wait4(pid, &mut status, 0, &mut raw) < 0 {}
    }
    (Status(status), Usage::of(&raw))
}

/// Collect what a command left behind; bounded, because an unfiltered command may have escaped its group.
///
/// `of` is a group, as a negative number, or -1 for all children.
pub fn reap_orphans(of: c_int) -> Usage {
    let mut total = Usage::default();
    let mut patience = 200;
    while patience > 0 {
        let mut status = 0;
        let mut raw = RawUsage::default();
        match unsafe { wait4(of, &mut status, WNOHANG, &mut raw) } {
            0 => {
                patience -= 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            pid if pid > 0 => total.add(&Usage::of(&raw)),
            _ => break,
        }
    }
    total
}

/// Files of a folder and of its folders, and of what links there lead to, for whoever is to work with them: everybody
/// may write there.
pub fn copy_directory(from: &str, to: &str) -> io::Result<()> {
    let (from, to) = (Path::new(from), Path::new(to));
    make_open(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_file() {
            copy_open(&path, &target)?;
        } else if path.is_dir() {
            make_open(&target)?;
            for inner in fs::read_dir(&path)?.flatten().filter(|inner| inner.path().is_file()) {
                copy_open(&inner.path(), &target.join(inner.file_name()))?;
            }
        }
    }
    Ok(())
}

fn make_open(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777))
}

fn copy_open(from: &Path, to: &Path) -> io::Result<()> {
    fs::write(to, fs::read(from)?)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o666))
}

/// Remove everything inside the directory, not the directory, and see to it that its owner may use it.
///
/// What was left may be nested as deeply as its maker had time for. So nothing is walked down: what stands inside a
/// folder is lifted up beside it before the folder is removed, and neither our stack nor our descriptors grow.
pub fn empty_directory(path: &str) {
    let top = Path::new(path);
    give_back(top);
    let mut lifted = 0u64;
    loop {
        let Ok(entries) = fs::read_dir(top) else { return };
        let mut progress = false;
        for entry in entries.flatten() {
            progress |= match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    lift_contents(&entry.path(), top, &mut lifted);
                    fs::remove_dir(entry.path()).is_ok()
                }
                _ => fs::remove_file(entry.path()).is_ok(),
            };
        }
        if !progress {
            return;
        }
    }
}

/// Remove the files of a folder, and move its folders to `top` under names that nothing there has.
fn lift_contents(folder: &Path, top: &Path, lifted: &mut u64) {
    give_back(folder);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = fs::remove_file(&path);
            continue;
        }
        give_back(&path); // A folder that is moved must be writable itself.
        // A name that somebody chose before us is in the way once: the next number is free of it.
        while let Err(error) = fs::rename(&path, top.join(lifted.to_string())) {
            *lifted += 1;
            if !matches!(error.raw_os_error(), Some(ENOTDIR | EEXIST | ENOTEMPTY)) {
                break;
            }
        }
        *lifted += 1;
    }
}

/// Let the owner of a folder list, change and enter it.
fn give_back(folder: &Path) {
    let Ok(data) = fs::symlink_metadata(folder) else { return };
    let mode = data.permissions().mode();
    if data.is_dir() && mode & 0o700 != 0o700 {
        let _ = fs::set_permissions(folder, fs::Permissions::from_mode(mode | 0o700));
    }
}

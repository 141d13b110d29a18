//! Which system calls a command may make. What is denied fails with EPERM; the rest is as always.

use crate::frames::Request;
use crate::sys;
use std::ffi::c_long;

/// What a process is to become, and so what it may do.
#[derive(Clone, Copy, PartialEq)]
pub enum Role {
    Command,
    /// A test binary that waits for commands (`server.rs`).
    Server,
}

/// Name, number on x86-64, number on AArch64 and the other newer ports; -1 where the call does not exist.
type Call = (&'static str, i32, i32);

/// Denied to everything: other processes, the kernel's own affairs, the network, other ways to reach any of these.
const DENIED: &[Call] = &[
    // Mounts and namespaces.
    ("mount", 165, 40), ("umount2", 166, 39), ("pivot_root", 155, 41), ("chroot", 161, 51), ("unshare", 272, 97),
    ("setns", 308, 268), ("open_tree", 428, 428), ("move_mount", 429, 429), ("fsopen", 430, 430),
    ("fsconfig", 431, 431), ("fsmount", 432, 432), ("fspick", 433, 433), ("mount_setattr", 442, 442),
    ("statmount", 457, 457), ("listmount", 458, 458),
    // Other processes.
    ("ptrace", 101, 117), ("process_vm_readv", 310, 270), ("process_vm_writev", 311, 271),
    ("process_madvise", 440, 440), ("process_mrelease", 448, 448), ("kcmp", 312, 272), ("pidfd_open", 434, 434),
    ("pidfd_getfd", 438, 438), ("pidfd_send_signal", 424, 424), ("kill", 62, 129), ("tkill", 200, 130),
    ("rt_sigqueueinfo", 129, 138), ("rt_tgsigqueueinfo", 297, 240), ("setpriority", 141, 140),
    ("ioprio_set", 251, 30), ("sched_setparam", 142, 118), ("sched_setscheduler", 144, 119),
    ("sched_setattr", 314, 274), ("sched_setaffinity", 203, 122), ("migrate_pages", 256, 238),
    ("move_pages", 279, 239),
    // Leaving the process group, by which the tree is killed.
    ("setsid", 112, 157), ("setpgid", 109, 154),
    // The kernel.
    ("bpf", 321, 280), ("perf_event_open", 298, 241), ("userfaultfd", 323, 282), ("io_uring_setup", 425, 425),
    ("io_uring_enter", 426, 426), ("io_uring_register", 427, 427), ("add_key", 248, 217), ("request_key", 249, 218),
    ("keyctl", 250, 219), ("init_module", 175, 105), ("finit_module", 313, 273), ("delete_module", 176, 106),
    ("kexec_load", 246, 104), ("kexec_file_load", 320, 294), ("swapon", 167, 224), ("swapoff", 168, 225),
    ("reboot", 169, 142), ("acct", 163, 89), ("quotactl", 179, 60), ("quotactl_fd", 443, 443),
    ("settimeofday", 164, 170), ("clock_settime", 227, 112), ("adjtimex", 159, 171), ("clock_adjtime", 305, 266),
    ("syslog", 103, 116), ("sethostname", 170, 161), ("setdomainname", 171, 162), ("iopl", 172, -1),
    ("ioperm", 173, -1), ("vhangup", 153, 58), ("memfd_secret", 447, 447), ("fanotify_init", 300, 262),
    // Files past Landlock's rules. Truncation by path is only seen by its third version.
    ("name_to_handle_at", 303, 264), ("open_by_handle_at", 304, 265), ("truncate", 76, 45), ("mknod", 133, -1),
    ("mknodat", 259, 33), ("setxattr", 188, 5), ("lsetxattr", 189, 6), ("fsetxattr", 190, 7),
    ("removexattr", 197, 14), ("lremovexattr", 198, 15), ("fremovexattr", 199, 16),
    // Sockets and the older ways between processes, which Landlock's TCP rules do not cover.
    ("socket", 41, 198), ("connect", 42, 203), ("bind", 49, 200), ("listen", 50, 201),
    ("accept", 43, 202), ("accept4", 288, 242), ("shmget", 29, 194), ("shmat", 30, 196), ("msgget", 68, 186),
    ("semget", 64, 190), ("mq_open", 240, 180), ("mq_unlink", 241, 181),
    // The older ways once more: what another process made has a number, which need not be asked for.
    ("shmctl", 31, 195), ("semctl", 66, 191), ("semop", 65, 193), ("semtimedop", 220, 192), ("msgctl", 71, 187),
    ("msgsnd", 69, 189), ("msgrcv", 70, 188),
];

/// Not there, so that who asks does without: files in memory, which are bounded one by one but not together, and which
/// nobody is charged for when a machine looks for whom to end.
const MISSING_CALLS: &[Call] = &[("memfd_create", 319, 279)];

/// Denied where what stands outside can be seen: these tell names of files that Landlock keeps from being read.
const WATCHES: &[Call] = &[("inotify_init", 253, -1), ("inotify_init1", 294, 26)];

/// Modes and owners by path: Landlock does not restrict them, so that a test of the same user could make another file of
/// that user unreadable.
const MODES_BY_PATH: &[Call] = &[
    ("chmod", 90, -1), ("fchmodat", 268, 53), ("fchmodat2", 452, 452), ("chown", 92, -1), ("lchown", 94, -1),
    ("fchownat", 260, 54),
];

/// Times by path, which even another user may set to the present where everybody may write.
const TIMES_BY_PATH: &[Call] = &[("utime", 132, -1), ("utimes", 235, -1), ("futimesat", 261, -1)];

/// Denied to a test on top: other processes at all, owners even of its own files, the timer that bounds it.
const DENIED_TO_TESTS: &[Call] = &[("fork", 57, -1), ("vfork", 58, -1), ("fchown", 93, 55), ("alarm", 37, -1)];

/// Not done for a test, who is told it was: its own program, which others run as well, is a file of its user's. The
/// standard library's `copy` sets a mode once more that the new file has already, and would fail.
const FEIGNED_FOR_TESTS: &[Call] = &[("fchmod", 91, 52)];

/// Denied to a test once its timer is set.
const TIMER: &[Call] = &[("setitimer", 38, 103)];

/// Calls that depend on their arguments, and two that the launcher itself needs by number.
const OTHERS: &[Call] = &[
    ("utimensat", 280, 88), ("socketpair", 53, 199), ("clone", 56, 220), ("clone3", 435, 435), ("ioctl", 16, 29),
    ("fcntl", 72, 25), ("prlimit64", 302, 261), ("tgkill", 234, 131), ("seccomp", 317, 277), ("capset", 126, 91),
];

/// Newer calls than this program knows do not exist for a command.
const LAST_KNOWN_CALL: u32 = 462;

const CLONE_THREAD: u32 = 0x0001_0000;
/// The one call of clone by which a server makes copies: children of its parent, which is told when they end.
const CLONE_COPY: u32 = 0x8000 | 17;
/// Every CLONE_NEW* flag.
const CLONE_NAMESPACES: u32 = 0x7e02_0080;
const AF_UNIX: u32 = 1;
/// A bit of the kinds of sockets whose messages may be sent to any other address, connected or not.
const MESSAGES: u32 = 2;
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;
/// By which a socket's signals are sent to a process of one's choice.
const FIOSETOWN: u32 = 0x8901;
const SIOCSPGRP: u32 = 0x8902;
const F_SETSIG: u32 = 10;
const F_SETOWN: u32 = 8;
const F_SETOWN_EX: u32 = 15;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

fn number_of(call: &Call) -> i32 {
    if cfg!(target_arch = "x86_64") {
        call.1
    } else {
        call.2
    }
}

/// Number of a call in the tables above.
pub fn number(name: &str) -> c_long {
    let call = OTHERS.iter().find(|call| call.0 == name).expect("a call of the table");
    c_long::from(number_of(call))
}

/// `struct sock_filter`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_ABOVE: u16 = 0x25;
const JUMP_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const DENY: u32 = 0x0005_0000 | 1; // EPERM
const MISSING: u32 = 0x0005_0000 | 38; // ENOSYS
const FEIGN: u32 = 0x0005_0000; // no error

/// Offset of the low half of an argument in `struct seccomp_data`.
fn argument(index: u32) -> u32 {
    16 + 8 * index
}

struct Program(Vec<Instruction>);

impl Program {
    fn push(&mut self, code: u16, if_true: u8, if_false: u8, value: u32) {
        self.0.push(Instruction { code, if_true, if_false, value });
    }

    /// When the loaded word equals `value`, end with `verdict`.
    fn end_if_equal(&mut self, value: u32, verdict: u32) {
        self.push(JUMP_EQUAL, 0, 1, value);
        self.push(RETURN, 0, 0, verdict);
    }

    fn end_unless_equal(&mut self, value: u32, verdict: u32) {
        self.push(JUMP_EQUAL, 1, 0, value);
        self.push(RETURN, 0, 0, verdict);
    }

    fn end(&mut self, calls: &[Call], verdict: u32) {
        for call in calls {
            let number = number_of(call);
            if number >= 0 {
                self.end_if_equal(number as u32, verdict);
            }
        }
    }

    /// Allow a call only where an argument, a pointer, is none.
    fn allow_without(&mut self, name: &str, index: u32) {
        self.push(JUMP_EQUAL, 0, 7, number(name) as u32);
        for half in [argument(index), argument(index) + 4] {
            self.push(LOAD, 0, 0, half);
            self.end_unless_equal(0, DENY);
        }
        self.push(RETURN, 0, 0, ALLOW);
    }

    /// For one call, judge by a word of its arguments: `tests` see that word loaded and fall through to allow it.
    fn judge(&mut self, name: &str, offset: u32, tests: &[(u16, u32, bool)]) {
        let length = 2 * tests.len() as u8 + 2;
        self.push(JUMP_EQUAL, 0, length, number(name) as u32);
        self.push(LOAD, 0, 0, offset);
        for (jump, value, deny_when) in tests {
            let (if_true, if_false) = if *deny_when { (0, 1) } else { (1, 0) };
            self.push(*jump, if_true, if_false, *value);
            self.push(RETURN, 0, 0, DENY);
        }
        self.push(RETURN, 0, 0, ALLOW);
    }

    /// What Landlock does not restrict, where it would matter.
    fn files(&mut self, request: &Request) {
        if !request.outside_hidden {
            self.end(WATCHES, DENY);
        }
        if !request.spawns || !request.modes_contained {
            self.end(MODES_BY_PATH, DENY);
        }
        if !request.spawns || !request.outside_hidden {
            self.end(TIMES_BY_PATH, DENY);
            // Without a path it is about an open file. Of the same user's, what can be read could be given other times.
            if request.outside_hidden || (request.spawns && request.modes_contained) {
                self.allow_without("utimensat", 1);
            } else {
                self.end_if_equal(number("utimensat") as u32, DENY);
            }
        }
    }

    /// A pair leads nowhere: the standard library starts programs by one, and tests may use one.
    fn connected_pairs(&mut self) {
        self.push(JUMP_EQUAL, 0, 7, number("socketpair") as u32);
        self.push(LOAD, 0, 0, argument(0));
        self.end_unless_equal(AF_UNIX, DENY);
        self.push(LOAD, 0, 0, argument(1));
        self.push(JUMP_ANY_BIT, 0, 1, MESSAGES);
        self.push(RETURN, 0, 0, DENY);
        self.push(RETURN, 0, 0, ALLOW);
    }
}

fn program(request: &Request, role: Role, pid: u32) -> Program {
    let mut program = Program(Vec::with_capacity(400));
    program.push(LOAD, 0, 0, 4);
    program.push(JUMP_EQUAL, 1, 0, ARCHITECTURE);
    program.push(RETURN, 0, 0, KILL_PROCESS);
    program.push(LOAD, 0, 0, 0);
    // Also where x86-64's other table, x32, begins.
    program.push(JUMP_ABOVE, 0, 1, LAST_KNOWN_CALL);
    program.push(RETURN, 0, 0, MISSING);
    program.end(DENIED, DENY);
    program.end(MISSING_CALLS, MISSING);
    program.files(request);
    if !request.spawns {
        program.end(DENIED_TO_TESTS, DENY);
        program.end(FEIGNED_FOR_TESTS, FEIGN);
        // The copies of a server set their own, and deny themselves what is left open here (`witness_server.rs`).
        if role == Role::Command {
            program.end(TIMER, DENY);
        }
    }
    // Its flags lie in memory, where a filter cannot see them; glibc falls back to clone.
    program.end_if_equal(number("clone3") as u32, MISSING);
    if request.spawns {
        program.judge("clone", argument(0), &[(JUMP_ANY_BIT, CLONE_NAMESPACES, true)]);
    } else if role == Role::Server {
        let name = number("clone") as u32;
        let test = [(JUMP_EQUAL, 0, 5, name), (LOAD, 0, 0, argument(0)), (JUMP_EQUAL, 2, 0, CLONE_COPY)];
        for (code, if_true, if_false, value) in test {
            program.push(code, if_true, if_false, value);
        }
        program.push(JUMP_ANY_BIT, 1, 0, CLONE_THREAD);
        program.push(RETURN, 0, 0, DENY);
        program.push(RETURN, 0, 0, ALLOW);
    } else {
        program.judge("clone", argument(0), &[(JUMP_ANY_BIT, CLONE_THREAD, false)]);
    }
    // abort() raises its signal through tgkill; a test may send one to itself only. A copy of a server sees to that.
    if !request.spawns && role == Role::Command {
        program.judge("tgkill", argument(0), &[(JUMP_EQUAL, pid, false)]);
    } else if request.spawns && !request.signals_contained {
        program.end_if_equal(number("tgkill") as u32, DENY);
    }
    program.connected_pairs();
    let orders = [TIOCSTI, TIOCLINUX, FIOSETOWN, SIOCSPGRP].map(|order| (JUMP_EQUAL, order, true));
    program.judge("ioctl", argument(1), &orders);
    let owners = [(JUMP_EQUAL, F_SETOWN, true), (JUMP_EQUAL, F_SETOWN_EX, true), (JUMP_EQUAL, F_SETSIG, true)];
    program.judge("fcntl", argument(1), &owners);
    program.judge("prlimit64", argument(0), &[(JUMP_EQUAL, 0, false)]);
    program.push(RETURN, 0, 0, ALLOW);
    program
}

/// In the child, last of all. Needs no_new_privs.
pub fn apply(request: &Request, role: Role) -> bool {
    let program = program(request, role, unsafe { sys::getpid() } as u32);
    #[repr(C)]
    struct Filter {
        length: u16,
        instructions: *const Instruction,
    }
    let filter = Filter { length: program.0.len() as u16, instructions: program.0.as_ptr() };
    unsafe { sys::syscall(number("seccomp"), 1u32, 0u32, &filter as *const Filter) == 0 }
}

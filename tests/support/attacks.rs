//! What tested code might try. One attempt per process: `attacks NAME ARGS..` prints `open` when it got somewhere it
//! must not get, `closed` when it was refused. Attempts that must be ended from outside print nothing.
//!
//! As a program, or compiled with the test harness: then a test finds the same words, each on a line, in `ATTACK`.

mod attacks_again;

use std::ffi::c_void;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

extern "C" {
    fn syscall(number: i64, ...) -> i64;
    fn fork() -> i32;
    fn vfork() -> i32;
    fn getppid() -> i32;
    fn getpid() -> i32;
    fn setsid() -> i32;
    fn kill(pid: i32, signal: i32) -> i32;
    fn signal(number: i32, handler: usize) -> usize;
    fn close(fd: i32) -> i32;
    fn setrlimit(resource: i32, limit: *const [u64; 2]) -> i32;
    fn dup2(from: i32, to: i32) -> i32;
    fn fcntl(fd: i32, command: i32, ...) -> i32;
    fn ioctl(fd: i32, request: u64, ...) -> i32;
    fn mmap(at: *mut c_void, length: usize, protection: i32, flags: i32, fd: i32, offset: i64) -> *mut c_void;
    fn prctl(option: i32, a: u64, b: u64, c: u64, d: u64) -> i32;
}

fn report(open: bool) -> ! {
    println!("{}", if open { "open" } else { "closed" });
    let _ = std::io::stdout().flush();
    std::process::exit(0)
}

/// Whether a system call succeeds, with arguments that would be valid enough.
fn call(number: i64, a: u64, b: u64, c: u64, d: u64) -> bool {
    unsafe { syscall(number, a, b, c, d, 0u64, 0u64) >= 0 }
}

/// Whether a system call is let through to the kernel's own judgement: refused is EPERM or ENOSYS.
fn reaches_kernel(number: i64, a: u64, b: u64, c: u64, d: u64) -> bool {
    let done = unsafe { syscall(number, a, b, c, d, 0u64, 0u64) };
    let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    done >= 0 || !matches!(error, 1 | 38)
}

fn spin() -> ! {
    let mut number = 0u64;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
    }
}

fn main() {
    attempt(std::env::args().collect());
}

#[cfg(test)]
#[test]
fn attack() {
    let words = std::env::var("ATTACK").unwrap();
    attempt(std::iter::once("").chain(words.lines()).map(String::from).collect());
}

/// Descriptors beyond the first three that a process has by right: a test's witness has one for its proofs.
const OWN_DESCRIPTORS: usize = if cfg!(test) { 1 } else { 0 };

fn attempt(args: Vec<String>) {
    let path = args.get(2).cloned().unwrap_or_default();
    let second = args.get(3).cloned().unwrap_or_default();
    match args[1].as_str() {
        // Controls: an honest program works and says so.
        "honest" => {
            fs::write(format!("{path}/mine"), b"x").unwrap();
            assert_eq!(fs::read(format!("{path}/mine")).unwrap(), b"x");
            assert_eq!(fs::copy(format!("{path}/mine"), format!("{path}/copy")).unwrap(), 1);
            let (mut one, mut other) = std::os::unix::net::UnixStream::pair().unwrap();
            one.write_all(b"x").unwrap();
            other.read_exact(&mut [0]).unwrap();
            std::thread::spawn(|| 1).join().unwrap();
            println!("honest");
        }
        "honest-failure" => std::process::exit(101),

        // Time, memory, output, processes.
        "busy-loop" => spin(),
        "sleep" => std::thread::sleep(Duration::from_secs(3600)),
        "ignore-signals" => {
            for number in 1..32 {
                unsafe { signal(number, 1) };
            }
            spin()
        }
        "many-threads-spin" => {
            for _ in 0..4 {
                std::thread::spawn(|| spin());
            }
            spin()
        }
        "allocate" => {
            let mut blocks: Vec<Vec<u8>> = Vec::new();
            loop {
                blocks.push(vec![1; 64 << 20]);
            }
        }
        "map-memory" => {
            let mut total = 0u64;
            while unsafe { mmap(std::ptr::null_mut(), 1 << 30, 3, 0x22 | 0x4000, -1, 0) } as isize != -1 {
                total += 1;
                if total == 64 {
                    report(true)
                }
            }
            report(false)
        }
        "flood" => loop {
            if std::io::stdout().write_all(&[b'x'; 65536]).is_err() {
                return;
            }
        },
        "close-output-and-sleep" => {
            unsafe {
                close(1);
                close(2);
            }
            std::thread::sleep(Duration::from_secs(3600))
        }
        "thread-bomb" => {
            let mut count = 0;
            while std::thread::Builder::new()
                .stack_size(16384)
                .spawn(|| std::thread::sleep(Duration::from_secs(3600)))
                .is_ok()
            {
                count += 1;
                if count == 4096 {
                    report(true)
                }
            }
            report(false)
        }
        "fork" => report(unsafe { fork() } >= 0),
        "vfork" => match unsafe { vfork() } {
            0 => unsafe {
                syscall(231, 0);
            },
            pid => report(pid >= 0),
        },
        "clone3" => {
            let arguments = [0u64; 11];
            report(unsafe { syscall(435, arguments.as_ptr(), 88) } >= 0)
        }
        "clone" => report(unsafe { syscall(56, 17u64, 0u64, 0u64, 0u64, 0u64) } >= 0),
        "start-program" => report(Command::new("/bin/true").status().is_ok()),
        "exec-shell" => report(fs::File::open("/bin/sh").is_ok() && !path.is_empty()),
        "exec-own-file" => {
            let program = format!("{path}/program");
            fs::copy(std::env::current_exe().unwrap(), &program).unwrap_or(0);
            use std::os::unix::process::CommandExt;
            Command::new(&program).arg("say-open").exec();
            report(false)
        }
        "exec-memory-file" => {
            let fd = unsafe { syscall(319, c"x".as_ptr(), 0u64) };
            let _ = fs::copy("/proc/self/exe", format!("/proc/self/fd/{fd}"));
            use std::os::unix::process::CommandExt;
            Command::new(format!("/proc/self/fd/{fd}")).arg("say-open").exec();
            report(false)
        }
        "exec" => {
            use std::os::unix::process::CommandExt;
            let _ = Command::new(&path).exec();
            report(false)
        }
        "say-open" => report(true),
        "new-session" => report(unsafe { setsid() } >= 0),
        "raise-limits" => {
            // CPU time, file size, core files, processes, open files, address space.
            let bounded = [0, 1, 4, 6, 7, 9];
            let raised = bounded.iter().any(|resource| unsafe { setrlimit(*resource, &[1 << 40, 1 << 40]) } == 0);
            report(raised)
        }
        "reset-cpu-timer" => report(call(38, 2, [0u64; 4].as_ptr() as u64, 0, 0)),

        // Files that are not its own.
        "read" => report(fs::read(&path).is_ok() || fs::read_dir(&path).is_ok()),
        "exists" => report(fs::metadata(&path).is_ok()),
        "write" => report(fs::OpenOptions::new().write(true).create(true).open(&path).is_ok()),
        "truncate" => {
            let name = std::ffi::CString::new(path).unwrap();
            report(unsafe { syscall(76, name.as_ptr(), 0u64) } == 0)
        }
        "remove" => report(fs::remove_file(&path).is_ok()),
        "rename" => report(fs::rename(&path, format!("{second}/stolen")).is_ok()),
        "hard-link" => report(
            fs::hard_link(&path, format!("{second}/linked")).is_ok() && fs::read(format!("{second}/linked")).is_ok(),
        ),
        "symlink" => {
            let _ = std::os::unix::fs::symlink(&path, format!("{second}/link"));
            report(fs::read(format!("{second}/link")).is_ok() || fs::write(format!("{second}/link"), b"x").is_ok())
        }
        "open-by-name-in-proc" => report(fs::read(format!("/proc/self/root{path}")).is_ok()),
        "chmod" => {
            let name = std::ffi::CString::new(path).unwrap();
            report(unsafe { syscall(90, name.as_ptr(), 0u64) } == 0)
        }
        "set-permissions" => report(fs::set_permissions(&path, fs::Permissions::from_mode(0)).is_ok()),
        "chown" => {
            let name = std::ffi::CString::new(path).unwrap();
            report(unsafe { syscall(92, name.as_ptr(), 0u64, 0u64) } == 0)
        }
        "utime" => {
            let name = std::ffi::CString::new(path).unwrap();
            report(unsafe { syscall(280, -100i64, name.as_ptr(), 0u64, 0u64) } == 0)
        }
        "setxattr" => {
            let name = std::ffi::CString::new(path).unwrap();
            report(unsafe { syscall(188, name.as_ptr(), c"user.x".as_ptr(), c"x".as_ptr(), 1u64, 0u64) } == 0)
        }
        "make-device" => {
            let name = std::ffi::CString::new(format!("{path}/device")).unwrap();
            report(unsafe { syscall(133, name.as_ptr(), 0o20666u64, 0x103u64) } == 0)
        }
        "write-own-program" => {
            let own = std::env::args().next().unwrap();
            report(fs::OpenOptions::new().write(true).open(own).is_ok())
        }
        "big-file" => {
            unsafe { signal(25, 1) };
            let mut file = fs::File::create(format!("{path}/big")).unwrap();
            let mut written = 0u64;
            while file.write_all(&[0; 1 << 20]).is_ok() {
                written += 1;
                if written == 4096 {
                    report(true)
                }
            }
            report(false)
        }
        "fill-disk" => {
            unsafe { signal(25, 1) };
            let mut total = 0u64;
            for number in 0..4096 {
                let Ok(mut file) = fs::File::create(format!("{path}/{number}")) else { break };
                while file.write_all(&[0; 1 << 20]).is_ok() {
                    total += 1;
                }
                if total > 2048 {
                    report(true)
                }
            }
            report(false)
        }

        // Other processes.
        "kill-parent" => report(unsafe { kill(getppid(), 9) } == 0),
        // What only the server of a test binary may do, and what it could be reached by.
        "copy-itself" => report(call(56, 0x8011, 0, 0, 0)),
        "signal-any-number" => {
            let own = unsafe { getpid() } as u64;
            report((1..own + 64).any(|pid| pid != own && reaches_kernel(234, pid, pid, 0, 0)))
        }
        "trace-any-number" => {
            let own = unsafe { getpid() } as u64;
            report((1..own + 64).any(|pid| pid != own && reaches_kernel(101, 16, pid, 0, 0)))
        }
        "read-memory-of-any-number" => {
            let own = unsafe { getpid() };
            report((1..own + 64).any(|pid| pid != own && fs::File::open(format!("/proc/{pid}/mem")).is_ok()))
        }
        "flood-proof" => {
            let lines = [b'\n'; 65536];
            let ends: Vec<u64> = (3..64).filter(|fd| unsafe { fcntl(*fd as i32, 1) } >= 0).collect();
            while ends.iter().all(|fd| call(1, *fd, lines.as_ptr() as u64, lines.len() as u64, 0)) {}
        }
        "kill-everybody" => report(unsafe { kill(-1, 9) } == 0),
        "kill-pid" => report(unsafe { kill(path.parse().unwrap(), 0) } == 0),
        "tgkill-pid" => report(call(234, path.parse().unwrap(), path.parse().unwrap(), 0, 0)),
        "queue-signal" => report(call(129, path.parse().unwrap(), 10, [0u64; 16].as_ptr() as u64, 0)),
        "limit-pid" => report(call(302, path.parse().unwrap(), 0, 0, [0u64; 2].as_ptr() as u64)),
        "own-signals-of-pid" => {
            let pid: i32 = path.parse().unwrap();
            let mut ends = [0i32; 2];
            let piped = unsafe { syscall(293, ends.as_mut_ptr(), 0u64) } == 0;
            report(piped && unsafe { fcntl(ends[0], 8, pid) } == 0)
        }
        "nice-pid" => report(call(141, 0, path.parse().unwrap(), 19, 0)),
        "affinity-of-pid" => report(call(203, path.parse().unwrap(), 8, [1u64].as_ptr() as u64, 0)),
        "ptrace-parent" => report(call(101, 16, unsafe { getppid() } as u64, 0, 0)),
        "read-memory-of-parent" => {
            let mut buffer = [0u8; 16];
            let local = [buffer.as_mut_ptr() as u64, 16];
            let remote = [0x40_0000u64, 16];
            let parent = unsafe { getppid() };
            report(unsafe { syscall(310, parent as u64, local.as_ptr(), 1u64, remote.as_ptr(), 1u64, 0u64) } >= 0)
        }
        "read-environment-of-parent" => {
            report(fs::read(format!("/proc/{}/environ", unsafe { getppid() })).is_ok())
        }
        "open-parent" => report(call(434, unsafe { getppid() } as u64, 0, 0, 0)),
        "list-processes" => report(
            fs::read_dir("/proc").is_ok_and(|entries| {
                entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(char::is_numeric))
            }),
        ),

        // The network and its cousins.
        "tcp-listen" => report(std::net::TcpListener::bind("127.0.0.1:0").is_ok()),
        "tcp-connect" => report(std::net::TcpStream::connect(&path).is_ok()),
        "udp" => report(std::net::UdpSocket::bind("127.0.0.1:0").is_ok()),
        "unix-socket" => report(std::os::unix::net::UnixListener::bind(format!("{path}/socket")).is_ok()),
        "unix-abstract" => report(call(41, 1, 1, 0, 0)),
        "raw-socket" => report(call(41, 17, 3, 0x300, 0)),
        "netlink" => report(call(41, 16, 3, 0, 0)),
        "vsock" => report(call(41, 40, 1, 0, 0)),
        // Of messages, which can be sent anywhere, or of a family that the kernel would have to load.
        "socket-pair" => {
            let mut ends = [0u64; 2];
            let kinds = [(1, 2), (1, 3), (1, 0x80802), (30, 1), (2, 1)];
            report(kinds.iter().any(|(family, kind)| call(53, *family, *kind, 0, ends.as_mut_ptr() as u64)))
        }
        "shared-memory" => report(call(29, 0, 4096, 0o1666, 0)),
        "message-queue" => report(call(68, 0, 0o1666, 0, 0)),
        "posix-message-queue" => report(unsafe { syscall(240, c"swarm".as_ptr(), 0o102u64, 0o666u64, 0u64) } >= 0),

        // The kernel.
        "unshare-user" => report(call(272, 0x1000_0000, 0, 0, 0)),
        "clone-user" => report(unsafe { syscall(56, 0x1000_0011u64, 0u64, 0u64, 0u64, 0u64) } >= 0),
        "mount" => report(unsafe {
            syscall(165, c"none".as_ptr(), c"/".as_ptr(), c"tmpfs".as_ptr(), 0u64, 0u64) >= 0
        }),
        "new-mount" => report(reaches_kernel(430, c"tmpfs".as_ptr() as u64, 0, 0, 0)),
        "chroot" => report(reaches_kernel(161, c"/".as_ptr() as u64, 0, 0, 0)),
        "io-uring" => report(reaches_kernel(425, 1, [0u64; 16].as_mut_ptr() as u64, 0, 0)),
        "bpf" => report(reaches_kernel(321, 0, [0u64; 16].as_ptr() as u64, 64, 0)),
        "perf" => report(reaches_kernel(298, [0u64; 16].as_ptr() as u64, 0, u64::MAX, u64::MAX)),
        "user-faults" => report(reaches_kernel(323, 0, 0, 0, 0)),
        "keys" => report(reaches_kernel(250, 0, u64::MAX - 1, 1, 0)),
        "open-by-handle" => report(reaches_kernel(304, 0, 0, 0, 0)),
        "handle-of-name" => report(reaches_kernel(303, 0, 0, 0, 0)),
        "set-clock" => report(reaches_kernel(227, 0, 0, 0, 0)),
        "reboot" => report(reaches_kernel(169, 0, 0, 0, 0)),
        "module" => report(reaches_kernel(175, 0, 0, 0, 0)),
        "unknown-call" => report(reaches_kernel(900, 0, 0, 0, 0)),
        "x32-call" => report(reaches_kernel(0x4000_0000 + 39, 0, 0, 0, 0)),
        "other-architecture" => {
            let answer: i64;
            // getpid of the 32-bit table: must end the process or fail.
            unsafe { std::arch::asm!("int 0x80", inout("rax") 20i64 => answer) };
            report(answer > 0)
        }
        "type-into-terminal" => report(unsafe { ioctl(0, 0x5412, c"x".as_ptr()) } == 0),
        "regain-privileges" => report(unsafe { prctl(38, 0, 0, 0, 0) } == 0 && call(105, 0, 0, 0, 0)),
        "become-root" => report(unsafe { getpid() } > 1 && call(105, 0, 0, 0, 0) && !second.is_empty()),
        "inherited-descriptors" => {
            let found = (3..1024).filter(|fd| unsafe { fcntl(*fd, 1) } >= 0).count();
            report(found > OWN_DESCRIPTORS)
        }
        "read-standard-input" => {
            let mut buffer = [0u8; 1];
            report(std::io::stdin().read(&mut buffer).is_ok_and(|count| count > 0))
        }
        "environment" => {
            let own = std::env::var("TMPDIR").unwrap_or_default();
            let is_its_own = |name: &str, value: &str| {
                matches!(name, "TMPDIR" | "GIVEN" | "ATTACK") || (name == "HOME" && value == own)
            };
            report(std::env::vars().any(|(name, value)| !is_its_own(&name, &value)))
        }
        "daemon" => {
            // Not even a second process: nothing can be left behind.
            unsafe { dup2(0, 1) };
            report(unsafe { fork() } >= 0)
        }

        // Ends that are no success.
        "abort" => std::process::abort(),
        "null" => unsafe { std::ptr::null_mut::<u8>().write_volatile(1) },
        "overflow-stack" => {
            fn deeper(depth: u64) -> u64 {
                let block = [depth; 128];
                deeper(std::hint::black_box(depth + 1)) + std::hint::black_box(block)[7]
            }
            println!("{}", deeper(0));
        }
        other => {
            attacks_again::attempt(other, &path, &second);
            panic!("no attack called {other}")
        }
    }
}

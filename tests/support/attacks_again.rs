//! More of what tested code might try, beside `attacks.rs`: what others own by a number, what is left behind, and what a
//! whole machine shares.

use crate::{call, reaches_kernel, report, signal, syscall};
use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

extern "C" {
    fn mkdir(path: *const std::ffi::c_char, mode: u32) -> i32;
    fn chdir(path: *const std::ffi::c_char) -> i32;
    fn ioctl(fd: i32, request: u64, ...) -> i32;
    fn getrlimit(resource: i32, limit: *mut [u64; 2]) -> i32;
}

/// Calls that nobody's tests need, by number: clocks, names, swap, accounting, the kernel's log, other processes' memory
/// and time, keys, mounts, and numbers that were given out later.
const RARE: [i64; 36] = [
    159, 305, 164, 170, 171, 167, 168, 163, 179, 103, 172, 173, 246, 320, 440, 448, 256, 279, 248, 249, 300, 155, 308,
    428, 429, 442, 457, 458, 312, 438, 153, 447, 463, 466, 467, 470,
];

/// What a process that may write there could change for everybody.
const SHARED: [&str; 14] = [
    "/dev/kmsg", "/dev/mem", "/dev/fuse", "/dev/kvm", "/dev/net/tun", "/dev/ptmx", "/dev/tty", "/proc/sysrq-trigger",
    "/proc/sys/kernel/core_pattern", "/proc/self/oom_score_adj", "/proc/self/uid_map", "/proc/self/mem",
    "/proc/self/attr/current", "/sys/fs/cgroup/cgroup.procs",
];

/// Try it, if it is one of these.
pub fn attempt(name: &str, path: &str, second: &str) {
    let number = path.parse().unwrap_or(0);
    match name {
        // What another process made, by its number: memory, semaphores, messages.
        "shared-memory-state" => report(call(31, number, 2, [0u64; 32].as_mut_ptr() as u64, 0)),
        "shared-memory-removal" => report(call(31, number, 0, 0, 0)),
        "semaphore-value" => report(call(66, number, 0, 16, 7)),
        "semaphore-wait" => report(call(65, number, [0u16, 1, 0].as_ptr() as u64, 1, 0)),
        "semaphore-removal" => report(call(66, number, 0, 0, 0)),
        "message" => report(call(69, number, [1u64, 65].as_ptr() as u64, 1, 0o4000)),
        "message-of-others" => report(call(70, number, [0u64; 8].as_mut_ptr() as u64, 32, 0)),
        "message-queue-removal" => report(call(71, number, 0, 0, 0)),
        "timer-for-thread" => {
            let mut event = [0u32; 16];
            (event[2], event[3], event[4]) = (10, 4, number as u32);
            report(call(222, 0, event.as_ptr() as u64, [0u64; 1].as_mut_ptr() as u64, 0))
        }
        "socket-signals-of-pid" => {
            let (mut ends, pid) = ([0i32; 2], number as i32);
            let paired = call(53, 1, 1, 0, ends.as_mut_ptr() as u64);
            report(paired && [0x8901, 0x8902].iter().any(|order| unsafe { ioctl(ends[0], *order, &pid) } == 0))
        }

        // What all share.
        "memory-file" => report(call(319, c"x".as_ptr() as u64, 0, 0, 0)),
        "watch" => {
            let (watch, name) = (unsafe { syscall(294, 0u64) }, CString::new(path).unwrap());
            report(watch >= 0 && call(254, watch as u64, name.as_ptr() as u64, 0x100, 0))
        }
        "rare-calls" => report(RARE.iter().any(|number| {
            let odd = u64::MAX - 5;
            reaches_kernel(*number, odd, odd, odd, odd)
        })),
        "shared-places" => report(SHARED.iter().any(|name| fs::OpenOptions::new().write(true).open(name).is_ok())),
        "run-sooner" => {
            let orders = [(144, 1, [10u64; 1].as_ptr() as u64), (141, 0, -10i64 as u64), (251, 0, 0x2004)];
            report(orders.iter().any(|(number, second, third)| call(*number, 0, *second, *third, 0)))
        }
        "core-files" => {
            let mut limit = [0; 2];
            report(unsafe { getrlimit(4, &mut limit) } != 0 || limit != [1; 2])
        }

        // Its own directory.
        "huge-holes" => {
            unsafe { signal(25, 1) };
            let file = fs::File::create(format!("{path}/holes")).unwrap();
            let fd = file.as_raw_fd() as u64;
            report(call(77, fd, 1 << 40, 0, 0) || call(285, fd, 0, 0, 1 << 34))
        }
        "own-program-by-the-loader" => {
            let program = format!("{path}/program");
            fs::write(&program, fs::read(std::env::current_exe().unwrap()).unwrap()).unwrap();
            let words: &[&str] = if cfg!(test) { &["attack", "--nocapture"] } else { &["fork"] };
            let mut loader = Command::new("/lib64/ld-linux-x86-64.so.2");
            let _ = loader.arg(&program).args(words).env("ATTACK", "fork").exec();
            report(false)
        }
        "nest" => {
            let (place, name) = (CString::new(path).unwrap(), c"d".as_ptr());
            let deeper = || unsafe { mkdir(name, 0o755) == 0 && chdir(name) == 0 };
            say(unsafe { chdir(place.as_ptr()) } == 0 && (0..2_000).all(|_| deeper()))
        }
        "close-folders" => {
            let made = |name: &str, mode| {
                let name = CString::new(format!("{path}/{name}")).unwrap();
                unsafe { mkdir(name.as_ptr(), mode) == 0 }
            };
            let folders = made("a", 0o755) && made("a/b", 0o300) && made("a/b/c", 0o1777);
            say(folders && fs::write(format!("{path}/a/b/c/file"), b"x").is_ok() && made("a/b/d", 0))
        }
        "strange-names" => {
            use std::os::unix::ffi::OsStrExt;
            let names: [&[u8]; 5] = [b"\n\xff", b"-rf", b"...", b"0", &[b'x'; 255]];
            let there = |name: &[u8]| std::path::Path::new(path).join(std::ffi::OsStr::from_bytes(name));
            let files = names.iter().all(|name| fs::write(there(name), b"x").is_ok());
            let links = [("/", "root"), ("loop", "loop"), (second, "1/link"), (second, "1/2/0")];
            say(files && fs::create_dir_all(there(b"1/2/3")).is_ok() && links.iter().all(|(to, name)| std::os::unix::fs::symlink(to, there(name.as_bytes())).is_ok()))
        }
        "left-behind" => report(fs::read_dir(path).is_ok_and(|entries| entries.count() > 0)),
        _ => (),
    }
}

/// Of what is done in order to be looked at afterwards.
fn say(done: bool) -> ! {
    println!("{}", if done { "done" } else { "not done" });
    let _ = std::io::stdout().flush();
    std::process::exit(0)
}

//! The attacks of the self-test: what the node itself tries before it trusts a sandbox with other people's code.
//!
//! Run through the launcher like any command. Prints `name open` or `name closed` for each attempt, one per line; the
//! node decides which must be which.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;

/// After `attempts`: a secret file, a directory outside that must not be written, one inside that may be.
pub fn run(words: &[&str]) {
    match words {
        ["attempts", secret, outside, inside] => attempts(secret, outside, inside),
        ["fork-bomb"] => fork_bomb(),
        ["spin"] => loop {
            std::hint::black_box(0);
        },
        ["sleep"] => std::thread::sleep(std::time::Duration::from_secs(3600)),
        _ => std::process::exit(2),
    }
}

fn attempts(secret: &str, outside: &str, inside: &str) {
    let report = |name: &str, open: bool| println!("{name} {}", if open { "open" } else { "closed" });
    report("read-secret", fs::read(secret).is_ok());
    report("see-secret", fs::metadata(secret).is_ok());
    report("write-outside", fs::write(format!("{outside}/written"), b"x").is_ok());
    report("truncate-secret", fs::OpenOptions::new().write(true).truncate(true).open(secret).is_ok());
    report("change-mode", fs::set_permissions(secret, fs::Permissions::from_mode(0o666)).is_ok());
    report("list-home", std::env::var("HOME").is_ok_and(|home| std::env::var("TMPDIR") != Ok(home)));
    report("read-accounts", fs::read("/etc/passwd").is_ok());
    report("bind-tcp", TcpListener::bind("127.0.0.1:0").is_ok());
    report("bind-udp", UdpSocket::bind("127.0.0.1:0").is_ok());
    report("bind-unix", UnixListener::bind(format!("{inside}/socket")).is_ok());
    let parent = unsafe { getppid() };
    report("signal-parent", parent > 0 && unsafe { crate::sys::kill(parent, 0) } == 0);
    report("new-namespace", unsafe { unshare(0x1000_0000) } == 0);
    report("write-inside", fs::write(format!("{inside}/file"), b"x").is_ok());
    report("start-program", Command::new("/bin/true").status().is_ok_and(|status| status.success()));
}

/// Says how many processes could be had at once; the number it stops at shows that nothing else stopped it.
fn fork_bomb() {
    let mut count = 0;
    while count < 200 {
        match unsafe { crate::sys::fork() } {
            0 => {
                std::thread::sleep(std::time::Duration::from_secs(60));
                std::process::exit(0);
            }
            pid if pid < 0 => break,
            _ => count += 1,
        }
    }
    println!("forked {count}");
}

extern "C" {
    fn getppid() -> i32;
    fn unshare(flags: i32) -> i32;
}

"""What hostile code tries: attacks by their names in `attacks.rs`, and sources that the compiler must not obey."""

from __future__ import annotations

from pathlib import Path

ATTACKS = [Path(__file__).parent / name for name in ("attacks_again.rs", "attacks.rs")]
"""The programs: the second one includes the first."""

WITHOUT_ARGUMENTS = [
    "fork",
    "vfork",
    "clone",
    "clone3",
    "start-program",
    "new-session",
    "raise-limits",
    "reset-cpu-timer",
    "write-own-program",
    "daemon",
    "kill-parent",
    "kill-everybody",
    "copy-itself",
    "signal-any-number",
    "trace-any-number",
    "read-memory-of-any-number",
    "ptrace-parent",
    "read-memory-of-parent",
    "read-environment-of-parent",
    "open-parent",
    "list-processes",
    "tcp-listen",
    "udp",
    "unix-abstract",
    "raw-socket",
    "netlink",
    "vsock",
    "socket-pair",
    "shared-memory",
    "message-queue",
    "posix-message-queue",
    "unshare-user",
    "clone-user",
    "mount",
    "new-mount",
    "chroot",
    "io-uring",
    "bpf",
    "perf",
    "user-faults",
    "keys",
    "open-by-handle",
    "handle-of-name",
    "set-clock",
    "reboot",
    "module",
    "unknown-call",
    "x32-call",
    "other-architecture",
    "type-into-terminal",
    "regain-privileges",
    "become-root",
    "inherited-descriptors",
    "read-standard-input",
    "environment",
    "exec-memory-file",
    "memory-file",
    "rare-calls",
    "shared-places",
    "run-sooner",
    "core-files",
]
"""By a test, wherever it runs."""

INSIDE = ("exec-own-file", "unix-socket", "make-device", "big-file", "huge-holes")
"""By a test, in the directory that is its own."""

ON_A_SECRET = [
    "read",
    "write",
    "truncate",
    "remove",
    "rename",
    "hard-link",
    "symlink",
    "open-by-name-in-proc",
    "chmod",
    "set-permissions",
    "chown",
    "utime",
    "setxattr",
]
"""By a test, on a file that it knows the name of."""

PLACES = ["/etc/passwd", "/etc/hostname", "/root", "/home", "/proc/self/maps", "/proc/1/environ", "/dev/shm", "/sys"]
"""That a test reads."""

IN_A_BUILD = [
    "kill-everybody",
    "ptrace-parent",
    "read-memory-of-parent",
    "open-parent",
    "tcp-listen",
    "udp",
    "unix-abstract",
    "raw-socket",
    "netlink",
    "vsock",
    "shared-memory",
    "message-queue",
    "posix-message-queue",
    "unshare-user",
    "clone-user",
    "mount",
    "new-mount",
    "chroot",
    "io-uring",
    "bpf",
    "perf",
    "user-faults",
    "keys",
    "open-by-handle",
    "set-clock",
    "reboot",
    "module",
    "unknown-call",
    "x32-call",
    "new-session",
    "raise-limits",
    "environment",
    "type-into-terminal",
    "regain-privileges",
    "memory-file",
    "rare-calls",
    "shared-places",
    "core-files",
    "socket-pair",
]
"""By a build script or a procedural macro."""

BOMB = 'fn main() { unsafe { loop { fork(); } } } extern "C" { fn fork() -> i32; }'
"""A fork bomb."""

SOURCES = {
    "a-file-as-text": 'fn main() { print!("{}", include_str!("SECRET")); }',
    "a-file-as-bytes": 'fn main() { print!("{:?}", include_bytes!("SECRET")); }',
    "a-file-upwards": 'fn main() { print!("{}", include_str!("../outside/secret")); }',
    "accounts": 'fn main() { print!("{}", include_str!("/etc/passwd")); }',
    "a-module-elsewhere": '#[path = "SECRET"] mod stolen; fn main() {}',
    "an-included-file": 'fn main() { include!("SECRET"); }',
    "the-environment": 'fn main() { print!("{}", env!("HOME")); }',
    "nightly-features": "#![feature(core_intrinsics)] fn main() {}",
    "a-missing-library": '#[link(name = "swarm_nothing")] extern "C" { fn f(); } fn main() { unsafe { f() } }',
    "the-environment-if-any": 'const _: () = assert!(option_env!("HOME").is_none() && option_env!("USER").is_none());'
    " fn main() { never }",
    "another-crate-type": '#![crate_type = "proc-macro"] pub fn f() {} ',
    "no-main": "#![no_main] #![no_std] fn f() {}",
    "sockets-at-compile-time": 'const _: () = { std::net::TcpListener::bind("127.0.0.1:0"); }; fn main() {}',
    "a-larger-static": 'static BIG: [u8; 1 << 47] = [0; 1 << 47]; fn main() { println!("{}", BIG[1 << 40]) }',
    "nested-blocks": "fn main() { " + "{" * 20_000 + "}" * 20_000 + " }",
    "many-statements": "fn main() { " + "let x = y;" * 50_000 + " }",
    "nested-macros": "".join(f"macro_rules! m{n} {{ () => {{ {f'm{n - 1}!();' * 8} }} }} " for n in range(9, 0, -1))
    + 'macro_rules! m0 { () => { compile_error!("x"); } } m9!(); fn main() {}',
    "a-big-tuple": "fn f<T: Copy>(_: T) {} fn main() { f(((" + "(0u8, String::new())," * 400 + ")," * 2 + ")); }",
    "endless-traits": "trait A { const N: usize; } struct W<T>(T);"
    " impl<T> A for W<T> where W<W<T>>: A { const N: usize = "
    '<W<W<T>> as A>::N + 1; } fn main() { println!("{}", <W<u8> as A>::N); }',
    "endless-const-fn": 'const fn f(n: u64) -> u64 { f(n + 1) } const N: u64 = f(0); fn main() { println!("{N}") }',
    "a-deep-type": "fn main() { let _: " + "Option<" * 30_000 + "u8" + ">" * 30_000 + " = None; }",
    "a-long-attribute": '#[doc = "' + "x" * 4_000_000 + '"] fn main() { never }',
    "bytes-of-a-device": 'fn main() { print!("{}", include_bytes!("/dev/mem").len()); }',
    "a-whole-library": '#[link(name = "swarm_none", kind = "static", modifiers = "+whole-archive")] extern "C" {}'
    " fn main() {}",
    "unstable-linking": '#![feature(linkage)] #[linkage = "extern_weak"] static F: u8 = 0; fn main() {}',
    "a-large-static": 'static BIG: [u8; 1 << 40] = [0; 1 << 40]; fn main() { print!("{}", BIG[7]); }',
    "const-evaluation": "#![allow(long_running_const_eval)] "
    "const N: u64 = { let mut n = 0; while n >> 60 == 0 { n += 1 } n };"
    ' fn main() { print!("{N}"); }',
    "growing-macros": "macro_rules! m { ($($t:tt)*) => { m!{$($t)* $($t)*} } } m!{a} fn main() {}",
    "deep-parentheses": "fn main() { let _ = " + "(" * 100_000 + "1" + ")" * 100_000 + "; }",
    "long-sums": "fn main() { let _ = 1" + "+1" * 50_000 + "; }",
    "growing-types": "".join(f"type T{n} = (T{n - 1}, T{n - 1}); " for n in range(1, 40))
    + "type T0 = u8; fn main() { let _: Option<T39> = None; }",
    "growing-functions": "fn f<T>(n: u32, t: T) { if n > 0 { f(n - 1, (t, 1u8)) } } fn main() { f(9, 0u8) }",
    "thousands-of-errors": "fn main() { " + "".join(f"unknown{n}(); " for n in range(3_000)) + "}",
}
"""By what they ask of the compiler; SECRET stands for the path of a file that is not theirs."""

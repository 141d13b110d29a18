//! Runs one untrusted command at a time under limits, and tells its caller how it ended.
//!
//! The node starts `launcher serve` (inside bubblewrap where that works) and writes requests to its standard input;
//! each is answered by one response on standard output. The layouts are in `frames.rs` and `launcher.py`. When
//! standard input closes (the node cancels, or died), whatever runs is killed and the launcher ends.
//!
//! Only the standard library is used, so that the very rustc that checks examples can build it.

mod child;
mod frames;
mod landlock;
mod probe;
mod seccomp;
mod server;
mod sys;

use frames::{Ending, Request, Response};
use server::Server;
use std::io::{self, Write};
use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    match words.as_slice() {
        ["serve"] => serve(),
        ["probe", rest @ ..] => probe::run(rest),
        _ => {
            eprintln!("usage: launcher serve | probe ...; see the module's text");
            std::process::exit(2);
        }
    }
}

fn serve() {
    // Orphans of a command come back to us, so that none outlives its command.
    sys::become_subreaper();
    sys::offer_memory_first();
    let signals = sys::watch_children();
    let (input, output) = (io::stdin(), io::stdout());
    let hello = format!("landlock {}\n", landlock::abi());
    if output.lock().write_all(hello.as_bytes()).and_then(|()| output.lock().flush()).is_err() {
        return;
    }
    let mut server = None;
    while let Ok(Some(request)) = frames::read_request(&mut input.lock()) {
        let response = execute(&request, &mut server, signals);
        if !request.scratch.is_empty() {
            sys::empty_directory(&request.scratch);
        }
        let mut output = output.lock();
        if frames::write_response(&mut output, &response).and_then(|()| output.flush()).is_err() {
            return;
        }
    }
}

/// Start the command, collect its bounded output until it ends or its time is over, and leave nothing behind.
fn execute(request: &Request, server: &mut Option<Server>, signals: i32) -> Response {
    let started = Instant::now();
    if request.own_directory {
        if let Err(error) = sys::copy_directory(&request.directory, &request.place()) {
            return Response::setup_failure(&format!("{}: {error}", request.place()));
        }
    }
    let spawned = if request.forked { server::spawn(server, request) } else { child::spawn(request) };
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return Response::setup_failure(&error),
    };
    let deadline = started + Duration::from_millis(request.limits.wall_ms);
    let timed_out = !watch(&mut child, signals, deadline, request.limits.output_bytes);
    let (status, mut usage) = sys::end_tree(child.pid);
    child.drain(request.limits.output_bytes);
    if !child.forked {
        // Behind a filter nothing leaves its group, which is told from a server so. Copies start nothing.
        usage.add(&sys::reap_orphans(if request.seccomp { -child.pid } else { -1 }));
    }
    if !child.problem.is_empty() {
        return Response::setup_failure(&String::from_utf8_lossy(&child.problem));
    }
    let (ending, code) = if timed_out {
        (Ending::WallTime, 0)
    } else if let Some(signal) = status.signal() {
        (Ending::Signalled, signal)
    } else {
        (Ending::Exited, status.code())
    };
    Response {
        ending,
        code,
        cpu_us: usage.cpu_us,
        wall_us: started.elapsed().as_micros() as u64,
        memory_kb: usage.memory_kb,
        truncated: child.truncated,
        stdout: std::mem::take(&mut child.stdout),
        stderr: std::mem::take(&mut child.stderr),
        proof: std::mem::take(&mut child.proof),
    }
}

/// True when the command ended by itself before the deadline.
fn watch(child: &mut child::Child, signals: i32, deadline: Instant, output_bytes: u64) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let ready = sys::wait_for_events(child.pipes(), signals, left);
        child.read(output_bytes);
        if ready.caller_gone {
            sys::end_tree(child.pid);
            std::process::exit(0);
        }
        if ready.child_signal && sys::has_ended(child.pid) {
            return true;
        }
    }
}

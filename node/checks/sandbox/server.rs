//! Commands without exec: copies of a process that has loaded their test binary already.
//!
//! Loading a binary of a batch costs more than most tests of a row do, and each row must run in a process of its own.
//! So the binary is started once, confined as any test is, and its witness (`witness_server.rs`) waits, before a test
//! is even chosen, on a socket that only we hold the other end of. For each command it is sent the pipes and forks; the
//! copy is a child of ours, closes its last doors, reads its nonce, and is from then on what an executed test is: one
//! process that may start no other, signal nobody, and inherits nothing that another command has touched. What a server
//! may do beyond that is to make such copies. No row's tests run in it, and rows whose text could place code that runs
//! before them stand in no binary with others (`routing.py`).

use crate::child::{self, Child};
use crate::frames::Request;
use crate::sys;
use std::ffi::c_int;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// The first thing on the socket, so that a process can tell it from whatever else it may have been given.
const HELLO: &[u8] = b"serve";
/// For loading a binary and for one fork, on a machine as busy as it likes.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Server {
    child: Child,
    control: OwnedFd,
    /// What it was started for: every command it serves differs from that in arguments, times, variant and nonce only.
    request: Request,
}

/// A copy for the command, of the server at hand or, where that does not serve or serves no more, of a new one.
pub fn spawn(server: &mut Option<Server>, request: &Request) -> Result<Child, String> {
    if let Some(known) = server.take_if(|known| known.serves(request)) {
        if let Ok(child) = known.fork(request) {
            *server = Some(known);
            return Ok(child);
        }
    }
    *server = None; // Ended before there is another.
    let mut fresh = Server::start(request)?;
    let child = fresh.fork(request).map_err(|error| fresh.last_words(error))?;
    *server = Some(fresh);
    Ok(child)
}

impl Server {
    fn start(request: &Request) -> Result<Server, String> {
        let (ours, theirs) = sys::socket_pair()?;
        sys::send(&ours, HELLO, &[])?;
        let child = child::start_server(request, theirs.as_raw_fd())?;
        Ok(Server { child, control: ours, request: request.clone() })
    }

    fn serves(&self, request: &Request) -> bool {
        let (mine, other) = (&self.request, request);
        let limits = |request: &Request| {
            let limits = &request.limits;
            (limits.memory_bytes, limits.file_bytes, limits.processes, limits.open_files)
        };
        (mine.landlock, mine.seccomp, mine.uid, limits(mine)) == (other.landlock, other.seccomp, other.uid, limits(other))
            && mine.argv.first() == other.argv.first()
            && mine.place() == other.place()
            && mine.scratch == other.scratch
            && mine.environment == other.environment
            && mine.readable == other.readable
            && mine.writable == other.writable
    }

    /// Why it never came to serve, if it said so.
    fn last_words(&mut self, error: String) -> String {
        self.child.read(0);
        let words = String::from_utf8_lossy(&self.child.problem);
        if words.is_empty() { error } else { words.into_owned() }
    }

    fn fork(&self, request: &Request) -> Result<Child, String> {
        let owned = |fd: c_int| unsafe { OwnedFd::from_raw_fd(fd) };
        let (out, err, problem) = (child::pipe()?, child::pipe()?, child::pipe()?);
        let given = [owned(out[1]), owned(err[1]), owned(problem[1])];
        let mut copy = Child::new([out[0], err[0], problem[0], -1], 0, true);
        let [nonce, proof_read, proof_written] = child::secret(&request.nonce)?;
        if nonce < 0 {
            return Err("a forked command needs a nonce".into());
        }
        let secrets = [owned(nonce), owned(proof_written)];
        copy.expect_proof(proof_read);
        let mut message = request.limits.cpu_ms.to_le_bytes().to_vec();
        message.extend_from_slice(&request.variant.to_le_bytes());
        // Its own directory was made after the server, which waits in one that is gone.
        message.extend_from_slice(format!("{}\0{}", request.place(), request.argv[1..].join("\0")).as_bytes());
        let passed: Vec<c_int> = given.iter().chain(&secrets).map(AsRawFd::as_raw_fd).collect();
        sys::send(&self.control, &message, &passed)?;
        let answer = sys::receive_number(&self.control, PATIENCE)?;
        if answer <= 0 {
            return Err(format!("fork: {}", std::io::Error::from_raw_os_error(-answer)));
        }
        copy.pid = answer;
        Ok(copy)
    }
}

impl Drop for Server {
    /// Its group holds nothing but itself and copies, which have ended.
    fn drop(&mut self) {
        sys::end_tree(self.child.pid);
    }
}

//! The bytes between the node and the launcher: little-endian integers, length-prefixed strings and lists.

use std::io::{self, Read, Write};

/// A request larger than this is refused; arguments and environments of rustc stay far below.
const REQUEST_BYTES_MAX: usize = 4 << 20;

#[derive(Clone, Copy)]
pub struct Limits {
    pub cpu_ms: u64,
    pub wall_ms: u64,
    pub memory_bytes: u64,
    pub file_bytes: u64,
    pub processes: u64,
    pub open_files: u64,
    pub output_bytes: u64,
}

#[derive(Clone)]
pub struct Request {
    /// The command may start other programs (a build), as against one process that may not (a test).
    pub spawns: bool,
    /// Apply Landlock rules from `readable` and `writable`.
    pub landlock: bool,
    /// Apply the system call filter.
    pub seccomp: bool,
    /// A build may signal only what it started: a pid namespace or Landlock's scope sees to that.
    pub signals_contained: bool,
    /// A build may change modes and times by path: only where no file of the node's is in reach.
    pub modes_contained: bool,
    /// Nothing but what the command may see is there at all: a mount namespace sees to that.
    pub outside_hidden: bool,
    /// A test binary whose witness can serve: run it in a copy of a process that has loaded it already (`server.rs`).
    pub forked: bool,
    /// Start in a copy of `directory` that the command may write in, below `scratch`, not in `directory` itself.
    pub own_directory: bool,
    /// User and group to become; `None` keeps the caller's.
    pub uid: Option<u32>,
    pub limits: Limits,
    /// Which of the bodies that were compiled into it a test binary uses (`schemata.py`); 0 for the published ones.
    pub variant: u32,
    pub directory: String,
    /// Emptied when the command has ended; may be empty.
    pub scratch: String,
    pub argv: Vec<String>,
    pub environment: Vec<String>,
    pub readable: Vec<String>,
    pub writable: Vec<String>,
    /// For a test: a secret that the command finds on descriptor 5, to be written back on 6; empty for none.
    pub nonce: String,
}

#[derive(Clone, Copy)]
pub enum Ending {
    Exited = 0,
    Signalled = 1,
    WallTime = 2,
    /// Nothing of the command ran; the message is in `stderr`.
    SetupFailure = 3,
}

pub struct Response {
    pub ending: Ending,
    pub code: i32,
    pub cpu_us: u64,
    pub wall_us: u64,
    pub memory_kb: u64,
    pub truncated: bool,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// What came on descriptor 6.
    pub proof: Vec<u8>,
}

impl Response {
    pub fn setup_failure(message: &str) -> Response {
        Response {
            ending: Ending::SetupFailure,
            code: 0,
            cpu_us: 0,
            wall_us: 0,
            memory_kb: 0,
            truncated: false,
            stdout: Vec::new(),
            stderr: message.as_bytes().to_vec(),
            proof: Vec::new(),
        }
    }
}

impl Request {
    /// Where the command starts.
    pub fn place(&self) -> String {
        match self.directory.rsplit('/').next() {
            Some(name) if self.own_directory => format!("{}/{name}", self.scratch),
            _ => self.directory.clone(),
        }
    }
}

/// `None` at the end of input.
pub fn read_request(input: &mut impl Read) -> io::Result<Option<Request>> {
    let mut length = [0u8; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > REQUEST_BYTES_MAX {
        return Err(bad("request too long"));
    }
    let mut bytes = vec![0u8; length];
    input.read_exact(&mut bytes)?;
    let mut fields = Fields(&bytes);
    let flags = fields.u32()?;
    let uid = fields.u32()?;
    Ok(Some(Request {
        spawns: flags & 1 != 0,
        landlock: flags & 2 != 0,
        seccomp: flags & 4 != 0,
        signals_contained: flags & 8 != 0,
        modes_contained: flags & 16 != 0,
        forked: flags & 32 != 0,
        outside_hidden: flags & 64 != 0,
        own_directory: flags & 128 != 0,
        uid: (uid != u32::MAX).then_some(uid),
        limits: Limits {
            cpu_ms: fields.u64()?,
            wall_ms: fields.u64()?,
            memory_bytes: fields.u64()?,
            file_bytes: fields.u64()?,
            processes: fields.u64()?,
            open_files: fields.u64()?,
            output_bytes: fields.u64()?,
        },
        variant: fields.u32()?,
        directory: fields.string()?,
        scratch: fields.string()?,
        argv: fields.list()?,
        environment: fields.list()?,
        readable: fields.list()?,
        writable: fields.list()?,
        nonce: fields.string()?,
    }))
}

pub fn write_response(output: &mut impl Write, response: &Response) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(64 + response.stdout.len() + response.stderr.len() + response.proof.len());
    bytes.extend_from_slice(&(response.ending as u32).to_le_bytes());
    bytes.extend_from_slice(&response.code.to_le_bytes());
    bytes.extend_from_slice(&response.cpu_us.to_le_bytes());
    bytes.extend_from_slice(&response.wall_us.to_le_bytes());
    bytes.extend_from_slice(&response.memory_kb.to_le_bytes());
    bytes.extend_from_slice(&u32::from(response.truncated).to_le_bytes());
    for part in [&response.stdout, &response.stderr, &response.proof] {
        bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    output.write_all(&(bytes.len() as u32).to_le_bytes())?;
    output.write_all(&bytes)
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.0.len() < count {
            return Err(bad("request ends early"));
        }
        let (head, tail) = self.0.split_at(count);
        self.0 = tail;
        Ok(head)
    }

    fn u32(&mut self) -> io::Result<u32> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("four bytes")))
    }

    fn u64(&mut self) -> io::Result<u64> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().expect("eight bytes")))
    }

    fn string(&mut self) -> io::Result<String> {
        let length = self.u32()? as usize;
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| bad("not UTF-8"))
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        let count = self.u32()?;
        (0..count).map(|_| self.string()).collect()
    }
}

fn bad(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

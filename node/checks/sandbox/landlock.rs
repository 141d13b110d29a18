//! Which files a command may touch: Landlock rules, each kernel's best.

use crate::frames::Request;
use crate::sys;
use std::ffi::{c_int, CString};

const CREATE: i64 = 444;
const ADD_RULE: i64 = 445;
const RESTRICT: i64 = 446;

const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
/// Remove and make of every kind, bits 4 to 12.
const CHANGE_DIR: u64 = 0x1ff0;
const MAKE_DEVICES: u64 = 1 << 6 | 1 << 11;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEVICE: u64 = 1 << 15;
/// What a rule on something that is no directory may grant.
const FILE_RIGHTS: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE;

/// Version of the kernel's Landlock, 0 where there is none.
pub fn abi() -> i64 {
    unsafe { sys::syscall(CREATE, 0usize, 0usize, 1u32) }.max(0)
}

pub struct Ruleset {
    pub fd: c_int,
}

impl Drop for Ruleset {
    fn drop(&mut self) {
        unsafe { sys::close(self.fd) };
    }
}

impl Ruleset {
    /// Read and execute below `readable`, all but devices below `writable`; a build may execute what it wrote.
    pub fn new(request: &Request) -> Result<Ruleset, String> {
        let abi = abi();
        if abi < 1 {
            return Err("landlock: not offered by this kernel".into());
        }
        let handled = handled_rights(abi);
        // Files, then TCP (none allowed), then abstract sockets and signals (within the command only).
        let attributes: [u64; 3] = [handled, if abi >= 4 { 3 } else { 0 }, if abi >= 6 { 3 } else { 0 }];
        let size: usize = if abi >= 6 { 24 } else if abi >= 4 { 16 } else { 8 };
        let fd = unsafe { sys::syscall(CREATE, attributes.as_ptr(), size, 0u32) } as c_int;
        if fd < 0 {
            return Err(format!("landlock: {}", sys::last_error()));
        }
        let ruleset = Ruleset { fd };
        let read = EXECUTE | READ_FILE | READ_DIR;
        let execute = if request.spawns { EXECUTE } else { 0 };
        let write = (handled & !EXECUTE & !MAKE_DEVICES & !IOCTL_DEVICE) | execute;
        for path in &request.readable {
            ruleset.allow(path, read & handled)?;
        }
        for path in &request.writable {
            ruleset.allow(path, write & handled)?;
        }
        Ok(ruleset)
    }

    fn allow(&self, path: &str, rights: u64) -> Result<(), String> {
        let name = CString::new(path).map_err(|_| "NUL in a path")?;
        let fd = unsafe { sys::open(name.as_ptr(), sys::O_PATH | sys::O_CLOEXEC) };
        if fd < 0 {
            return Err(format!("landlock: {path}: {}", sys::last_error()));
        }
        let is_directory = std::fs::metadata(path).map(|data| data.is_dir()).unwrap_or(false);
        let rights = if is_directory { rights } else { rights & FILE_RIGHTS };
        // struct landlock_path_beneath_attr is packed: eight bytes of rights, four of descriptor.
        let mut attribute = [0u8; 12];
        attribute[..8].copy_from_slice(&rights.to_ne_bytes());
        attribute[8..].copy_from_slice(&fd.to_ne_bytes());
        let added = unsafe { sys::syscall(ADD_RULE, self.fd, 1u32, attribute.as_ptr(), 0u32) };
        let error = sys::last_error();
        unsafe { sys::close(fd) };
        if added != 0 {
            return Err(format!("landlock: {path}: {error}"));
        }
        Ok(())
    }
}

fn handled_rights(abi: i64) -> u64 {
    let mut rights = EXECUTE | WRITE_FILE | READ_FILE | READ_DIR | CHANGE_DIR;
    if abi >= 2 {
        rights |= REFER;
    }
    if abi >= 3 {
        rights |= TRUNCATE;
    }
    if abi >= 5 {
        rights |= IOCTL_DEVICE;
    }
    rights
}

/// In the child, with no_new_privs set.
pub fn restrict(ruleset: c_int) -> bool {
    unsafe { sys::syscall(RESTRICT, ruleset, 0u32) == 0 }
}

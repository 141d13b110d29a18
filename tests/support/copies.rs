//! Tests of several rows in one binary: some do what they can to those after them, `honest` looks whether it worked.
//!
//! Each module is run in a copy of one process.

use std::sync::atomic::{AtomicU32, Ordering};

pub static COUNT: AtomicU32 = AtomicU32::new(0);

extern "C" {
    fn close(fd: i32) -> i32;
    fn signal(number: i32, handler: usize) -> usize;
    fn umask(mask: u32) -> u32;
    fn setrlimit(resource: i32, limit: *const [u64; 2]) -> i32;
    fn getrlimit(resource: i32, limit: *mut [u64; 2]) -> i32;
    fn fcntl(fd: i32, command: i32) -> i32;
    fn kill(pid: i32, signal: i32) -> i32;
    fn getppid() -> i32;
}

fn own_file() -> std::path::PathBuf {
    std::env::temp_dir().join("left-behind")
}

const OPEN_FILES: i32 = 7;

mod changes {
    use super::*;

    #[test]
    fn everything_it_can() {
        unsafe {
            std::env::set_var("SEEN", "1");
            close(0);
            signal(15, 1);
            umask(0o777);
            setrlimit(OPEN_FILES, &[16, 16]);
        }
        COUNT.store(1, Ordering::SeqCst);
        std::env::set_current_dir("/usr/lib").unwrap();
        std::fs::write(own_file(), b"x").unwrap();
        std::panic::set_hook(Box::new(|_| std::process::exit(0)));
        std::thread::spawn(|| loop {
            std::hint::black_box(0);
        });
    }
}

mod exits {
    #[test]
    fn at_once() {
        std::process::exit(0);
    }
}

mod aborts {
    #[test]
    fn at_once() {
        std::process::abort();
    }
}

mod spins {
    #[test]
    fn forever() {
        loop {
            std::hint::black_box(0);
        }
    }
}

mod sleeps {
    #[test]
    fn forever() {
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
}

mod floods {
    use std::io::Write;

    #[test]
    fn every_pipe() {
        loop {
            std::io::stdout().write_all(&[b'x'; 65536]).unwrap();
            std::io::stderr().write_all(&[b'x'; 65536]).unwrap();
        }
    }
}

mod allocates {
    #[test]
    fn without_end() {
        let mut blocks: Vec<Vec<u8>> = Vec::new();
        loop {
            blocks.push(vec![1; 64 << 20]);
        }
    }
}

mod starts_threads {
    #[test]
    fn without_end() {
        let sleep = || std::thread::sleep(std::time::Duration::from_secs(3600));
        while std::thread::Builder::new().stack_size(16384).spawn(sleep).is_ok() {}
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
}

mod kills {
    use super::*;

    #[test]
    fn whom_it_can() {
        for pid in (-1..4096).chain([unsafe { getppid() }]) {
            unsafe { kill(pid, 9) };
        }
    }
}

mod honest {
    use super::*;

    #[test]
    fn finds_all_as_it_was() {
        let mut files = [0; 2];
        unsafe {
            assert!(fcntl(0, 1) >= 0);
            assert_eq!(signal(15, 0), 0);
            assert_eq!(umask(0o022), 0o022);
            getrlimit(OPEN_FILES, &mut files);
        }
        assert!(files[0] > 16);
        assert!(std::env::var("SEEN").is_err());
        assert_eq!(COUNT.load(Ordering::SeqCst), 0);
        assert_eq!(std::env::current_dir().unwrap(), std::path::Path::new("/"));
        assert!(!own_file().exists());
        assert_eq!(std::env::args().count(), 1);
        assert!(std::thread::spawn(|| 1).join().is_ok());
        assert!(std::panic::catch_unwind(|| panic!("nothing but this test's own hook")).is_err());
    }
}

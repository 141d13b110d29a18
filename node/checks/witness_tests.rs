//! The tests of a binary: those with descriptors, by the compiler, and those in tables (`rows/handing.py`).

use std::slice::from_raw_parts;

use crate::*;

extern "C" {
    /// Around the tables, where there are any.
    #[linkage = "extern_weak"]
    static __start_swarm_tests: *const u8;
    #[linkage = "extern_weak"]
    static __stop_swarm_tests: *const u8;
}

/// A test, however it came.
pub struct Test {
    pub desc: TestDesc,
    pub run: Run,
}

#[derive(Clone, Copy)]
pub enum Run {
    Test(fn() -> Result<(), String>),
    Bare(fn()),
    Bench(fn(&mut Bencher) -> Result<(), String>),
}

impl Run {
    pub fn call(self) -> Result<(), String> {
        match self {
            Run::Test(run) => run(),
            Run::Bare(run) => Ok(run()),
            Run::Bench(_) => unreachable!("benchmarks are left to the harness"),
        }
    }
}

/// All tests, by name, as the compiler's harness has them.
pub fn all_tests(described: &[&TestDescAndFn]) -> Vec<Test> {
    // The same compiler laid them out, in the tables and here.
    let start: *const (&'static str, fn()) = unsafe { __start_swarm_tests.cast() };
    let count = unsafe { __stop_swarm_tests.addr() - __start_swarm_tests.addr() } / size_of::<(&str, fn())>();
    let bare = if count == 0 { &[] } else { unsafe { from_raw_parts(start, count) } };
    let mut tests: Vec<Test> = bare.iter().map(|&(name, run)| Test { desc: plain(name), run: Run::Bare(run) }).collect();
    tests.extend(described.iter().map(|test| {
        let run = match test.testfn {
            StaticTestFn(run) => Run::Test(run),
            StaticBenchFn(run) => Run::Bench(run),
            _ => unreachable!("the compiler writes static tests only"),
        };
        Test { desc: test.desc.clone(), run }
    }));
    tests.sort_by(|a, b| a.desc.name.as_slice().cmp(b.desc.name.as_slice()));
    tests
}

fn plain(name: &'static str) -> TestDesc {
    TestDesc {
        name: StaticTestName(name),
        ignore: false,
        ignore_message: None,
        source_file: "",
        start_line: 0,
        start_col: 0,
        end_line: 0,
        end_col: 0,
        should_panic: ShouldPanic::No,
        compile_fail: false,
        no_run: false,
        test_type: TestType::UnitTest,
    }
}

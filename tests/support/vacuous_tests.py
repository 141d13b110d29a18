"""Tests of rows that say nothing, and honest ones that look like them, each with the code they are about."""

from __future__ import annotations

from node.checks.guards.kinds import Vacuity

CODE = """
/// Adds.
pub fn add(a: i32, b: i32) -> i32 { a + b }
pub struct Counter { count: u32 }
impl Counter {
    pub fn new() -> Self { Counter { count: 0 } }
    pub fn bump(&mut self) -> u32 { self.count += 1; self.count }
}
pub fn parse(text: &str) -> Result<i32, std::num::ParseIntError> { text.parse() }
"""


def module(body: str, head: str = "#[test]", extra: str = "") -> str:
    return f"#[cfg(test)]\nmod tests {{\n    use super::*;\n    {extra}\n    {head}\n    fn t() {{ {body} }}\n}}\n"


EMPTY = {
    "nothing asserted": (module("let _ = add(1, 2);"), Vacuity.NO_ASSERTION),
    "only printed": (module('println!("{}", add(1, 2));'), Vacuity.NO_ASSERTION),
    "true": (module("add(1, 2); assert!(true);"), Vacuity.CONSTANT_ASSERTION),
    "equal numbers": (module("add(1, 2); assert_eq!(3, 1 + 2);"), Vacuity.CONSTANT_ASSERTION),
    "a constant in a variable": (
        module("let x = 3; let y = x; add(1, 2); assert_eq!(y, 3);"),
        Vacuity.CONSTANT_ASSERTION,
    ),
    "a constant behind a comment": (
        module("let /* three */ x = 3; let y = x; add(1, 2); assert_eq!(y, 3);"),
        Vacuity.CONSTANT_ASSERTION,
    ),
    "itself behind a comment": (
        module("let /* sum */ r = add(1, 2); assert_eq!(r, add(1, 2));"),
        Vacuity.SELF_COMPARISON,
    ),
    "constant strings": (module('add(1, 2); assert_ne!("a".to_string(), String::new());'), Vacuity.CONSTANT_ASSERTION),
    "or true": (module("assert!(add(1, 2) == 4 || true);"), Vacuity.CONSTANT_ASSERTION),
    "any pattern": (module("assert!(matches!(add(1, 2), _));"), Vacuity.CONSTANT_ASSERTION),
    "itself": (module("assert_eq!(add(1, 2), add(1, 2));"), Vacuity.SELF_COMPARISON),
    "a variable and itself": (module("let r = add(1, 2); assert_eq!(r, r);"), Vacuity.SELF_COMPARISON),
    "itself in a condition": (module("let r = add(1, 2); assert!(r == r);"), Vacuity.SELF_COMPARISON),
    "another function": (module("assert_eq!(i32::abs(-3), 3); let _ = 1u8.count_ones();"), Vacuity.NO_CALL),
    "only named in a string": (module('let s = std::env::args(); assert_eq!(s.len(), 1, "add");'), Vacuity.NO_CALL),
    "ignored": (module("assert_eq!(add(1, 2), 3);", "#[test]\n#[ignore]"), Vacuity.IGNORED),
    "ignored with a reason": (module("assert_eq!(add(1, 2), 3);", '#[test]\n#[ignore = "slow"]'), Vacuity.IGNORED),
    "any panic": (module("add(1, 2); panic!()", "#[test]\n#[should_panic]"), Vacuity.PANIC_NOT_NAMED),
    "a feature": (module("assert_eq!(add(1, 2), 3);", '#[test]\n#[cfg(feature = "x")]'), Vacuity.CONFIGURED_OUT),
    "never": (module("assert_eq!(add(1, 2), 3);", "#[test]\n#[cfg(any())]"), Vacuity.CONFIGURED_OUT),
    "not in tests": (module("assert_eq!(add(1, 2), 3);", "#[test]\n#[cfg(not(test))]"), Vacuity.CONFIGURED_OUT),
    "uncalled closure": (module("let f = || assert_eq!(add(1, 2), 3);"), Vacuity.UNREACHED_ASSERTION),
    "uncalled closure behind a comment": (
        module("let f = /* not called */ || assert_eq!(add(1, 2), 3);"),
        Vacuity.UNREACHED_ASSERTION,
    ),
    "uncalled function": (module("fn f() { assert_eq!(add(1, 2), 3); } add(1, 2);"), Vacuity.UNREACHED_ASSERTION),
    "dead branch": (module("if false { assert_eq!(add(1, 2), 3); }"), Vacuity.UNREACHED_ASSERTION),
    "behind a return": (module("add(1, 2); return; assert_eq!(add(1, 2), 3);"), Vacuity.UNREACHED_ASSERTION),
    "behind an exit": (
        module("add(1, 2); std::process::exit(0); assert_eq!(add(1, 2), 3);"),
        Vacuity.UNREACHED_ASSERTION,
    ),
    "its own target": (
        module("assert_eq!(add(1, 2), 3);", extra="fn add(_: i32, _: i32) -> i32 { 3 }"),
        Vacuity.TARGET_REDEFINED,
    ),
    "a target inside": (
        module("fn add(_: i32, _: i32) -> i32 { 3 } assert_eq!(add(1, 2), 3);"),
        Vacuity.TARGET_REDEFINED,
    ),
    "a closure as target": (
        module("let add = |_: i32, _: i32| 3; assert_eq!(add(1, 2), 3);"),
        Vacuity.TARGET_REDEFINED,
    ),
    "a closure as target behind a comment": (
        module("let add = // stands in\n|_: i32, _: i32| 3; assert_eq!(add(1, 2), 3);"),
        Vacuity.TARGET_REDEFINED,
    ),
    "an import as target": (
        module("assert_eq!(add(1, 2), 2);", extra="use std::cmp::max as add;"),
        Vacuity.TARGET_REDEFINED,
    ),
    "its own assert": (
        module("assert_eq!(add(1, 2), 4);", extra="macro_rules! assert_eq { ($($t:tt)*) => {{}} }"),
        Vacuity.ASSERTION_REDEFINED,
    ),
    "a call that nothing needs": (module("assert!(true || add(1, 2) == 4);"), Vacuity.CONSTANT_ASSERTION),
    "or what always holds": (module("assert!(add(1, 2) == 4 || 1 == 1);"), Vacuity.CONSTANT_ASSERTION),
    "one or the other": (module("assert!(add(1, 2) == 4 || add(1, 2) != 4);"), Vacuity.CONSTANT_ASSERTION),
    "a result or an error": (
        module('let r = parse("1"); assert!(r.is_ok() || r.is_err());'),
        Vacuity.CONSTANT_ASSERTION,
    ),
    "any number": (module("assert!(add(1, 2) >= i32::MIN);"), Vacuity.CONSTANT_ASSERTION),
    "any number by pattern": (module("assert!(matches!(add(1, 2), i32::MIN..=i32::MAX));"), Vacuity.CONSTANT_ASSERTION),
    "a pattern that binds": (module("assert!(matches!(add(1, 2), _sum));"), Vacuity.CONSTANT_ASSERTION),
    "itself by two names": (
        module("let a = add(1, 2); let b = add(1, 2); assert_eq!(a, b);"),
        Vacuity.SELF_COMPARISON,
    ),
    "itself borrowed": (module("let a = add(1, 2); assert_eq!(&a, &add(1, 2));"), Vacuity.SELF_COMPARISON),
    "something else": (module("add(1, 2); assert!(std::env::args().count() > 0);"), Vacuity.UNRELATED_ASSERTION),
    "something else unwrapped": (module("add(1, 2); Some(1).unwrap();"), Vacuity.UNRELATED_ASSERTION),
    "something else in a block": (
        module("{ add(1, 2); assert!(std::env::args().count() > 0) }"),
        Vacuity.UNRELATED_ASSERTION,
    ),
    "its own vector": (
        module("let mut v = Vec::new(); v.push(1); add(1, 2); assert_eq!(v.len(), 1);"),
        Vacuity.UNRELATED_ASSERTION,
    ),
    "a helper that gets nothing of it": (
        module("add(1, 2); check(3, 3);", extra="fn check(a: i32, b: i32) { assert_eq!(a, b); }"),
        Vacuity.UNRELATED_ASSERTION,
    ),
    "a panic that is caught": (
        module("add(1, 2); let _ = std::panic::catch_unwind(|| assert_eq!(add(1, 2), 4));"),
        Vacuity.UNREACHED_ASSERTION,
    ),
    "a thread that nobody asks": (
        module("add(1, 2); let _ = std::thread::spawn(|| { assert_eq!(add(1, 2), 4); }).join();"),
        Vacuity.UNREACHED_ASSERTION,
    ),
    "a loop over nothing": (
        module("add(1, 2); for _ in 0..0 { assert_eq!(add(1, 2), 4); }"),
        Vacuity.UNREACHED_ASSERTION,
    ),
    "a condition of numbers": (
        module("add(1, 2); if 1 == 2 { assert_eq!(add(1, 2), 4); }"),
        Vacuity.UNREACHED_ASSERTION,
    ),
    "another system": (
        module("add(1, 2); if cfg!(windows) { assert_eq!(add(1, 2), 4); }"),
        Vacuity.UNREACHED_ASSERTION,
    ),
    "behind a return in a block": (
        module("add(1, 2); if true { return; } assert_eq!(add(1, 2), 4);"),
        Vacuity.UNREACHED_ASSERTION,
    ),
    "behind a break": (
        module("add(1, 2); loop { break; assert_eq!(add(1, 2), 4); }"),
        Vacuity.UNREACHED_ASSERTION,
    ),
    "a result that is always success": (
        "#[test]\nfn t() -> Result<(), String> { let _ = add(1, 2); Ok(()) }",
        Vacuity.NO_ASSERTION,
    ),
    "a macro of its own that does nothing": (
        module("add(1, 2); check!(add(1, 2) == 4);", extra="macro_rules! check { ($($t:tt)*) => {} }"),
        Vacuity.NO_ASSERTION,
    ),
    "a panic of its own": (
        module('add(1, 2); panic!("boom")', '#[test]\n#[should_panic(expected = "boom")]'),
        Vacuity.PANICS_ITSELF,
    ),
    "a clone of itself": (module("let c = Counter::new(); assert_eq!(c, c.clone());"), Vacuity.SELF_COMPARISON),
    "a clone by name": (
        module("let c = Counter::new(); let d = c.clone(); assert_eq!(c, d);"),
        Vacuity.SELF_COMPARISON,
    ),
    "a copy of a copy": (module("let a = add(1, 2); let b = a; let c = b; assert_eq!(a, c);"), Vacuity.SELF_COMPARISON),
    "itself behind a reference": (module("let a = add(1, 2); let b = &a; assert_eq!(a, *b);"), Vacuity.SELF_COMPARISON),
    "itself with a type": (
        module("let expected: i32 = add(2, 3); assert_eq!(add(2, 3), expected);"),
        Vacuity.SELF_COMPARISON,
    ),
    "itself in words": (
        module('let a = add(1, 2); assert_eq!(format!("{a}"), a.to_string());'),
        Vacuity.SELF_COMPARISON,
    ),
    "at least nothing": (module("let v = vec![add(1, 2)]; assert!(v.len() >= 0);"), Vacuity.CONSTANT_ASSERTION),
    "at least nothing by name": (module("let n = vec![add(1, 2)].len(); assert!(0 <= n);"), Vacuity.CONSTANT_ASSERTION),
    "an unsigned number": (module("assert!(add(1, 2) as u32 >= 0);"), Vacuity.CONSTANT_ASSERTION),
    "none or some": (
        module("let v = vec![add(1, 2)]; assert!(v.len() == 0 || v.len() > 0);"),
        Vacuity.CONSTANT_ASSERTION,
    ),
    "less, more or equal": (
        module("let a = add(1, 2); assert!(a < 3 || a > 3 || a == 3);"),
        Vacuity.CONSTANT_ASSERTION,
    ),
    "between the bounds": (
        module("let a = add(1, 2); assert!(a >= i32::MIN && a <= i32::MAX);"),
        Vacuity.CONSTANT_ASSERTION,
    ),
    "no difference to itself": (module("let a = add(1, 2); assert!((a - a).abs() < 1);"), Vacuity.CONSTANT_ASSERTION),
    "nothing of itself": (module("let a = add(1, 2); assert_eq!(a ^ a, 0);"), Vacuity.CONSTANT_ASSERTION),
    "nothing of anything": (
        module("let a = add(1, 2); assert!(a * 0 == 0); assert_eq!(a % 1, 0);"),
        Vacuity.CONSTANT_ASSERTION,
    ),
    "itself by a method": (module("let a = add(1, 2); assert!(a.eq(&a) && a.le(&a));"), Vacuity.CONSTANT_ASSERTION),
    "less than its successor": (module("let a = add(1, 2); assert!(a < a + 1);"), Vacuity.CONSTANT_ASSERTION),
    "not its successor": (module("let a = add(1, 2); assert_ne!(a, a + 1);"), Vacuity.CONSTANT_ASSERTION),
    "not both": (module("let a = add(1, 2); assert!(!(a == 3 && a != 3));"), Vacuity.CONSTANT_ASSERTION),
    "not unlike itself": (module("let a = add(1, 2); assert!(!(a != a));"), Vacuity.CONSTANT_ASSERTION),
    "a block that ends in true": (module("assert!({ add(1, 2); true });"), Vacuity.CONSTANT_ASSERTION),
    "true by every arm": (module("assert!(match add(1, 2) { 3 => true, _ => true });"), Vacuity.CONSTANT_ASSERTION),
    "true either way": (module("assert!(if add(1, 2) == 3 { true } else { true });"), Vacuity.CONSTANT_ASSERTION),
    "either pattern": (
        module('let r = parse("1"); assert!(matches!(r, Ok(_)) || matches!(r, Err(_)));'),
        Vacuity.CONSTANT_ASSERTION,
    ),
    "either variant": (module('assert!(matches!(parse("1"), Ok(..) | Err(_)));'), Vacuity.CONSTANT_ASSERTION),
    "what it wraps itself": (module("assert!(Some(add(1, 2)).is_some());"), Vacuity.CONSTANT_ASSERTION),
    "an empty text in it": (module('assert!(add(1, 2).to_string().contains(""));'), Vacuity.CONSTANT_ASSERTION),
    "all that is true": (module("assert!([add(1, 2)].iter().all(|_| true));"), Vacuity.CONSTANT_ASSERTION),
    "a panic that anything is": (
        module("add(1, 2);", '#[test]\n#[should_panic(expected = "")]'),
        Vacuity.PANIC_NOT_NAMED,
    ),
    "an assertion of its own that fails": (
        module('add(1, 2); assert!(false, "boom")', '#[test]\n#[should_panic(expected = "boom")]'),
        Vacuity.PANICS_ITSELF,
    ),
    "a macro that makes an assertion": (
        module(
            "assert_eq!(add(1, 2), 4);",
            extra="macro_rules! make { ($n:ident) => { macro_rules! $n { ($($t:tt)*) => {} } } } make!(assert_eq);",
        ),
        Vacuity.ASSERTION_REDEFINED,
    ),
    "a macro inside a macro": (
        module(
            "assert_eq!(add(1, 2), 4);",
            extra="macro_rules! make { () => { macro_rules! assert_eq { ($($t:tt)*) => {} } } } make!();",
        ),
        Vacuity.ASSERTION_REDEFINED,
    ),
    "an assertion that is not in the build": (
        module("add(1, 2); #[cfg(not(test))] assert_eq!(add(1, 2), 4);"),
        Vacuity.UNREACHED_ASSERTION,
    ),
    "one of two opposites": (module('assert!(parse("x").is_ok() ^ parse("x").is_err());'), Vacuity.CONSTANT_ASSERTION),
    "opposites differ": (
        module('let r = parse("x"); assert_ne!(r.is_ok(), r.is_err());'),
        Vacuity.CONSTANT_ASSERTION,
    ),
    "equality of its own that is content": (
        module(
            "assert_eq!(W(add(1, 2)), W(4));",
            extra="#[derive(Debug)] struct W(i32); impl PartialEq for W { fn eq(&self, _: &W) -> bool { true } }",
        ),
        Vacuity.CONSTANT_ASSERTION,
    ),
    "a report of its own that is content": (
        module(
            "} #[test] fn u() -> R { R(add(1, 2) == 4)",
            extra="struct R(bool); impl Termination for R { fn report(self) -> ExitCode { ExitCode::SUCCESS } }",
        ),
        Vacuity.NO_ASSERTION,
    ),
    "no test at all": ("fn helper() { assert_eq!(add(1, 2), 3); }", Vacuity.NO_TEST),
}

SOUND = {
    "plain": module("assert_eq!(add(1, 2), 3);"),
    "bare": "#[test]\nfn t() { assert_eq!(add(1, 2), 3); }",
    "integration": "use sample::add;\n#[test]\nfn t() { assert_eq!(add(1, 2), 3); }",
    "a helper asserts": module(
        "check(1, 2, 3);", extra="fn check(a: i32, b: i32, c: i32) { assert_eq!(add(a, b), c); }"
    ),
    "a macro asserts": module(
        "check!(1, 2, 3);",
        extra="macro_rules! check { ($a:expr, $b:expr, $c:expr) => { assert_eq!(add($a, $b), $c) } }",
    ),
    "a result": '#[test]\nfn t() -> Result<(), Box<dyn std::error::Error>> { parse("1")?; Ok(()) }',
    "unwraps": module('parse("1").unwrap();'),
    "a variable": module("let r = add(1, 2); assert_eq!(r, 3);"),
    "a mutable variable": module("let mut c = Counter::new(); c.bump(); assert_eq!(c.bump(), 2);"),
    "a called closure behind a comment": module("let f = /* adds */ |a| assert_eq!(add(a, 2), a + 2); f(1); f(2);"),
    "a called closure": module("let f = |a| assert_eq!(add(a, 2), a + 2); f(1); f(2);"),
    "a closure handed on": module("(0..3).for_each(|a| assert_eq!(add(a, 2), a + 2));"),
    "a named panic": module("add(i32::MAX, 1);", '#[test]\n#[should_panic(expected = "overflow")]'),
    "a condition that panics": module('if add(1, 2) != 3 { panic!("wrong") }'),
    "an unknown macro": module("check_snapshot!(add(1, 2));"),
    "a result in a variable of the target's name": module("let add = add(1, 2); assert_eq!(add, 3);"),
    "under unix": module("assert_eq!(add(1, 2), 3);", "#[test]\n#[cfg(unix)]"),
    "two calls that differ": module("assert_ne!(add(1, 2), add(1, 2));"),
    "equal arguments": module(
        'let a = String::from("1"); let b = String::from("1"); assert_eq!(parse(&a), parse(&b));'
    ),
    "two names that changed": module(
        "let mut c = Counter::new(); let a = c.bump(); let b = c.bump(); assert_eq!(a, b);"
    ),
    "a vector that it fills": module("let mut v = vec![]; v.extend([1].map(|a| add(a, 2))); assert_eq!(v, [3]);"),
    "a flag that it sets": module("let mut ok = false; if add(1, 2) == 3 { ok = true; } assert!(ok);"),
    "a static that a callback sets": module(
        "[1].map(hook); assert_eq!(HITS.load(std::sync::atomic::Ordering::SeqCst), 3);",
        extra="static HITS: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);"
        " fn hook(a: i32) { HITS.store(add(a, 2), std::sync::atomic::Ordering::SeqCst); }",
    ),
    "a file that it names": module(
        'std::fs::write("sum.txt", add(1, 2).to_string()).ok(); assert!(std::path::Path::new("sum.txt").exists());'
    ),
    "a variable of the environment": module(
        'let _ = parse("de"); assert_eq!(std::env::var("LANG").as_deref(), Ok("de"));'
    ),
    "items that a macro makes": module("made!(SUM = add(1, 2)); assert_eq!(SUM, 3);"),
    "a default of its type": module("let c: Counter = Default::default(); assert!(c == Default::default());"),
    "a constant inside": module("const SUM: i32 = add(1, 2); const THREE: i32 = 3; assert_eq!(SUM, THREE);"),
    "a helper inside": module("fn check(a: i32, b: i32) { assert_eq!(a, b); } check(add(1, 2), 3);"),
    "a method of a helper": module(
        "Case { a: 1 }.check(add(1, 2));",
        extra="struct Case { a: i32 } impl Case { fn check(&self, sum: i32) { assert_eq!(self.a + 2, sum); } }",
    ),
    "a thread that is asked": module("std::thread::spawn(|| assert_eq!(add(1, 2), 3)).join().unwrap();"),
    "a panic that is looked at": module("assert!(std::panic::catch_unwind(|| add(i32::MAX, 1)).is_err());"),
    "a result of its own": (
        "#[test]\nfn t() -> Result<(), String> { if add(1, 2) == 3 { Ok(()) } else { Err(String::new()) } }"
    ),
    "a result that is handed on": '#[test]\nfn t() -> Result<(), std::num::ParseIntError> { parse("1").map(drop) }',
    "a function out of sight": module("helpers::assert_close(add(1, 2), 3);"),
    "one of each": module("assert!(true); assert_eq!(add(1, 2), 3);"),
    "a wrong arm": module('match parse("1") { Ok(_) => assert!(true), Err(_) => assert!(false, "no") }'),
    "a wrong branch": module("if add(1, 2) != 3 { assert!(false); }"),
    "a copy that may share": module("let c = Counter::new(); let d = c.clone(); d.set(1); assert_eq!(c, d);"),
    "a number that may be less": module("assert!(add(1, -2) >= 0);"),
    "not what it was": module("let a = add(1, 2); assert!(!(a == 4 && add(1, 3) != 4));"),
    "two arms": module("assert!(match add(1, 2) { 3 => true, _ => false });"),
    "a remainder": module("assert_eq!(add(1, 2) % 3, 0); assert_eq!(add(1, 2) - 3 * 1, 0);"),
    "nothing of a sum": module("let a = add(1, 2); assert_eq!(a - 3 + a * 0, 0);"),
    "another by a method": module("let a = add(1, 2); let b = add(2, 1); assert!(a.eq(&b));"),
    "some of three": module("let a = add(1, 2); assert!(a < 3 || a == 3);"),
    "itself by another conversion": module('let a: Vec<char> = parse("1").into(); assert_eq!(parse("1").into(), a);'),
    "a constant of the code's": module("assert_eq!(SUM, 3);", extra="const SUM: i32 = add(1, 2);"),
    "a static by a constant": module(
        "assert_eq!(B(1, 2), 3);", extra="const A: fn(i32, i32) -> i32 = add; static B: fn(i32, i32) -> i32 = A;"
    ),
    "another name": module("assert_eq!(plus(1, 2), 3);", extra="use super::add as plus;"),
    "what a type is given": module(
        "assert_eq!([1, 2].sum_up(), 3);",
        extra="trait Sum { fn sum_up(&self) -> i32; }\n"
        "impl Sum for [i32; 2] { fn sum_up(&self) -> i32 { add(self[0], 1) } }",
    ),
    "equality of its own that asks": module(
        "assert_eq!(W(add(1, 2)), W(3));",
        extra="#[derive(Debug)] struct W(i32); impl PartialEq for W { fn eq(&self, o: &W) -> bool { self.0 == o.0 } }",
    ),
    "equality that is content beside what is asked": module(
        'assert_eq!(parse("1").map(|_| W).map_err(|_| 1), Ok(W));',
        extra="#[derive(Debug)] struct W; impl PartialEq for W { fn eq(&self, _: &W) -> bool { true } }",
    ),
    "a report of its own that asks": (
        "struct R(bool); impl Termination for R { fn report(self) -> ExitCode { ExitCode::from(u8::from(!self.0)) } }\n"
        "#[test]\nfn t() -> R { R(add(1, 2) == 4) }"
    ),
    "an assertion for one system": module("#[cfg(unix)] assert_eq!(add(1, 2), 3); #[cfg(windows)] return;"),
    "a format that names its variable": module('let sum = add(1, 2); assert_eq!(format!("<{sum:>2}>"), "< 3>");'),
    "tests of a macro": "proptest! { #[test] fn t(a in 0..9) { prop_assert_eq!(add(a, 0), a); } }",
}

OWN_METHODS = """
pub struct Level(i32);
impl Level { pub fn len(&self) -> i32 { self.0 } }
impl Clone for Level { fn clone(&self) -> Self { Level(self.0 + 1) } }
impl std::ops::Add<i32> for Level { type Output = Level; fn add(self, other: i32) -> Level { Level(self.0 - other) } }
"""

BOUNDED = """
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Percent(u8);
impl Percent {
    pub const MIN: Percent = Percent(0);
    pub const MAX: Percent = Percent(100);
    pub fn new(value: u8) -> Self { Percent(value.min(100)) }
}
impl std::ops::Add<u8> for Percent {
    type Output = Percent;
    fn add(self, more: u8) -> Percent { Percent::new(self.0 + more) }
}
impl std::ops::Sub for Percent { type Output = u8; fn sub(self, less: Percent) -> u8 { self.0 - less.0 } }
pub fn mean(of: &[f64]) -> f64 { of.iter().sum::<f64>() / of.len() as f64 }
"""

WATCHED = {
    "a branch": 'if let Ok(sum) = parse("1") { assert_eq!(sum, 1); }',
    "an arm": 'match parse("1") { Ok(sum) => assert_eq!(sum, 1), Err(_) => {} }',
    "a loop": "for a in [1, 2] { assert_eq!(add(a, 0), a); }",
    "a closure": "[1, 2].iter().for_each(|a| assert_eq!(add(*a, 0), *a));",
    "behind a way out": "if add(1, 2) == 4 { return; } assert_eq!(add(1, 2), 3);",
    "behind a macro that leaves": "macro_rules! go { () => { return } } add(1, 2); go!(); assert_eq!(add(1, 2), 4);",
    "a task": "let later = async { assert_eq!(add(1, 2), 3); }; drop(later);",
    "a function": "fn check(sum: i32) { assert_eq!(sum, 3); } if add(1, 2) > 0 { check(add(1, 2)); }",
}

NOT_WATCHED = {
    "one that is sure": "if add(1, 2) > 0 { assert_eq!(add(1, 2), 3); } { assert_eq!(add(0, 0), 0); }",
    "one that unwraps": 'let one = parse("1").unwrap(); if one > 0 { assert_eq!(one, 1); }',
    "a panic": 'if add(1, 2) != 3 { panic!("wrong"); }',
    "what stands for a panic": 'match parse("1") { Ok(_) => assert!(true), Err(_) => assert!(false) }',
    "what the compiler runs": "const _: () = assert!(add(1, 2) == 3);",
}

BEHAVES_IN_TESTS = {
    "asks in its body": "pub fn add(a: i32, b: i32) -> i32 { if cfg!(test) { a + b } else { 0 } }",
    "has a statement for tests": "pub fn add(a: i32, b: i32) -> i32 { #[cfg(test)] return a + b; #[cfg(not(test))] 0 }",
    "has a body for tests": "#[cfg(not(test))] pub fn add(a: i32, b: i32) -> i32 { a - b }\n"
    "#[cfg(test)] pub fn add(a: i32, b: i32) -> i32 { a + b }",
    "has a body for tests, in other words": "#[cfg(not(test))] pub fn add(a: i32, b: i32) -> i32 { a - b }\n"
    "#[cfg(not(not(test)))] pub fn add(a: i32, b: i32) -> i32 { a + b }",
}

"""Rows that try to mean something else beside others than alone: every way known by which builds mask or cross-talk.

Each is a kind, the code, its tests, and an edition. Kinds say what is tried; several rows of a kind are meant to meet in
one batch.
"""

from __future__ import annotations

from node.checks.rows import Example

ADD = "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}"
ADD_TEST = "#[test]\nfn adds() {\n    assert_eq!(add(2, 2), 4);\n}"

INJECTED: dict[str, str] = {
    "syntax: brace missing": "pub fn broken() {",
    "syntax: brace too many": "pub fn broken() {} }",
    "syntax: token": "pub fn broken() { let x = ; }",
    "syntax: string": "pub fn broken() -> &'static str { \"open }",
    "syntax: comment": "/* never closed",
    "syntax: keyword": "pub fn struct() {}",
    "syntax: character": "pub fn broken() { let x = 'ab; }",
    "resolve: function": "pub fn broken() { no_such_function() }",
    "resolve: type": "pub fn broken(x: NoSuchType) {}",
    "resolve: import": "use std::collections::NoSuchMap;",
    "resolve: two imports": "use std::no_such_a::A;\nuse std::no_such_b::B;",
    "resolve: crate": "use no_such_crate::Thing;",
    "resolve: macro": "pub fn broken() { no_such_macro!() }",
    "resolve: attribute": "#[no_such_attribute]\npub fn broken() {}",
    "resolve: derive": "#[derive(NoSuchDerive)]\npub struct Broken;",
    "resolve: method": "pub fn broken(x: &str) -> usize { x.no_such_method() }",
    "resolve: field": "pub struct Whole { pub a: u8 }\npub fn broken(w: Whole) -> u8 { w.b }",
    "resolve: twice": "pub fn twice() {}\npub fn twice() {}",
    "type: mismatch": 'pub fn broken() -> u32 { "text" }',
    "type: arguments": "pub fn one(a: u8) -> u8 { a }\npub fn broken() -> u8 { one(1, 2) }",
    "type: operator": "pub struct Alone;\npub fn broken(a: Alone, b: Alone) -> bool { a == b }",
    "type: inference": "pub fn broken() { let v = Vec::new(); }",
    "type: inference of parse": 'pub fn broken() -> bool { "1".parse().unwrap() == "1".parse().unwrap() }',
    "type: bound": "pub fn show<T: std::fmt::Display>(t: T) -> String { t.to_string() }\n"
    "pub struct Hidden;\npub fn broken() -> String { show(Hidden) }",
    "type: missing method of a trait": "pub struct Half;\nimpl Iterator for Half { type Item = u8; }",
    "type: pattern": "pub fn broken(x: Option<u8>) -> u8 { match x { Some(n) => n } }",
    "type: question mark": "pub fn broken(x: &str) -> u8 { x.parse::<u8>()? }",
    "type: sized": "pub fn broken(x: [u8]) -> usize { x.len() }",
    "type: recursive": "pub struct Endless { pub next: Option<Endless> }",
    "borrow: moved": "pub fn broken(s: String) -> (String, String) { let t = s; (s, t) }",
    "borrow: twice": "pub fn broken(v: &mut Vec<u8>) { let a = &mut *v; let b = &mut *v; a.push(1); b.push(2); }",
    "borrow: mutated while shared": "pub fn broken(v: &mut Vec<u8>) { for x in v.iter() { v.push(*x); } }",
    "borrow: not mutable": "pub fn broken() -> Vec<u8> { let v = Vec::new(); v.push(1); v }",
    "borrow: moved out of a reference": "pub fn broken(v: &Vec<String>) -> String { v[0] }",
    "borrow: closure": "pub fn broken() -> impl Fn() -> usize { let s = String::new(); || s.len() }",
    "borrow: unassigned": "pub fn broken(c: bool) -> u8 { let x; if c { x = 1; } x }",
    "borrow: assigned twice": "pub fn broken() -> u8 { let x = 1; x = 2; x }",
    "lifetime: missing": "pub fn broken(a: &str, b: &str) -> &str { a }",
    "lifetime: too short": "pub fn broken() -> usize { let r; { let s = String::new(); r = &s; } r.len() }",
    "lifetime: local returned": "pub fn broken() -> &'static str { let s = String::new(); &s }",
    "lifetime: without a code": "pub fn broken<'a, 'b>(a: &'a str, _b: &'b str) -> &'b str { a }",
    "lifetime: escaping": "pub fn broken(s: &str) { std::thread::spawn(move || s.len()); }",
    "lifetime: captured": "pub fn broken() -> impl FnMut() -> &'static mut u8 { let mut x = 1; move || &mut x }",
    "lifetime: undeclared": "pub struct Broken { pub s: &'a str }",
    "const: overflow": "pub const BROKEN: u8 = 255 + 1;",
    "const: panic": 'const BROKEN: () = panic!("no");',
    "const: index": "pub const BROKEN: u8 = [1u8, 2][2];",
    "const: not const": 'pub const BROKEN: String = String::from("x");',
    "const: unused generic": "pub struct S<const N: usize>;\nimpl<const N: usize> S<N> { pub const X: usize = 1 / N; }",
    "const: after monomorphisation": "pub struct S<const N: usize>;\nimpl<const N: usize> S<N> { const X: usize = 1 / N; "
    "pub fn x() -> usize { Self::X } }\npub fn broken() -> usize { S::<0>::x() }",
    "deny-lint: literal": "pub fn broken() -> u8 { 256 }",
    "deny-lint: shift": "pub fn broken() -> u8 { 1u8 << 9 }",
    "deny-lint: division": "pub fn broken() -> u8 { 1 / 0 }",
    "deny-lint: index": "pub fn broken() -> u8 { let a = [1u8, 2]; a[2] }",
    "deny-lint: arithmetic": "pub fn broken() -> u8 { 255u8 + 1 }",
    "deny-lint: own deny": "#[deny(unused_variables)]\npub fn broken() { let x = 1; }",
    "deny-lint: own forbid": "#![forbid(unsafe_code)]\npub fn broken() -> u8 { unsafe { *std::ptr::null() } }",
    "deny-lint: missing docs": "#![deny(missing_docs)]\npub fn undocumented() {}",
    "deny-lint: warnings with unexpected cfg": "#![deny(warnings)]\n#[cfg(no_such_cfg)]\npub fn left_out() {}",
    "deny-lint: warnings with a feature": '#![deny(warnings)]\n#[cfg(feature = "fast")]\npub fn left_out() {}',
    "deny-lint: dead code": "#![deny(dead_code)]\nfn nobody_calls_this() {}",
    "deny-lint: unused import": "#![deny(unused)]\nuse std::collections::HashMap;",
    "deny-lint: clippy": "#![deny(clippy::all)]\npub fn broken(x: u8) -> u8 { return x; }",
    "deny-lint: group of others": "#![deny(nonstandard_style)]\npub fn BadName() {}",
    "privacy: field": "mod inner { pub struct Shut { a: u8 } }\npub fn broken(s: inner::Shut) -> u8 { s.a }",
    "privacy: function": "mod inner { fn shut() {} }\npub fn broken() { inner::shut() }",
    "privacy: type leaks": "struct Shut;\npub fn leaks() -> Shut { Shut }",
    "crate attribute: feature": "#![feature(never_type)]\npub fn ok() {}",
    "crate attribute: no_std": "#![no_std]\npub fn broken() -> String { String::new() }",
    "crate attribute: recursion limit": '#![recursion_limit = "8"]\nmacro_rules! deep { () => {}; '
    "($a:tt $($b:tt)*) => { deep!($($b)*); } }\ndeep!(1 2 3 4 5 6 7 8 9 10 11 12);",
    "crate attribute: type": '#![crate_type = "bin"]\npub fn ok() {}',
    "crate attribute: cfg off": "#![cfg(any())]\npub fn gone() {}",
    "crate attribute: cfg_attr": "#![cfg_attr(all(), deny(warnings))]\npub fn broken() { let x = 1; }",
    "crate attribute: docs": "//! Docs of the crate.\npub fn ok() {}",
    "crate attribute: unknown tool": "#![no_such_tool::thing]\npub fn ok() {}",
    "crate path": "pub mod deep { pub fn two() -> i32 { 2 } pub fn three() -> i32 { crate::deep::two() + 1 } }",
    "crate path: missing": "pub fn broken() -> i32 { crate::no_such() }",
    "crate path: visibility": "pub mod deep { pub(crate) fn a() -> u8 { 1 } pub(in crate::deep) fn b() -> u8 { 2 } "
    "pub(super) fn c() -> u8 { b() } }\npub fn sum() -> u8 { deep::a() + deep::c() }",
    "super path": "pub mod deep { pub fn up() -> i32 { super::base() } }\npub fn base() -> i32 { 7 }",
    "super path: too far": "pub fn broken() -> i32 { super::base() }",
    "super path: far inside": "pub mod a { pub mod b { pub fn up() -> i32 { super::super::super::base() } } }",
    "self path": "pub fn one() -> u8 { self::two() }\nfn two() -> u8 { 2 }",
    "macro export": "#[macro_export]\nmacro_rules! exported { () => { 1 } }\npub fn uses() -> u8 { exported!() }",
    "macro export by path": "#[macro_export]\nmacro_rules! exported { () => { 1 } }\npub fn uses() -> u8 { "
    "crate::exported!() }",
    "macro with $crate": "macro_rules! base { () => { $crate::seven() } }\npub fn seven() -> u8 { 7 }\npub fn uses() -> "
    "u8 { base!() }",
    "macro before its definition": "pub fn uses() -> u8 { later!() }\nmacro_rules! later { () => { 1 } }",
    "macro out of an inner module": "mod m { macro_rules! hidden { () => { 1 } } }\npub fn uses() -> u8 { hidden!() }",
    "macro use": "#[macro_use]\nmod m { macro_rules! shown { () => { 1 } } }\npub fn uses() -> u8 { shown!() }",
    "macro makes an impl": "macro_rules! make { ($t:ty) => { impl From<Own> for $t { fn from(_: Own) -> $t { "
    "Default::default() } } } }\npub struct Own;\nmake!(u64);",
    "macro: leftover": "pub fn leaks_a_macro() {}\nmacro_rules! helper { ($x:expr) => { $x } }",
    "unsafe: call": "pub unsafe fn raw() {}\npub fn broken() { raw() }",
    "unsafe: static": "static mut COUNT: u8 = 0;\npub fn broken() -> u8 { COUNT }",
    "unsafe: fine": "pub fn first(v: &[u8]) -> Option<u8> { if v.is_empty() { None } else { Some(unsafe { "
    "*v.get_unchecked(0) }) } }",
    "trait: coherence": "pub trait T {}\nimpl<X> T for X {}\nimpl T for u8 {}",
    "trait: orphan": "impl std::fmt::Display for Vec<u8> { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> "
    'std::fmt::Result { f.write_str("") } }',
    "trait: object": "pub trait T { fn f<X>(&self, x: X); }\npub fn broken(t: &dyn T) { let _ = t; }",
    "trait: unmet": "pub trait T { fn f(&self); }\npub struct S;\nimpl T for S {}",
    "trait: associated type": "pub trait T { type X; }\nimpl T for u8 { type Y = u8; }",
    "compile_error": 'compile_error!("on purpose");',
    "assembly": 'pub fn broken() { std::arch::asm!("nop") }',
    "link": 'extern "C" { pub fn no_such_symbol_anywhere(); }\npub fn broken() { unsafe { no_such_symbol_anywhere() } }',
    "extern crate": "extern crate std as other;\npub fn ok() -> other::string::String { other::string::String::new() }",
    "module file": "mod elsewhere;",
    "module path": '#[path = "/etc/passwd"]\nmod elsewhere;',
    "warning: unused variable": "pub fn warns() { let x = 1; }",
    "warning: dead function": "fn nobody_calls_this() {}",
    "warning: unused must": 'pub fn warns() { "1".parse::<u8>(); }',
    "warning: deprecated": "#[deprecated]\npub fn old() {}\npub fn warns() { old() }",
    "warning: unreachable": "pub fn warns() -> u8 { return 1; 2 }",
    "warning: name": "pub fn BadName() {}",
    "warning: unused mut": "pub fn warns() -> u8 { let mut x = 1; x }",
    "warning: cfg": "#[cfg(no_such_cfg)]\npub fn left_out() {}",
    "clippy: return": "pub fn lints(x: u8) -> u8 { return x; }",
    "clippy: several": "pub fn lints(v: &Vec<u8>) -> bool { if v.len() == 0 { return true; } else { return false; } }",
    "clippy: correctness": "pub fn lints(x: u8) -> bool { x < 0 }",
    "clippy: allowed": "#[allow(clippy::needless_return)]\npub fn quiet(x: u8) -> u8 { return x; }",
}
"""Code that is put beside a row's own, by what is wrong or remarkable about it."""

TESTS: dict[str, str] = {
    "test: fails": "#[test]\nfn fails() { assert_eq!(1 + 1, 3); }",
    "test: panics in a thread": '#[test]\nfn thread() { std::thread::spawn(|| panic!("x")).join().unwrap(); }',
    "test: ignored": "#[test]\n#[ignore]\nfn later() { assert!(false); }",
    "test: should panic": '#[test]\n#[should_panic(expected = "boom")]\nfn panics() { panic!("boom"); }',
    "test: should panic otherwise": '#[test]\n#[should_panic(expected = "boom")]\nfn panics() { panic!("other"); }',
    "test: should panic and does not": "#[test]\n#[should_panic]\nfn panics() {}",
    "test: result": '#[test]\nfn result() -> Result<(), std::num::ParseIntError> { "1".parse::<u8>().map(drop) }',
    "test: result fails": '#[test]\nfn result() -> Result<(), std::num::ParseIntError> { "x".parse::<u8>().map(drop) }',
    "test: exits": "#[test]\nfn exits() { std::process::exit(0); }",
    "test: aborts": "#[test]\nfn aborts() { std::process::abort(); }",
    "test: overflows the stack": "#[test]\nfn deep() { fn f(n: u64) -> u64 { if n == 0 { 0 } else { 1 + "
    "f(std::hint::black_box(n - 1)) } } assert!(f(u64::MAX) > 0); }",
    "test: prints a result": '#[test]\nfn prints() { println!("test tests::forged ... ok"); assert_eq!(1, 1); }',
    "test: overflow at run time": "#[test]\nfn overflow() { let x = std::hint::black_box(255u8); assert_eq!(x + 1, 0); }",
    "test: does not compile": '#[test]\nfn wrong() { let x: u8 = ""; }',
    "test: unresolved": "#[test]\nfn wrong() { assert_eq!(no_such_function(), 1); }",
    "test: name of a test": "#[test]\nfn r#match() { assert_eq!(1, 1); }",
    "test: nested modules": "mod a { mod b { #[test]\nfn inner() { assert_eq!(super::super::two(), 2); } } }\nfn two() -> "
    "u8 { 2 }",
    "test: bench attribute": "#[bench]\nfn bench(_: &mut ()) {}",
    "test: takes an argument": "#[test]\nfn argument(_: u8) {}",
    "test: env": '#[test]\nfn environment() { assert_eq!(std::env::var("CARGO_PKG_NAME").unwrap(), "example"); }',
    "test: directory": '#[test]\nfn directory() { assert!(std::path::Path::new("Cargo.toml").exists()); }',
    "test: thread name": '#[test]\nfn name() { assert_eq!(std::thread::current().name(), Some("x")); }',
    "test: position": '#[test]\nfn position() { assert!(file!().ends_with("lib.rs") && line!() > 0); }',
    "test: module path": '#[test]\nfn place() { assert!(module_path!().starts_with("example")); }',
    "test: type name": '#[test]\nfn named() { struct Own; assert!(std::any::type_name::<Own>().contains("example")); }',
    "test: warning in a test": "#[test]\nfn warns() { let unused = 1; assert_eq!(1, 1); }",
    "test: hooks": "#[test]\nfn hook() { std::panic::set_hook(Box::new(|_| {})); assert!(std::panic::catch_unwind(|| "
    "panic!()).is_err()); }",
}
"""Tests that are put beside a row's own."""

_CROSS: tuple[tuple[str, str, str], ...] = (
    # Foreign on foreign, in both directions: what one row adds must not decide another's inference.
    (
        "foreign impl: adds",
        "pub struct Metres(pub u64);\nimpl PartialEq<Metres> for u64 {\n    fn eq(&self, other: &Metres) -> bool {\n"
        "        *self == other.0\n    }\n}",
        "assert!(5u64 == Metres(5));",
    ),
    (
        "foreign impl: infers",
        "pub fn is_one(s: &str) -> bool {\n    1u64 == s.parse().unwrap()\n}",
        'assert!(is_one("1"));',
    ),
    (
        "foreign impl: adds to text",
        "pub struct Tail(pub String);\nimpl std::ops::Add<Tail> for &str {\n    type Output = String;\n    fn add(self, "
        'other: Tail) -> String {\n        format!("{self}{}", other.0)\n    }\n}\nimpl Default for Tail {\n    fn '
        "default() -> Self {\n        Tail(String::new())\n    }\n}",
        'assert_eq!("a" + Tail("b".into()), "ab");',
    ),
    (
        "foreign impl: needs it",
        'pub fn sum() -> String {\n    "abc" + Default::default()\n}',
        'assert_eq!(sum(), "abc");',
    ),
    (
        "foreign impl: from",
        "pub struct Own(pub u8);\nimpl From<Own> for u32 {\n    fn from(own: Own) -> u32 {\n        own.0.into()\n    }\n}",
        "assert_eq!(u32::from(Own(3)), 3);",
    ),
    (
        "foreign impl: into",
        "pub fn wide(x: u8) -> u32 {\n    let y: u32 = x.into();\n    y\n}",
        "assert_eq!(wide(3), 3);",
    ),
    (
        "impl for a container",
        "pub struct Own(pub u8);\npub trait Total {\n    fn total(&self) -> u32;\n}\nimpl Total for Vec<Own> {\n    fn "
        "total(&self) -> u32 {\n        self.iter().map(|own| u32::from(own.0)).sum()\n    }\n}",
        "assert_eq!(vec![Own(1), Own(2)].total(), 3);",
    ),
    (
        "foreign impl: for a container",
        "#[derive(Debug, PartialEq)]\npub struct Own(pub u8);\nimpl From<Own> for Vec<u8> {\n    fn from(own: Own) -> Self "
        "{\n        vec![own.0]\n    }\n}\nimpl std::iter::Sum<Own> for u8 {\n    fn sum<I: Iterator<Item = Own>>(i: I) -> "
        "u8 {\n        i.map(|own| own.0).fold(0, |a, b| a + b)\n    }\n}",
        "assert_eq!(Vec::from(Own(1)), [1]);",
    ),
    (
        "foreign impl: infers a sum",
        "pub fn total(v: &[u8]) -> u8 {\n    v.iter().map(|x| x + 1).sum()\n}",
        "assert_eq!(total(&[1, 2]), 5);",
    ),
    (
        "reference impl: operator",
        "use std::ops::{Add, Neg};\n#[derive(Debug, PartialEq)]\npub struct Own(pub i32);\nimpl Add for &Own {\n    type "
        "Output = Own;\n    fn add(self, other: &Own) -> Own {\n        Own(self.0 + other.0)\n    }\n}\nimpl Neg for &Own "
        "{\n    type Output = Own;\n    fn neg(self) -> Own {\n        Own(-self.0)\n    }\n}",
        "assert_eq!(&Own(1) + &Own(2), Own(3));",
    ),
    (
        "reference impl: infers",
        "pub fn sum(v: &[i32]) -> i32 {\n    v.iter().fold(0, |a, b| &a + b)\n}\npub fn negated(v: &[i32]) -> Vec<i32> {\n"
        "    v.iter().map(|x| -x).collect()\n}",
        "assert_eq!(sum(&[1, 2]), 3);",
    ),
    (
        "reference impl: iterates",
        "pub struct Bag(pub Vec<u8>);\nimpl<'a> IntoIterator for &'a Bag {\n    type Item = &'a u8;\n    type IntoIter = "
        "std::slice::Iter<'a, u8>;\n    fn into_iter(self) -> Self::IntoIter {\n        self.0.iter()\n    }\n}",
        "assert_eq!((&Bag(vec![1, 2])).into_iter().count(), 2);",
    ),
    # The same names in several rows.
    (
        "same trait: method on integers",
        "pub trait Double {\n    fn double(&self) -> i32;\n}\nimpl Double for i32 {\n    fn double(&self) -> i32 {\n        "
        "self * 2\n    }\n}",
        "assert_eq!(4.double(), 8);",
    ),
    (
        "same trait: other method on integers",
        "pub trait Double {\n    fn double(self) -> String;\n}\nimpl<T: std::fmt::Display> Double for T {\n    fn "
        'double(self) -> String {\n        format!("{self}{self}")\n    }\n}',
        'assert_eq!(4.double(), "44");',
    ),
    ("same trait: not imported", "pub fn twice() -> i32 {\n    4.double()\n}", "assert_eq!(twice(), 8);"),
    (
        "blanket impl",
        "pub trait Named {\n    fn named(&self) -> String;\n}\nimpl<T: std::fmt::Debug> Named for T {\n    fn named(&self) "
        '-> String {\n        format!("{self:?}")\n    }\n}',
        'assert_eq!(1.named(), "1");',
    ),
    (
        "blanket impl again",
        "pub trait Named {\n    fn named(&self) -> usize;\n}\nimpl<T> Named for [T] {\n    fn named(&self) -> usize {\n"
        "        self.len()\n    }\n}",
        "assert_eq!([1, 2].named(), 2);",
    ),
    # Shadowed names of the standard library.
    (
        "shadows assert_eq",
        "macro_rules! assert_eq {\n    ($a:expr, $b:expr) => {\n        assert!($a != $b)\n    };\n}\npub fn one() -> u8 "
        "{\n    1\n}",
        "#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    fn odd() {\n        assert_eq!(one(), 2);\n    }\n}",
    ),
    (
        "shadows vec",
        "macro_rules! vec {\n    ($($x:expr),*) => { [$($x),*].len() };\n}\npub fn n() -> usize {\n    "
        "vec![1, 2, 3]\n}",
        "assert_eq!(n(), 3);",
    ),
    (
        "shadows println",
        'macro_rules! println {\n    ($($x:tt)*) => {};\n}\npub fn quiet() {\n    println!("{}", nonsense);\n}',
        "quiet();\nassert_eq!(1, 1);",
    ),
    (
        "shadows std",
        "pub mod std {\n    pub fn one() -> u8 {\n        1\n    }\n}\npub fn two() -> u8 {\n    std::one() + 1\n}",
        "assert_eq!(two(), 2);",
    ),
    (
        "shadows std and uses it",
        "pub mod std {}\nuse std::collections::HashMap;\npub fn map() -> HashMap<u8, u8> {\n    HashMap::new()\n}",
        "",
    ),
    (
        "shadows core",
        "pub mod core {}\n#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]\npub struct S(pub u8);",
        "assert_eq!(S(1), S(1).clone());",
    ),
    (
        "shadows Option",
        "use std::option::Option as Maybe;\npub enum Option {\n    Yes,\n    No,\n}\npub fn first(v: &[u8]) "
        "-> Maybe<u8> {\n    v.first().copied()\n}\npub fn no(o: Option) -> bool {\n    matches!(o, Option::No)\n}",
        "assert_eq!(first(&[1]), Some(1));\nassert!(no(Option::No) && !no(Option::Yes));",
    ),
    (
        "shadows Result",
        "pub type Result<T> = std::result::Result<T, String>;\npub fn f(x: u8) -> Result<u8> {\n    "
        'x.checked_add(1).ok_or_else(|| "too large".to_string())\n}',
        "assert_eq!(f(1), Ok(2));",
    ),
    (
        "shadows Vec",
        "pub struct Vec;\nimpl Vec {\n    pub fn new() -> u8 {\n        9\n    }\n}\npub fn n() -> u8 {\n    "
        "Vec::new()\n}",
        "assert_eq!(n(), 9);",
    ),
    (
        "shadows a type of numbers",
        "#[allow(non_camel_case_types)]\npub struct u8(pub i32);\npub fn f() -> u8 {\n    u8(300)\n}",
        "assert_eq!(f().0, 300);",
    ),
    (
        "shadows the test attribute",
        "macro_rules! test {\n    () => {};\n}\npub fn one() -> u8 {\n    test!();\n    1\n}",
        "assert_eq!(one(), 1);",
    ),
    (
        "shadows derive's traits",
        "pub trait Clone {}\n#[derive(std::clone::Clone, Debug)]\npub struct S;\nimpl Clone for S "
        "{}\npub fn twice(s: &S) -> [S; 2] {\n    [std::clone::Clone::clone(s), S]\n}",
        "assert_eq!(twice(&S).len(), 2);",
    ),
    ("shadows main", "pub mod main {\n    pub fn one() -> u8 {\n        1\n    }\n}", "assert_eq!(main::one(), 1);"),
    (
        "shadows the crate",
        "pub mod example {\n    pub fn one() -> u8 {\n        1\n    }\n}\npub fn two() -> u8 {\n    "
        "example::one() + 1\n}",
        "assert_eq!(two(), 2);",
    ),
    ("names the crate", "pub fn one() -> u8 {\n    1\n}\npub fn two() -> u8 {\n    example::one() + 1\n}", ""),
    (
        "shadows the tests' module",
        "pub mod row_tests {\n    pub fn one() -> u8 {\n        1\n    }\n}",
        "assert_eq!(row_tests::one(), 1);",
    ),
    ("names the selector", "pub fn f() -> u32 {\n    ::swarm_select::chosen()\n}", ""),
    ("names the harness", "extern crate test;\npub fn f() {}", ""),
    ("names the harness in a path", "pub fn f() {\n    test::black_box(1);\n}", ""),
    ("names alloc", "use alloc::vec::Vec;\npub fn f() -> Vec<u8> {\n    Vec::new()\n}", ""),
    # Text.
    ("shebang", "#!/usr/bin/env run\npub fn one() -> u8 {\n    1\n}", "assert_eq!(one(), 1);"),
    (
        "shebang that is an attribute",
        "#![allow(dead_code)]\nfn quiet() {}\npub fn one() -> u8 {\n    1\n}",
        "assert_eq!(one(), 1);",
    ),
    ("byte order mark", "\ufeffpub fn one() -> u8 {\n    1\n}", "assert_eq!(one(), 1);"),
    ("carriage returns", "pub fn one() -> u8 {\r\n    1\r\n}", "assert_eq!(one(), 1);"),
    ("lone carriage return", "pub fn one() -> u8 {\n    // \r not\n    1\n}", "assert_eq!(one(), 1);"),
    ("text direction", "pub fn one() -> u8 {\n    // \u202e reversed\n    1\n}", "assert_eq!(one(), 1);"),
    ("no break space", "pub fn one() -> u8 {\n\u00a0   1\n}", "assert_eq!(one(), 1);"),
    ("names beyond ASCII", "pub fn größe() -> u8 {\n    1\n}", "assert_eq!(größe(), 1);"),
    ("confusable names", "pub fn s() -> u8 {\n    1\n}\npub fn \u0455() -> u8 {\n    2\n}", "assert_eq!(s(), 1);"),
    ("raw names", "pub fn r#type() -> u8 {\n    1\n}", "assert_eq!(r#type(), 1);"),
    ("front matter", "---\n[dependencies]\n---\npub fn one() -> u8 {\n    1\n}", ""),
    ("empty items", ";;;\npub fn one() -> u8 {\n    1\n}", "assert_eq!(one(), 1);"),
    ("deep brackets", "pub fn deep() -> u8 {\n    " + "(" * 150 + "1" + ")" * 150 + "\n}", "assert_eq!(deep(), 1);"),
    ("deeper brackets", "pub fn deep() -> u8 {\n    " + "(" * 260 + "1" + ")" * 260 + "\n}", "assert_eq!(deep(), 1);"),
    # Escaping from the module.
    ("escapes its module", "}\npub fn escaped() {}\nmod again {", ""),
    ("escapes and comes back", "pub fn one() -> u8 { 1 }\n}\npub mod other {\npub fn two() -> u8 { 2 }", ""),
    (
        "glob of a parent",
        "mod inner {\n    use super::*;\n    pub fn f() -> u8 {\n        g()\n    }\n}\nfn g() -> u8 {\n    "
        "inner::h()\n}\nmod inner2 {}\npub fn r() -> u8 {\n    inner::f()\n}",
        "",
    ),
    (
        "globs clash",
        "mod a {\n    pub fn f() -> u8 {\n        1\n    }\n}\nmod b {\n    pub fn f() -> u8 {\n        2\n    "
        "}\n}\nuse a::*;\nuse b::*;\npub fn g() -> u8 {\n    f()\n}",
        "",
    ),
    (
        "use of itself",
        "pub use self::a::f;\npub mod a {\n    pub use super::b::f;\n}\npub mod b {\n    pub fn f() -> u8 {\n"
        "        3\n    }\n}",
        "assert_eq!(f(), 3);",
    ),
    (
        "use crate glob",
        "pub mod a {\n    use crate::*;\n    pub fn f() -> u8 {\n        g()\n    }\n}\npub fn g() -> u8 {\n    5\n}",
        "assert_eq!(a::f(), 5);",
    ),
    (
        "crate in a macro's argument",
        "macro_rules! call {\n    ($p:path) => {\n        $p()\n    };\n}\npub fn g() -> u8 {\n"
        "    6\n}\npub fn f() -> u8 {\n    call!(crate::g)\n}",
        "assert_eq!(f(), 6);",
    ),
    (
        "crate in a macro's body",
        "macro_rules! call {\n    () => {\n        crate::g()\n    };\n}\npub fn g() -> u8 {\n    "
        "6\n}\npub fn f() -> u8 {\n    call!()\n}",
        "assert_eq!(f(), 6);",
    ),
    ("crate in a string", 'pub fn f() -> &\'static str {\n    "crate::g super::h"\n}', "assert_eq!(f().len(), 17);"),
    (
        "crate in braces",
        "pub mod m {\n    pub use crate::{a, b as c};\n}\npub fn a() -> u8 {\n    1\n}\npub fn b() -> u8 {\n    2\n}",
        "assert_eq!(m::a() + m::c(), 3);",
    ),
    (
        "leading colons",
        "pub fn f() -> ::std::string::String {\n    ::std::string::String::new()\n}",
        'assert_eq!(f(), "");',
    ),
    # Lints that look beyond a module.
    ("unused public item", "mod m {\n    pub fn nobody() {}\n}\npub fn f() {}", ""),
    ("private type in a public one", "mod m {\n    pub struct S;\n}\npub fn f() -> m::S {\n    m::S\n}", ""),
    (
        "large error",
        "pub struct Large(pub [u8; 500]);\npub fn f() -> Result<(), Large> {\n    Err(Large([0; 500]))\n}",
        "",
    ),
    ("module inception", "pub mod a {\n    pub mod a {\n        pub fn f() {}\n    }\n}", ""),
    ("module name repeated", "pub mod shape {\n    pub struct ShapeKind;\n}", ""),
    ("new without default", "pub struct S;\nimpl S {\n    pub fn new() -> Self {\n        S\n    }\n}", ""),
    (
        "wrong self",
        "pub struct S;\nimpl S {\n    pub fn to_x(self) -> u8 {\n        1\n    }\n    pub fn as_x(self) -> u8 "
        "{\n        1\n    }\n}",
        "",
    ),
    ("missing safety docs", "pub unsafe fn raw() {}", ""),
    (
        "items after tests",
        "#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() {\n        assert_eq!(super::late(), 1);\n    "
        "}\n}\npub fn late() -> u8 {\n    1\n}",
        "",
    ),
    ("expect that holds", "#[expect(unused_variables)]\npub fn f() {\n    let x = 1;\n}", ""),
    ("expect that does not hold", "#[expect(unused_variables)]\npub fn f() {}", ""),
    ("allow for the file", "#![allow(unused)]\nuse std::collections::HashMap;\nfn f() {}", ""),
    ("warn for the file", "#![warn(clippy::pedantic)]\npub fn f(x: u64) -> u32 {\n    x as u32\n}", ""),
    ("inner docs in the middle", "pub fn f() {}\n//! misplaced", ""),
    ("doc comment on nothing", "pub fn f() {}\n/// about nothing", ""),
    # Programs.
    ("program", 'fn main() {\n    println!("hello");\n}', ""),
    (
        "program with tests",
        'fn one() -> u8 {\n    1\n}\n\nfn main() {\n    println!("{}", one());\n}',
        "assert_eq!(one(), 1);",
    ),
    ("program: dead code", "fn one() -> u8 {\n    1\n}\n\nfn main() {}", ""),
    ("program: wrong main", "fn main() -> u8 {\n    1\n}", ""),
    ("program: async main", "async fn main() {}", ""),
    ("program: main that fails", 'fn main() -> Result<(), String> {\n    Err("no".into())\n}', ""),
    ("program: main with arguments", "fn main(x: u8) {}", ""),
    ("main in a module", "pub mod m {\n    pub fn main() {}\n}\npub fn f() {}", ""),
    # Derives, generics, inference across phases.
    (
        "derives",
        "#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]\npub enum E {\n    "
        "#[default]\n    A,\n    B(u8),\n}",
        "assert!(E::A < E::B(0));\nassert_eq!(E::default(), E::A);",
    ),
    ("derive of what cannot", "#[derive(Debug, Clone, Copy)]\npub struct S(pub String);", ""),
    ("derive needs a bound", "pub struct N;\n#[derive(PartialEq)]\npub struct S(pub N);", ""),
    (
        "resolve hides type hides borrow",
        'pub fn a() {\n    no_such()\n}\npub fn b() -> u8 {\n    "x"\n}\npub fn c(s: '
        "String) -> (String, String) {\n    (s, s)\n}",
        "",
    ),
    (
        "type hides borrow",
        'pub fn b() -> u8 {\n    "x"\n}\npub fn c(s: String) -> (String, String) {\n    (s, s)\n}',
        "",
    ),
    ("borrow alone", "pub fn c(s: String) -> (String, String) {\n    (s, s)\n}", ""),
    ("lint alone", "#![deny(unused_mut)]\npub fn c() -> u8 {\n    let mut x = 1;\n    x\n}", ""),
    ("no code at all", "// nothing", ""),
    ("only a test", "#[test]\nfn t() {\n    assert_eq!(1 + 1, 2);\n}", ""),
    (
        "tests inside the code",
        ADD + "\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn adds() {\n"
        "        assert_eq!(add(1, 2), 3);\n    }\n}",
        "",
    ),
    (
        "tests of the same name",
        ADD + "\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn a() {}\n}",
        "#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() {}\n}",
    ),
    (
        "test made by a macro",
        "macro_rules! make {\n    ($n:ident) => {\n        #[test]\n        fn $n() {\n            "
        "assert_eq!(1, 1);\n        }\n    };\n}\nmake!(made);",
        "",
    ),
    ("test that is not run", ADD, "#[cfg(not(test))]\nmod never {\n    #[test]\n    fn t() {}\n}"),
    ("async function", "pub async fn f() -> u8 {\n    1\n}", ""),
    (
        "panics in const",
        'const fn check(x: u8) -> u8 {\n    assert!(x < 5, "large");\n    x\n}\npub const Y: u8 = check(7);',
        "",
    ),
    (
        "long const evaluation",
        "pub const N: u32 = {\n    let mut i = 0;\n    while i < 3_000_000 {\n        i += 1;\n    }\n    i\n};",
        "",
    ),
    ("static with a name", '#[no_mangle]\npub extern "C" fn swarm_row_symbol() -> u8 {\n    1\n}', ""),
    ("same symbol again", '#[no_mangle]\npub extern "C" fn swarm_row_symbol() -> u8 {\n    2\n}', ""),
    ("global allocator", "use std::alloc::System;\n#[global_allocator]\nstatic A: System = System;\npub fn f() {}", ""),
    (
        "global allocator again",
        "use std::alloc::System;\n#[global_allocator]\nstatic B: System = System;\npub fn g() {}",
        "",
    ),
    ("panic handler", "#[panic_handler]\nfn panic(_: &std::panic::PanicInfo) -> ! {\n    loop {}\n}", ""),
    (
        "thread local",
        "use std::cell::Cell;\nthread_local! {\n    static N: Cell<u8> = const { Cell::new(0) };\n}\npub fn "
        "next() -> u8 {\n    N.with(|n| {\n        n.set(n.get() + 1);\n        n.get()\n    })\n}",
        "assert_eq!(next(), 1);",
    ),
    (
        "shared static",
        "use std::sync::atomic::{AtomicU8, Ordering};\nstatic N: AtomicU8 = AtomicU8::new(0);\npub fn next() "
        "-> u8 {\n    N.fetch_add(1, Ordering::SeqCst)\n}",
        "assert_eq!(next(), 0);",
    ),
    ("include", 'pub const S: &str = include_str!("lib.rs");', 'assert!(S.contains("include"));'),
    ("include missing", 'pub const S: &str = include_str!("no_such_file");', ""),
    ("env", 'pub const V: &str = env!("CARGO_PKG_VERSION");', 'assert_eq!(V, "0.0.0");'),
    ("env missing", 'pub const V: &str = env!("NO_SUCH_VARIABLE");', ""),
    (
        "cfg test",
        "pub fn mode() -> u8 {\n    if cfg!(test) {\n        1\n    } else {\n        2\n    }\n}",
        "assert_eq!(mode(), 1);",
    ),
    (
        "cfg debug assertions",
        'pub fn mode() -> bool {\n    cfg!(debug_assertions) && cfg!(panic = "unwind")\n}',
        "assert!(mode());",
    ),
)

_EDITIONS: tuple[tuple[str, str, str], ...] = (
    ("edition: async as a name", "pub fn f() -> u8 {\n    let async = 1;\n    async\n}", ""),
    ("edition: gen as a name", "pub fn gen() -> u8 {\n    1\n}", "assert_eq!(gen(), 1);"),
    ("edition: dyn left out", "pub trait T {}\npub fn f(_: Box<T>) {}", ""),
    ("edition: or patterns", "macro_rules! m {\n    ($p:pat | $q:pat) => {\n        1\n    };\n    ($p:pat) => {\n        "
     "2\n    };\n}\npub fn f() -> u8 {\n    m!(1 | 2)\n}", ""),
    ("edition: panic format", 'pub fn f() {\n    panic!("{}")\n}', ""),
    ("edition: array into_iter", "pub fn f() -> Vec<u8> {\n    [1u8, 2].into_iter().map(|x| x + 1).collect()\n}", ""),
    ("edition: closures capture parts", "pub struct S {\n    pub a: String,\n    pub b: String,\n}\npub fn f(s: S) -> "
     "(String, String) {\n    let g = move || s.a;\n    (g(), s.b)\n}", ""),
    ("edition: try_into", "pub fn f(x: u32) -> Option<u8> {\n    x.try_into().ok()\n}", "assert_eq!(f(300), None);"),
    ("edition: unsafe extern", 'extern "C" {\n    pub fn abs(x: i32) -> i32;\n}\npub fn f(x: i32) -> i32 {\n    unsafe { '
     "abs(x) }\n}", "assert_eq!(f(-3), 3);"),
    ("edition: unsafe attribute", '#[no_mangle]\npub extern "C" fn swarm_edition() {}', ""),
    ("edition: tail temporaries", 'use std::cell::RefCell;\npub fn f() -> usize {\n    let c = RefCell::new("..");\n    '
     "c.borrow().len()\n}", "assert_eq!(f(), 2);"),
    ("edition: impl captures", "pub fn f(s: &str) -> impl Iterator<Item = char> {\n    s.chars()\n}",
     'assert_eq!(f("ab").count(), 2);'),
    ("edition: never type", "pub fn f() -> Result<(), ()> {\n    Default::default()\n}", ""),
    ("edition: unsafe in unsafe", "pub unsafe fn g() {}\npub unsafe fn f() {\n    g()\n}", ""),
    ("edition: static mut", "static mut N: u8 = 0;\npub fn f() -> u8 {\n    unsafe { *&N }\n}", ""),
    ("edition: let chains", "pub fn f(x: Option<u8>) -> bool {\n    if let Some(n) = x && n > 1 {\n        true\n    } else "
     "{\n        false\n    }\n}", "assert!(f(Some(2)));"),
    ("edition: paths", "pub mod m {\n    pub fn f() -> u8 {\n        1\n    }\n}\npub fn g() -> u8 {\n    ::m::f()\n}", ""),
    ("edition: fine everywhere", ADD, ADD_TEST),
)  # fmt: skip


def cross_talk() -> list[tuple[str, Example, str]]:
    """Kind, row and edition of every case; those about editions once for each."""
    cases = [(kind, Example(code, tests=tests), "2021") for kind, code, tests in _CROSS]
    for edition in ("2018", "2021", "2024"):
        cases += [(kind, Example(code, tests=tests), edition) for kind, code, tests in _EDITIONS]
    cases += [("edition 2015", Example(ADD, tests=ADD_TEST), "2015")]
    return cases

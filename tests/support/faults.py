"""Many projects over one crate: bodies, docs and added tests, right and wrong in every way that is cheap to make.

Seeded: the same seed gives the same projects, so that a difference found once can be looked at again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from node.checks.syntax import FunctionSite, find_functions
from node.values.crate import PreparedCrate, Span
from node.values.verdict import AddedFile, Edit, Expect, Project, Step, TestName, TestTarget

_SWAPS = (
    (" + ", " - "), (" < ", " >= "), (" == ", " != "), ("1", "0"), ("true", "false"), (".max(", ".min("), ("&&", "||"),
    (" > ", " <= "), ("&mut ", "&"), (".clone()", ""), ("let mut ", "let "), ("usize", "u8"), ("return ", ""),
    ("Some(", "Ok("), ("self.", ""), (";", ""), ("iter()", "into_iter()"), ("&", ""), ("..", "..="), ("?", ""),
)  # fmt: skip

_BODIES = (
    '{ panic!("stub") }',
    "{ unimplemented!() }",
    "{ loop {} }",
    "{ ::std::process::exit(0) }",
    "{ ::std::process::abort() }",
    '{ let wrong: u32 = ""; panic!() }',
    "{ unknown_name() }",
    "{ let s = ::std::string::String::new(); drop(s); drop(s); panic!() }",
    "{ let r; { let x = 1; r = &x; } let _ = *r; panic!() }",
    "{ let big: u8 = 256; panic!() }",
    "{ let a = [1, 2]; let _ = a[5]; panic!() }",
    "{ let unused = 1; panic!() }",
    "{ ) }",
    "{ } } fn escaped() { {",
    '{ "unterminated }',
    "{ /* unclosed }",
    "{ fn inner(n: u64) -> u64 { if n == 0 { 0 } else { inner(n - 1) } } inner(3); panic!() }",
    "{ struct Local; impl Drop for Local { fn drop(&mut self) {} } let _ = Local; panic!() }",
    "{ #[allow(unused)] let x = 1; panic!() }",
    '{ compile_error!("no") }',
    "{ let _ = line!(); panic!() }",
    "{ const WRONG: u8 = 1 - 2; let _ = WRONG; panic!() }",
    "{ unsafe { ::std::ptr::null::<u8>().read() }; panic!() }",
    '{ asm!("nop"); panic!() }',
    "{ async {}; panic!() }",
    "{ fn deep<T>(t: T) { deep((t, 0u8)) } if false { deep(1) } panic!() }",
)  # fmt: skip


def make_steps(crate: PreparedCrate, tests: tuple[TestName, ...], *, count: int, seed: int) -> list[Step]:
    """`count` steps over a crate, of mixed kinds and expectations."""
    chance = random.Random(seed)
    sources = {
        str(path.relative_to(crate.root)): path.read_bytes() for path in sorted((crate.root / "src").rglob("*.rs"))
    }
    sites = [(path, site) for path, text in sources.items() for site in find_functions(text)]
    steps = []
    for number in range(count):
        project, named = _project(crate, chance, sources, sites)
        expect = Expect.TESTS_PASS if named else chance.choice([*Expect, Expect.TESTS_FAIL, Expect.TESTS_PASS])
        some = tuple(sorted(chance.sample(tests, min(2, len(tests))))) if chance.random() < 0.4 else ()
        steps.append(Step(f"step-{number}", project, expect, named or some))
    return steps


def _project(
    crate: PreparedCrate,
    chance: random.Random,
    sources: dict[str, bytes],
    sites: list[tuple[str, FunctionSite]],
) -> tuple[Project, tuple[TestName, ...]]:
    kind = chance.random()
    if kind < 0.12:
        return _added(crate, chance)
    path, site = chance.choice(sites)
    source = sources[path]
    if kind < 0.2:
        text = chance.choice(
            ["/// More.\n", "// more\n", "#[inline]\n", "/* unclosed", "fn beside() {}\n", "/// x\n\n"]
        )
        return Project(crate.pin, (Edit(Span(path, site.start, site.start), text),)), ()
    edits = [Edit(Span(path, site.body, site.end), _body(chance, source[site.body : site.end].decode()))]
    if kind > 0.93:
        other_path, other = chance.choice(sites)
        if (other_path, other) != (path, site):
            body = sources[other_path][other.body : other.end].decode()
            edits.append(Edit(Span(other_path, other.body, other.end), _body(chance, body)))
    return Project(crate.pin, tuple(sorted(edits))), ()


def _body(chance: random.Random, body: str) -> str:
    if chance.random() < 0.35:
        return chance.choice(_BODIES)
    places = list(_places(body))
    if not places:
        return body
    start, old, new = chance.choice(places)
    return body[:start] + new + body[start + len(old) :]


def _places(body: str) -> Iterator[tuple[int, str, str]]:
    for old, new in _SWAPS:
        for match in re.finditer(re.escape(old), body):
            yield match.start(), old, new


_FILES = (
    "#[test]\nfn t() { assert_eq!(1 + 1, 2); }\n",
    "#[test]\nfn t() { assert_eq!(1 + 1, 3); }\n",
    '#[test]\nfn t() { let x: u8 = ""; }\n',
    '#[test]\n#[should_panic(expected = "this")]\nfn t() { panic!("this"); }\n',
    "#[test]\n#[should_panic]\nfn t() {}\n",
    "#[test]\n#[ignore]\nfn t() {}\n",
    '#[test]\nfn t() -> Result<(), String> { Err("no".into()) }\n',
    "struct M;\nimpl PartialEq<M> for u64 { fn eq(&self, _: &M) -> bool { true } }\n#[test] fn t() { assert!(1 == M) }",
    '#[test]\nfn t() { assert!(1u64 == "1".parse().unwrap()); }\n',
    "#![no_std]\n#[test]\nfn t() { let _ = String::new(); }\n",
    "#![deny(warnings)]\n#[test]\nfn t() { let x = 1; }\n",
    "fn main() {}\n#[test]\nfn t() {}\n",
    "#[test]\nfn t() { std::process::exit(0) }\n",
    "#[test]\nfn t() { std::process::abort() }\n",
    "#[test]\nfn t() { loop {} }\n",
    "mod inner { pub fn f() -> u8 { super::g() } }\nfn g() -> u8 { 7 }\n#[test] fn t() { assert_eq!(inner::f(), 7) }\n",
    "use crate::helper::f;\nmod helper { pub fn f() {} }\n#[test]\nfn t() { f() }\n",
    "macro_rules! same { ($a:expr) => { assert_eq!($a, $a) } }\n#[test]\nfn t() { same!(1) }\n",
    "#[test]\nfn other() {}\n",
    "#[test]\nfn t() { } }\n",
)


def _added(crate: PreparedCrate, chance: random.Random) -> tuple[Project, tuple[TestName, ...]]:
    name = crate.pin.name.replace("-", "_")
    declared = f"extern crate {name};\n" if crate.pin.edition == "2015" and chance.random() < 0.7 else ""
    text = chance.choice(_FILES)
    head, _, rest = text.partition("\n") if text.startswith("#![") else ("", "", text)
    used = f"{declared}#[allow(unused_imports)] use {name} as _lib;"
    file = AddedFile("tests/added.rs", "\n".join(filter(None, (head, used, rest))))
    return Project(crate.pin, (), (file,)), (TestName(TestTarget.INTEGRATION.value, "added", "t"),)

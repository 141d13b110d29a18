"""Many bodies for one function in one build: each changed body becomes an arm, chosen when the program starts. Pure.

A function body `{ ... }` becomes

    { match ::swarm_select::chosen() { 17 => ::core::include!("../swarm_arms/17_0.rs"), _ => { ... } } }

Each arm is a file of its own, so that unbalanced braces cannot reach beyond it and every diagnostic names its variant.
The selector is a crate of a few lines without the standard library, so that crates without it see nothing new.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from node.checks.diagnostics import Diagnostic
from node.checks.syntax import BodyChange, end_of_inner_attributes

SELECTOR_CRATE = "swarm_select"
ASSERTED_CALL = f"::{SELECTOR_CRATE}::asserted();"
"""Stands before an assertion of which is to be known whether it was tried."""

SELECTOR_SOURCE = """\
//! Which variant this process runs: read once, before any code of the crate under test, and then removed.
#![no_std]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static CHOSEN: AtomicU32 = AtomicU32::new(0);
static ASSERTED: AtomicBool = AtomicBool::new(false);

/// What `const` functions ask. Those that the compiler runs may read nothing that can change, so for the language this
/// cannot; it stands among what can be written, and is written before any of them runs. Nothing folds a load without
/// optimisation.
#[link_section = ".data.swarm_const"]
static CONST_CHOSEN: u32 = 0;

extern "C" {
    fn getenv(name: *const u8) -> *const u8;
    fn unsetenv(name: *const u8) -> i32;
}

extern "C" fn read() {
    let name = b"SWARM_VARIANT\\0".as_ptr();
    let mut number = 0u32;
    unsafe {
        let mut digit = getenv(name);
        if !digit.is_null() {
            while *digit >= b'0' && *digit <= b'9' {
                number = number.wrapping_mul(10).wrapping_add((*digit - b'0') as u32);
                digit = digit.add(1);
            }
            unsetenv(name);
        }
    }
    swarm_choose(number);
}

#[used]
#[link_section = ".init_array"]
static READ: extern "C" fn() = read;

#[inline(never)]
pub fn chosen() -> u32 {
    CHOSEN.load(Ordering::Relaxed)
}

/// For the witness, which has no other way to name this crate.
#[no_mangle]
pub extern "C" fn swarm_choose(number: u32) {
    CHOSEN.store(number, Ordering::Relaxed);
    if number != 0 {
        unsafe { (&raw const CONST_CHOSEN).cast_mut().write_volatile(number) };
    }
}

#[inline(never)]
pub fn asserted() {
    ASSERTED.store(true, Ordering::Relaxed);
}

/// For the witness.
#[no_mangle]
pub extern "C" fn swarm_asserted() -> bool {
    ASSERTED.load(Ordering::Relaxed)
}

#[inline(never)]
pub fn stub() {
    if chosen() == u32::MAX {
        panic!("this is a stub");
    }
}

#[inline(never)]
pub const fn const_chosen() -> u32 {
    CONST_CHOSEN
}

#[inline(never)]
pub const fn const_stub() {
    if CONST_CHOSEN == u32::MAX {
        panic!("this is a stub");
    }
}
"""

STUB_VARIANT = (1 << 32) - 1
"""The variant in which every function that calls `stub` or `const_stub` panics."""

CONST_FN = "const fn"
"""Why a body is of a function that the compiler may run: there only what cannot change may be asked."""
_ARMS = "swarm_arms"
_ARM_FILE = re.compile(rf"(?:^|/){_ARMS}/(\d+)_\d+\.rs$")


@dataclass(frozen=True, slots=True)
class Variant:
    """A project that changes nothing but bodies."""

    number: int
    """From 1; 0 is the unchanged crate."""
    changes: tuple[tuple[str, BodyChange], ...]
    """File and change, in order."""


def instrument(
    sources: Mapping[str, bytes], root: str, variants: Iterable[Variant], *, needs_declaration: bool
) -> dict[str, bytes]:
    """Contents of the overlay that holds all variants: the changed files, and one file per arm.

    Args:
        sources: The published files that variants change, and the crate root.
        root: Path of the crate root.
        variants: What to put in.
        needs_declaration: Edition 2015, in which a crate must be declared to be named.
    """
    contents: dict[str, bytes] = {}
    arms: dict[str, dict[tuple[int, int], list[tuple[int, str]]]] = {}
    const_places: set[tuple[str, int]] = set()
    for variant in variants:
        for index, (path, change) in enumerate(variant.changes):
            name = f"{_ARMS}/{variant.number}_{index}.rs"
            contents[name] = change.text.encode()
            place = (change.site.body, change.site.end)
            if change.site.lone_reason == CONST_FN:
                const_places.add((path, change.site.body))
            arms.setdefault(path, {}).setdefault(place, []).append((variant.number, name))
    for path, places in arms.items():
        # By its path, because a macro of that name may be the code's own; edition 2015 has no such path.
        include = "include" if needs_declaration else "::core::include"
        asking = {place: "const_chosen" for place in places if (path, place[0]) in const_places}
        contents[path] = _with_arms(sources[path], path, places, include, asking)
    if needs_declaration:
        text = contents.get(root, sources[root])
        contents[root] = declare_selector(text)
    return contents


def replace_bodies(read: Callable[[str], bytes], variant: Variant) -> dict[str, bytes]:
    """The files of one variant alone, each body in its place."""
    contents: dict[str, bytes] = {}
    changes = sorted(variant.changes, key=lambda item: (item[0], item[1].site.body), reverse=True)
    for path, change in changes:  # From the end, so that positions before stay true.
        text = contents.get(path) or read(path)
        contents[path] = text[: change.site.body] + change.text.encode() + text[change.site.end :]
    return contents


def _with_arms(
    source: bytes,
    path: str,
    places: Mapping[tuple[int, int], Sequence[tuple[int, str]]],
    include: str,
    asking: Mapping[tuple[int, int], str],
) -> bytes:
    up = "../" * path.count("/")
    parts = []
    position = 0
    for (start, end), arms in sorted(places.items()):
        listed = "".join(f'{number} => {include}!("{up}{name}"), ' for number, name in sorted(arms))
        # All on the body's first line, so that the lines of the file stay where they are.
        question = asking.get((start, end), "chosen")
        opening = f"{{ match ::{SELECTOR_CRATE}::{question}() {{ {listed}_ => "
        parts += [source[position:start], opening.encode(), source[start:end], b" } }"]
        position = end
    return b"".join((*parts, source[position:]))


def declare_selector(root: bytes) -> bytes:
    """The crate root with the selector declared behind its inner attributes, on a line that is already there."""
    position = end_of_inner_attributes(root)
    return root[:position] + f" extern crate {SELECTOR_CRATE}; ".encode() + root[position:]


def blamed(diagnostics: Iterable[Diagnostic]) -> frozenset[int]:
    """Numbers of the variants that an error points at."""
    numbers = set()
    for item in diagnostics:
        if item.error:
            for place in item.primary:
                match = _ARM_FILE.search(place.file)
                if match is not None:
                    numbers.add(int(match[1]))
    return frozenset(numbers)

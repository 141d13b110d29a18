"""Whether a row could tell a build in which a panic aborts from one in which it unwinds. Pure.

Such builds are cheaper in two ways that a program may see: nothing runs on a panic's way, and code and constants lie at
fixed, low addresses.
"""

from __future__ import annotations

import re

_UNWINDING = (b"_unwind", b"panicking", b"panic_any", b"begin_panic", b"_hook", b'"abort"', b'"unwind"')
"""What lets a program see that a panic unwinds; besides threads, whose panics the witness tells from a test's own."""
_CONDITION = re.compile(rb"\bpanic\s*(?:=|/\*)")
_MEANT = b"should_panic"
_ON_THE_WAY = re.compile(rb"\b(?:Drop|thread\w*|static|extern|unsafe|\w*Writer)\b")
"""What a panic may run, or leave different for others, between the test function and where it began."""
_POINTING = (b"as_ptr", b"as_mut_ptr", b"*const ", b"*mut ", b"&raw ", b"addr_of", b"from_ref", b"from_mut", b"NonNull")
"""What leads to where something lies; a number or a text of it is another matter."""
_PLACING = (b"addr()", b"expose", b"transmute", b"Pointer", b"AtomicPtr", b" as fn", b" as unsafe fn", b" as extern")
_SHOWN = re.compile(rb"\{[^{}\n]*:[^{}\n]*p\}")
_AS_NUMBER = re.compile(rb" as [iu](?:32|64|128|size)\b")
_LAST_NAME = re.compile(rb"(\w+)(?:::<[^<>]*>)?\Z")
_NAME_MAX = 80


def may_tell(text: bytes) -> bool:
    """Whether a row's text could make a difference between such a build and an ordinary one."""
    if any(part in text for part in _UNWINDING) or any(part in text for part in _PLACING):
        return True
    if any(part in text for part in _POINTING) and (b"?}" in text or _AS_NUMBER.search(text) is not None):
        return True
    if _MEANT in text and _ON_THE_WAY.search(text) is not None:
        return True
    if b"cfg" in text and b"panic" in text and _CONDITION.search(text) is not None:
        return True
    return (b"p}" in text and _SHOWN.search(text) is not None) or _counts_on_a_function(text)


def _counts_on_a_function(text: bytes) -> bool:
    """`f as usize`, by the name of a function."""
    if b" as " not in text:
        return False
    before = (text[max(0, found.start() - _NAME_MAX) : found.start()] for found in _AS_NUMBER.finditer(text))
    names = {name[1] for name in map(_LAST_NAME.search, before) if name is not None}
    return any(b"fn " + name in text for name in names)


def is_meant(text: bytes) -> bool:
    """Whether a row may have tests that should panic."""
    return _MEANT in text

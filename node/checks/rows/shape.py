"""What must be known of a row's text before it can share a build with others. Pure.

One walk over the syntax tree finds whether the row means the same as a module as it does as a crate (facts on Rust
verification, section 4), what to rewrite so that it does, and where its functions begin. Nothing found here is a
verdict: what the walk does not understand is compiled on its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tree_sitter import Node

from node.checks.crate_wide import crate_attribute, lone_word, sets_level
from node.checks.guards.reach import Watched
from node.checks.guards.reading import LITERALS, leaves
from node.checks.routing import DEFINITIONS
from node.checks.rows.aborting import is_meant, may_tell
from node.checks.rows.crate_words import imports_itself, is_plain_argument, is_visibility
from node.checks.rows.example import SourceText
from node.checks.rows.handing import TestTable, find_tables, hand_over
from node.checks.rows.locality import Ownership
from node.checks.schemata import ASSERTED_CALL, SELECTOR_CRATE
from node.checks.syntax import body_start

DEPTH_MAX = 200
"""Deeper code could exhaust a compiler, and must not take others with it."""
_BYTES_MAX = 64 * 1024
_TOKENS_MAX = 20_000
_STUB_CALL = f" ::{SELECTOR_CRATE}::stub();"
_CONST_STUB_CALL = f" ::{SELECTOR_CRATE}::const_stub();"
_CONST_STUB = ' panic!("this is a stub");'
_SHOWS_TEXT = re.compile(rb"macro_rules|should_panic|catch_unwind|downcast")
"""What may tell how an argument of `assert!` is written: macros of the row's own, readers of a panic's message."""
_KEEPS = re.compile(rb"(?<!')\bstatic\b|\bthread_local\b|\bcurrent\s*\(|\bset_var\b|\bfs\s*::|\bleak\s*\(")
_KEEPING = (b"static", b"thread_local", b"current", b"set_var", b"fs", b"leak")
"""What can tell a test that it ran before in its process; and parts of it that are found sooner."""
_OWN_THREAD = re.compile(
    rb"\bthread\s*::\s*(?:current\b(?!\s*\(\s*\)\s*\.\s*(?:id|unpark)\b)|\*|\{[^;}]*\b(?:current|self\s+as)\b)"
    rb"|\bthread\s+as\b"
)
"""What may come to the name of a test's thread, which is that of the test, in words or as what a thread looks like."""
_ALWAYS_ALONE = {
    "foreign_mod_item": "reaches beyond a module",
    "extern_crate_declaration": "declares a crate",
}
_TESTS_MENTIONED = re.compile(
    rb"#\s*\[(?:[\w:\s/*.-]*test|\s*cfg_attr\b[^\]]*test|\s*(?:quickcheck|[$]))|\btest\s+as\b"
)
"""What makes tests, by any name; `#[cfg(test)]` makes none."""
_PATHS = frozenset({"scoped_identifier", "scoped_type_identifier", "scoped_use_list", "use_list", "use_as_clause"})
_COMMENTS = frozenset({"line_comment", "block_comment"})
_REFUSING = re.compile(rb"\bconst\b(?:\s+(?!_\b)\w+\s*:[^=;{]*=|\s*\{)[^;]*?\b(?:assert\w*|panic|unreachable)\s*!")
"""A constant that may refuse an instance of what is generic, which only making code shows."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a row's file can be built."""

    alone: str
    """Why it needs builds of its own; empty when it can stand as a module."""
    parses: bool
    """As far as can be told without a compiler."""
    crate_words: tuple[int, ...]
    """Where paths begin with `crate`, in order."""
    bodies: tuple[int, ...]
    """Behind the opening brace of each function of the row's code, where a stub can take over, in order. Where there
    are none, of those that its macros make."""
    const_bodies: tuple[int, ...]
    """The same of `const` functions. Those that the compiler runs have a stub only as another text."""
    has_tests: bool
    """Some function in it is a test."""
    may_have_tests: bool
    """Its text speaks of tests: a macro might make some, or it is only a comment."""
    has_unsafe: bool
    may_refuse: bool
    """Its library may not build though it compiles and its tests build: they need not come to all of it."""
    may_unwind: bool
    """Its text could make a difference between a build where a panic unwinds and one where it aborts."""
    keeps_state: bool
    """Its text could make a difference between a first run in a process and others."""
    should_panic: bool
    """It may have tests that should panic."""
    tables: tuple[TestTable, ...]
    """Tests that need no descriptor of their own."""
    sets_levels: bool
    """It says at its top how its lints are taken."""

    @property
    def has_stub(self) -> bool:
        """Whether some function of the row's code can be told to panic."""
        return bool(self.bodies or self.const_bodies)


def look_at(source: SourceText, root: Node, *, edition: str) -> Shape:
    """Find out all of it in one walk over the file's syntax tree."""
    text = source.text
    walk = _Walk(source)
    alone = _lone_text(source, edition)
    if not alone or len(text) <= _BYTES_MAX:
        alone = alone or (
            "does not parse" if root.has_error else _lone_top(root, source.code) or _lone_names(text, root)
        )
        walk.over(root)
    return Shape(
        alone=alone or walk.alone or walk.foreign(),
        parses=not root.has_error,
        crate_words=tuple(sorted(walk.crate_words)),
        bodies=tuple(sorted(walk.bodies or ([] if walk.const_bodies else walk.made_bodies))),
        const_bodies=tuple(sorted(walk.const_bodies)),
        has_tests=walk.has_tests,
        may_have_tests=walk.has_tests or _TESTS_MENTIONED.search(text) is not None,
        has_unsafe=b"unsafe" in text and walk.has_unsafe,
        may_refuse=_may_refuse(text),
        may_unwind=may_tell(text),
        keeps_state=any(part in text for part in _KEEPING) and _KEEPS.search(text) is not None,
        should_panic=is_meant(text),
        tables=() if alone else find_tables(text, root),
        sets_levels=any(map(sets_level, root.children)),
    )


def as_module(source: SourceText, shape: Shape, name: str) -> bytes:
    """The file with paths from the crate's root leading to the module instead. Columns move, lines stay."""
    return _with(source.text, [(place + 5, f"::{name}") for place in shape.crate_words])


def code_in_module(source: SourceText, shape: Shape, name: str) -> tuple[int, int]:
    """Where the row's code stands in what `as_module` makes."""
    start, end = source.code
    longer = len(name) + 2
    before = sum(place < start for place in shape.crate_words)
    inside = sum(start <= place < end for place in shape.crate_words)
    return start + longer * before, end + longer * (before + inside)


def as_const_stub(source: SourceText, shape: Shape) -> bytes:
    """The file in which the `const` functions of the code panic, whatever is chosen."""
    return _with(source.text, [(place, _CONST_STUB) for place in shape.const_bodies])


def as_panicking(source: SourceText, shape: Shape) -> bytes:
    """The file in which the functions of the code panic, without anything that chooses: plain Rust for plain cargo."""
    return _with(source.text, [(place, _CONST_STUB) for place in shape.bodies or shape.const_bodies])


def with_stub(source: SourceText, shape: Shape, name: str = "", watched: Sequence[Watched] = ()) -> bytes:
    """The file in which a chosen variant replaces what its functions do; as a module, if a name is given.

    `const` functions are stubs only where there are no others: what a test means to try is rarely one of them.
    Assertions that are watched say when they are come to.
    """
    changes = [(place, _STUB_CALL) for place in shape.bodies] or [
        (place, _CONST_STUB_CALL) for place in shape.const_bodies
    ]
    for place in watched:
        if place.is_statement:
            changes.append((place.start, f"{ASSERTED_CALL} "))
        else:
            changes += [(place.start, f"{{ {ASSERTED_CALL} "), (place.end, " }")]
    if name:
        changes += [(place + 5, f"::{name}") for place in shape.crate_words]
        changes += hand_over(shape.tables, name)
    return _with(source.text, changes)


def _with(text: bytes, insertions: list[tuple[int, str]]) -> bytes:
    parts = []
    position = 0
    for place, words in sorted(insertions):
        parts += [text[position:place], words.encode()]
        position = place
    return b"".join((*parts, text[position:]))


def _lone_text(source: SourceText, edition: str) -> str:
    if edition == "2015":
        return "edition 2015, whose paths begin at the crate's root"
    if source.is_program:
        return "is a program"
    if len(source.text) > _BYTES_MAX:
        return "is long"
    if b"current" in source.text and b"thread" in source.text and _OWN_THREAD.search(source.text) is not None:
        return "looks at its own thread"
    if _may_refuse(source.text):
        return "has constants that may refuse what no test asks for"
    word = lone_word(source.text)
    return f"uses {word}" if word else ""


def _may_refuse(text: bytes) -> bool:
    return b"const" in text and _REFUSING.search(text) is not None


def _lone_top(root: Node, code: tuple[int, int]) -> str:
    start, end = code
    for item in root.children:
        first, last = item.start_byte, item.end_byte
        if first < start < last or first < end < last or (end <= last <= end + 1 and _is_about_the_next(item)):
            return "does not end where its code does"  # which rustfmt is asked about by itself
        if reason := crate_attribute(item):
            return reason
        if item.type == "shebang":
            return "begins with #!"
    return ""


def _is_about_the_next(item: Node) -> bool:
    return item.type == "attribute_item" or _OUTER_DOC.match(item.text or b"") is not None


_OUTER_DOC = re.compile(rb"///(?!/)|/\*\*(?![*/])")


def _lone_names(text: bytes, root: Node) -> str:
    """Names whose look the compiler compares with that of all others in a crate."""
    if text.isascii():
        return ""
    strange = any(leaf.type not in LITERALS and not (leaf.text or b"").isascii() for leaf in leaves(root))
    return "has names beyond ASCII" if strange else ""


class _Walk:
    """One pass over a tree, without recursion: hostile text may be nested as deeply as it likes."""

    def __init__(self, source: SourceText) -> None:
        self._code = source.code
        self._shows_text = _SHOWS_TEXT.search(source.text) is not None
        self.alone = ""
        self.crate_words: list[int] = []
        self.bodies: list[int] = []
        self.const_bodies: list[int] = []
        self.made_bodies: list[int] = []
        self.has_tests = False
        self.has_unsafe = False
        self._owned = Ownership()

    def over(self, root: Node) -> None:
        cursor = root.walk()
        # Of the children at hand: in how many modules they stand, whether for tests only, and by which word the next
        # one is for tests. Of those around them the same.
        modules, around, mark = 0, False, b""
        outer: list[tuple[int, bool, bytes]] = []
        seen = 1
        goes_on = cursor.goto_first_child()
        while goes_on and (node := cursor.node) is not None:
            seen += 1
            kind = node.type
            in_tests = around
            if kind == "attribute_item":
                mark = mark or _mark_of(node)
            elif kind not in _COMMENTS:
                self.has_tests = self.has_tests or (mark == b"test" and kind == "function_item")
                in_tests = around or bool(mark)
                mark = b""
            handler = _HANDLERS.get(kind)
            if handler is not None:
                handler(self, node, modules, in_tests)
            is_deep = len(outer) >= DEPTH_MAX - 1
            if seen > _TOKENS_MAX or (is_deep and node.child_count):
                self.refuse("is nested deeply or very long")
            if kind not in _COMMENTS and not is_deep and cursor.goto_first_child():
                outer.append((modules, around, mark))
                modules, around, mark = modules + (kind == "mod_item"), in_tests, b""
                continue
            while goes_on and not cursor.goto_next_sibling():
                goes_on = cursor.goto_parent() and bool(outer)
                if goes_on:
                    modules, around, mark = outer.pop()

    def foreign(self) -> str:
        # `impl PartialEq<Mine> for u64` changes what other modules' literals can mean; measured in both directions.
        return "implements a foreign trait for a foreign type" if self._owned.reaches_out else ""

    def refuse(self, reason: str) -> None:
        self.alone = self.alone or reason

    def see_crate(self, node: Node, _modules: int, _in_tests: bool) -> None:
        parent = node.parent
        if parent is not None and is_visibility(parent):
            return  # `pub(crate)`: as visible from a module as from a crate
        if parent is not None and imports_itself(parent):
            self.refuse("imports crate without a name")
        if _in_token_tree(node) and (self._shows_text or not is_plain_argument(node)):
            self.refuse("names crate inside a macro that may look at it")
        self.crate_words.append(node.start_byte)

    def see_super(self, node: Node, modules: int, _in_tests: bool) -> None:
        chain = 1
        following = node.next_sibling if _in_token_tree(node) else None
        while following is not None and following.type in {"::", "super"}:
            chain += following.type == "super"
            following = following.next_sibling
        above = node.parent
        while above is not None and above.type in _PATHS:
            # A list below a path goes up from where the path ends; counting too many only costs a build.
            chain += sum(child.type == "super" and child != node for child in above.children)
            above = above.parent
        if chain > modules or _inside_definition(node):
            self.refuse("names a module above its own")

    def see_use(self, node: Node, _modules: int, _in_tests: bool) -> None:
        self._owned.imports(node)
        what = node.child_by_field_name("argument")
        names = what.children if what is not None and what.type == "use_list" else [what]
        if any(name is not None and name.type == "identifier" for name in names):
            self.refuse("imports a crate by its name")  # which clippy looks for in a crate's private modules only

    def see_module(self, node: Node, _modules: int, _in_tests: bool) -> None:
        self._owned.define(node)
        if node.child_by_field_name("body") is None:
            self.refuse("refers to another file")

    def see_definition(self, node: Node, _modules: int, _in_tests: bool) -> None:
        self._owned.define(node)

    def see_impl(self, node: Node, _modules: int, _in_tests: bool) -> None:
        self._owned.implements(node)

    def see_unsafe(self, _node: Node, _modules: int, _in_tests: bool) -> None:
        self.has_unsafe = True

    def see_lone(self, node: Node, _modules: int, _in_tests: bool) -> None:
        self.refuse(_ALWAYS_ALONE[node.type])

    def see_macro_words(self, node: Node, _modules: int, _in_tests: bool) -> None:
        if _inside_definition(node) or (node.parent is not None and node.parent.type == "token_tree"):
            self.refuse("has words of the module system inside a macro")

    def see_function(self, node: Node, _modules: int, in_tests: bool) -> None:
        start, end = self._code
        body = node.child_by_field_name("body")
        if body is None or in_tests or not (start <= node.start_byte and node.end_byte <= end):
            return
        modifiers = next((child for child in node.children if child.type == "function_modifiers"), None)
        is_const = modifiers is not None and b"const" in (modifiers.text or b"").split()
        (self.const_bodies if is_const else self.bodies).append(body_start(body))

    def see_word_of_function(self, node: Node, _modules: int, in_tests: bool) -> None:
        start, end = self._code
        if in_tests or not (_in_token_tree(node) and start <= node.start_byte < end):
            return
        before = node.prev_sibling
        following = node.next_sibling
        while following is not None and following.type != ";" and (following.text or b"")[:1] != b"{":
            following = following.next_sibling
        if following is not None and following.type == "token_tree" and (before is None or before.text != b"const"):
            self.made_bodies.append(following.start_byte + 1)


_HANDLERS = {
    "crate": _Walk.see_crate,
    "super": _Walk.see_super,
    "mod_item": _Walk.see_module,
    "use_declaration": _Walk.see_use,
    "impl_item": _Walk.see_impl,
    "unsafe": _Walk.see_unsafe,
    "function_item": _Walk.see_function,
    "fn": _Walk.see_word_of_function,
    "impl": _Walk.see_macro_words,
    "extern": _Walk.see_macro_words,
    **dict.fromkeys(DEFINITIONS, _Walk.see_definition),
    **dict.fromkeys(_ALWAYS_ALONE, _Walk.see_lone),
}


def _mark_of(attribute: Node) -> bytes:
    """The word by which an attribute makes the item behind it part of the tests only; empty for others."""
    found = _TEST_MARK.match(attribute.text or b"")
    return (found["word"] or b"cfg") if found is not None else b""


_TEST_MARK = re.compile(
    rb"#\s*\[\s*(?:[\w:]*\b(?P<word>test)\s*(?:\(.*)?\]|cfg\s*\(\s*test\s*\)|bench\s*\])", re.DOTALL
)


def _in_token_tree(node: Node) -> bool:
    return node.parent is not None and node.parent.type == "token_tree"


def _inside_definition(node: Node) -> bool:
    """Whether a token stands in `macro_rules!`, whose words mean something else wherever it is used."""
    above = node.parent
    while above is not None:
        if above.type == "macro_definition":
            return True
        above = above.parent
    return False

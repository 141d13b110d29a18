"""The Rust features and idioms that a knowledge base names: the whole list, each with how it is recognised.

An idiom is seen by syntax alone, without types, so each one states what syntax that is. Four ways:

- `pattern`: a tree-sitter query over the item; what stands inside a macro's arguments is not parsed and not seen;
- `calls`: a function, method or macro of one of these names is called, inside macros too; `prefix*` matches starts;
- `traits`: the item is an `impl` of one of these traits;
- `attributes`: the item carries one of these attributes.

Names are stable: they are part of the digest of every knowledge base. Changing the list is a new analyser version.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Idiom:
    """One named feature or idiom."""

    name: str
    meaning: str
    pattern: str = ""
    calls: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()


def _types(*names: str) -> str:
    quoted = " ".join(f'"{name}"' for name in names)
    return f"((type_identifier) @_ (#any-of? @_ {quoted}))"


IDIOMS: tuple[Idiom, ...] = (
    # Control flow and patterns
    Idiom("binding_pattern", "`name @ pattern`", "(captured_pattern) @_"),
    Idiom("early_return", "`return`", "(return_expression) @_"),
    Idiom("for_loop", "`for` over an iterator", "(for_expression) @_"),
    Idiom("if_let", "`if let`", "(if_expression condition: [(let_condition) (let_chain)]) @_"),
    Idiom(
        "labeled_loop",
        "a loop with a label",
        "[(loop_expression (label)) (for_expression (label)) (while_expression (label))] @_",
    ),
    Idiom("let_chain", "`if let .. && let ..`", "(let_chain) @_"),
    Idiom("let_else", "`let .. else { .. }`", "(let_declaration alternative: (block)) @_"),
    Idiom("loop", "`loop`", "(loop_expression) @_"),
    Idiom("match", "`match`", "(match_expression) @_"),
    Idiom("match_guard", "an arm with `if`", "(match_pattern condition: (_)) @_"),
    Idiom("matches_macro", "`matches!`", calls=("matches!",)),
    Idiom("or_pattern", "`a | b` in a pattern", "(or_pattern) @_"),
    Idiom("question_mark", "`?` hands an error on", "(try_expression) @_"),
    Idiom("range", "`a..b`, `a..=b`", "(range_expression) @_"),
    Idiom("range_pattern", "a range in a pattern", "(range_pattern) @_"),
    Idiom("ref_pattern", "`ref` in a pattern", "(ref_pattern) @_"),
    Idiom("slice_pattern", "`[first, .., last]`", "(slice_pattern) @_"),
    Idiom("struct_pattern", "fields taken apart in a pattern", "(struct_pattern) @_"),
    Idiom("while_let", "`while let`", "(while_expression condition: [(let_condition) (let_chain)]) @_"),
    # Functions, closures, async
    Idiom("async_block", "`async { .. }`", "(async_block) @_"),
    Idiom("async_fn", "`async fn`", '(function_modifiers "async") @_'),
    Idiom("await", "`.await`", "(await_expression) @_"),
    Idiom("closure", "a closure", "(closure_expression) @_"),
    Idiom("const_block", "`const { .. }`", "(const_block) @_"),
    Idiom("const_fn", "`const fn`", '(function_modifiers "const") @_'),
    Idiom("extern_fn", "a function with a foreign calling convention", "(function_modifiers (extern_modifier)) @_"),
    Idiom("fn_pointer", "the type of a function", "(function_type) @_"),
    Idiom("move_closure", "`move |..|`", '(closure_expression "move") @_'),
    # Types and generics
    Idiom("associated_type", "a trait's own type", "(associated_type) @_"),
    Idiom("const_generics", "`const N: usize` as a parameter", "(const_parameter) @_"),
    Idiom("dyn_trait", "a trait object", "(dynamic_type) @_"),
    Idiom("generic_associated_type", "an associated type with parameters", "(associated_type (type_parameters)) @_"),
    Idiom("generics", "a type parameter", "(type_parameter) @_"),
    Idiom("higher_ranked_bound", "`for<'a>`", "[(for_lifetimes) (higher_ranked_trait_bound)] @_"),
    Idiom("impl_trait", "`impl Trait` as a type", "(abstract_type) @_"),
    Idiom("lifetimes", "a lifetime parameter", "(lifetime_parameter) @_"),
    Idiom("never_type", "`!` as a type", "(never_type) @_"),
    Idiom("newtype", "a struct around one value", "(struct_item (ordered_field_declaration_list . (_) .)) @_"),
    Idiom("raw_pointer", "`*const T`, `*mut T`", "(pointer_type) @_"),
    Idiom("struct_update", "`..base` in a struct expression", "(base_field_initializer) @_"),
    Idiom("supertrait", "a trait that asks for another", "(trait_item bounds: (_)) @_"),
    Idiom("turbofish", "`::<T>` in a call", "(generic_function) @_"),
    Idiom("type_cast", "`as`", "(type_cast_expression) @_"),
    Idiom("union", "a union", "(union_item) @_"),
    Idiom("unsafe_block", "`unsafe { .. }`", "(unsafe_block) @_"),
    Idiom("unsafe_fn", "`unsafe fn`", '(function_modifiers "unsafe") @_'),
    Idiom("unsafe_impl", "`unsafe impl`", '(impl_item "unsafe") @_'),
    Idiom("where_clause", "`where`", "(where_clause) @_"),
    # Types of the standard library that stand for a way of doing things
    Idiom("cow", "borrowed or owned: `Cow`", _types("Cow")),
    Idiom("heap_box", "`Box`", _types("Box")),
    Idiom("interior_mutability", "`Cell`, `RefCell`, `OnceCell`", _types("Cell", "RefCell", "OnceCell", "UnsafeCell")),
    Idiom("locking", "`Mutex`, `RwLock`, `Once`", _types("Mutex", "RwLock", "Once", "OnceLock", "LazyLock", "Condvar")),
    Idiom("nonzero", "the `NonZero` types", _types("NonZero", "NonZeroU8", "NonZeroU32", "NonZeroU64", "NonZeroUsize")),
    Idiom("option", "`Option` in a type", _types("Option")),
    Idiom("phantom_data", "`PhantomData`", _types("PhantomData")),
    Idiom("pinning", "`Pin`", _types("Pin")),
    Idiom("reference_counting", "`Rc`, `Arc`, `Weak`", _types("Rc", "Arc", "Weak")),
    Idiom("result", "`Result` in a type", _types("Result")),
    # Traits implemented
    Idiom("blanket_impl", "`impl<T> Trait for T`: the query asks for a bare parameter's name", "(impl_item) @_"),
    Idiom("clone_impl", "`Clone` or `Copy` by hand", traits=("Clone", "Copy")),
    Idiom("collect_impl", "fills from an iterator", traits=("FromIterator", "Extend")),
    Idiom(
        "conversion_impl", "`From`, `TryFrom`, `Into`, `AsRef`", traits=("From", "TryFrom", "Into", "AsRef", "AsMut")
    ),
    Idiom("default_impl", "`Default`", traits=("Default",)),
    Idiom("deref_impl", "`Deref`, `Borrow`", traits=("Deref", "DerefMut", "Borrow", "BorrowMut")),
    Idiom("drop_impl", "cleans up: `Drop`", traits=("Drop",)),
    Idiom("equality_impl", "equality, order or hash by hand", traits=("PartialEq", "Eq", "PartialOrd", "Ord", "Hash")),
    Idiom("error_impl", "an error type: `Error`", traits=("Error",)),
    Idiom(
        "format_impl", "`Display`, `Debug`, ..", traits=("Display", "Debug", "Write", "LowerHex", "UpperHex", "Binary")
    ),
    Idiom("from_str_impl", "parses: `FromStr`", traits=("FromStr",)),
    Idiom("index_impl", "`Index`, `IndexMut`", traits=("Index", "IndexMut")),
    Idiom(
        "iterator_impl",
        "an iterator of its own",
        traits=("Iterator", "DoubleEndedIterator", "ExactSizeIterator", "FusedIterator", "IntoIterator"),
    ),
    Idiom(
        "operator_impl",
        "operators overloaded",
        traits=(
            *("Add", "Sub", "Mul", "Div", "Rem", "Neg", "Not", "BitAnd", "BitOr", "BitXor", "Shl", "Shr"),
            *("AddAssign", "SubAssign", "MulAssign", "DivAssign", "RemAssign", "BitAndAssign", "BitOrAssign"),
        ),
    ),
    Idiom("send_sync_impl", "`Send` or `Sync` by hand", traits=("Send", "Sync")),
    Idiom("serde_impl", "serialisation by hand", traits=("Serialize", "Deserialize", "Visitor")),
    # Attributes
    Idiom("cfg", "compiled under a condition", attributes=("cfg", "cfg_attr")),
    Idiom("deprecated", "`#[deprecated]`", attributes=("deprecated",)),
    Idiom("derive", "`#[derive(..)]`", attributes=("derive",)),
    Idiom("doc_hidden", "`#[doc(hidden)]`", attributes=("doc(hidden)",)),
    Idiom("inline", "`#[inline]`", attributes=("inline",)),
    Idiom("must_use", "`#[must_use]`", attributes=("must_use",)),
    Idiom("no_mangle", "exported by name", attributes=("no_mangle", "unsafe(no_mangle)", "export_name")),
    Idiom("non_exhaustive", "`#[non_exhaustive]`", attributes=("non_exhaustive",)),
    Idiom("proc_macro", "a procedural macro", attributes=("proc_macro", "proc_macro_derive", "proc_macro_attribute")),
    Idiom("repr", "a fixed layout", attributes=("repr",)),
    Idiom("track_caller", "`#[track_caller]`", attributes=("track_caller",)),
    # Macros and calls
    Idiom(
        "assertion",
        "an assertion",
        calls=("assert!", "assert_eq!", "assert_ne!", "debug_assert!", "debug_assert_eq!", "debug_assert_ne!"),
    ),
    Idiom("bit_counting", "leading or trailing zeros, ones", calls=("leading_*", "trailing_*", "count_ones")),
    Idiom("builder_macro", "`vec!`, `format!`", calls=("vec!", "format!")),
    Idiom("checked_arithmetic", "overflow handled", calls=("checked_*", "wrapping_*", "saturating_*", "overflowing_*")),
    Idiom("chunks_windows", "slices walked in pieces", calls=("chunks*", "windows", "array_chunks", "split_at*")),
    Idiom("clone", "`.clone()`, `.cloned()`", calls=("clone", "cloned", "copied")),
    Idiom("entry_api", "a map's `entry`", calls=("entry", "or_insert*", "or_default", "and_modify")),
    Idiom("formatting", "`write!`, `writeln!`", calls=("write!", "writeln!")),
    Idiom(
        "iterator_adapter",
        "an iterator made from another",
        calls=(
            *("map", "filter", "filter_map", "flat_map", "flatten", "enumerate", "zip", "chain", "take", "skip", "rev"),
            *("peekable", "take_while", "skip_while", "map_while", "scan", "inspect", "step_by", "cycle", "fuse"),
        ),
    ),
    Idiom(
        "iterator_consumer",
        "an iterator used up",
        calls=(
            *("collect", "fold", "try_fold", "sum", "product", "count", "any", "all", "find", "find_map", "position"),
            *("for_each", "try_for_each", "max_by*", "min_by*", "partition", "reduce", "unzip", "last", "nth"),
        ),
    ),
    Idiom("macro_by_example", "`macro_rules!`", "(macro_definition) @_"),
    Idiom("mem_replace", "`mem::take`, `replace`, `swap`", calls=("mem::take", "mem::replace", "mem::swap")),
    Idiom(
        "option_combinator",
        "`Option` and `Result` without `match`",
        calls=(
            "and_then",
            "map_or*",
            "unwrap_or*",
            "ok_or*",
            "map_err",
            "or_else",
            "is_some_and",
            "is_ok_and",
            "as_deref*",
        ),
    ),
    Idiom("panic", "a deliberate panic", calls=("panic!", "unreachable!", "todo!", "unimplemented!")),
    Idiom("sorting", "`sort`, `binary_search`, `dedup`", calls=("sort*", "binary_search*", "dedup*")),
    Idiom(
        "string_parsing",
        "`parse`, `split`, `strip_prefix`",
        calls=(
            "parse",
            "split",
            "splitn",
            "rsplit*",
            "split_once",
            "split_whitespace",
            "strip_*",
            "lines",
            "char_indices",
        ),
    ),
    Idiom("transmute", "`mem::transmute`", calls=("transmute",)),
    Idiom("unwrap", "`unwrap` or `expect`", calls=("unwrap", "expect", "unwrap_err", "expect_err")),
)
"""All of them, sorted by name within each group."""

BLANKET = "blanket_impl"
"""The one idiom that the query cannot tell: whether the implementing type is a parameter of the impl itself."""


def query_text() -> str:
    """All patterns as one tree-sitter query; captures are named like the idioms."""
    return "\n".join(
        idiom.pattern.replace("@_", f"@{idiom.name}") for idiom in IDIOMS if idiom.pattern and idiom.name != BLANKET
    )


@functools.cache
def _by_word(way: str) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """Whole words, and beginnings of words, that show an idiom."""
    whole: dict[str, str] = {}
    starts: list[tuple[str, str]] = []
    for idiom in IDIOMS:
        for word in getattr(idiom, way):
            if word.endswith("*"):
                starts.append((word[:-1], idiom.name))
            else:
                whole[word] = idiom.name
    return whole, tuple(starts)


@functools.lru_cache(maxsize=4096)
def shown_by_call(name: str) -> frozenset[str]:
    """Idioms that a call of this name shows; macros end in `!`, paths keep their last two parts."""
    whole, starts = _by_word("calls")
    shown = {idiom for start, idiom in starts if name.startswith(start)}
    return frozenset(shown | ({whole[name]} if name in whole else set()))


def shown_by_trait(name: str) -> Iterable[str]:
    """Idioms that an impl of the trait with this last name shows."""
    whole, _ = _by_word("traits")
    return (whole[name],) if name in whole else ()


def shown_by_attribute(content: str) -> Iterable[str]:
    """Idioms that an attribute shows; `content` is what stands between `#[` and `]`."""
    whole, _ = _by_word("attributes")
    head = content.split("(", maxsplit=1)[0].split("=", maxsplit=1)[0].strip().rpartition("::")[2]
    return {whole[word] for word in (head, content.replace(" ", "")) if word in whole}

"""The Rust features and idioms that a knowledge base names: the whole list, each with how it is recognised.

An idiom is seen by syntax alone, without types, so each one states what syntax that is. Five ways:

- `nodes`: a node of the grammar, or `node/child` for one with a direct child of that kind; what stands inside a
  macro's arguments is not parsed and not seen;
- `types`: a type of one of these names is written;
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
    nodes: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()


IDIOMS: tuple[Idiom, ...] = (
    # Control flow and patterns
    Idiom("binding_pattern", "`name @ pattern`", ("captured_pattern",)),
    Idiom("early_return", "`return`", ("return_expression",)),
    Idiom("for_loop", "`for` over an iterator", ("for_expression",)),
    Idiom("if_let", "`if let`", ("if_expression/let_condition", "if_expression/let_chain")),
    Idiom(
        "labeled_loop",
        "a loop with a label",
        ("loop_expression/label", "for_expression/label", "while_expression/label"),
    ),
    Idiom("let_chain", "`if let .. && let ..`", ("let_chain",)),
    Idiom("let_else", "`let .. else { .. }`", ("let_declaration/else",)),
    Idiom("loop", "`loop`", ("loop_expression",)),
    Idiom("match", "`match`", ("match_expression",)),
    Idiom("match_guard", "an arm with `if`", ("match_pattern/if",)),
    Idiom("matches_macro", "`matches!`", calls=("matches!",)),
    Idiom("or_pattern", "`a | b` in a pattern", ("or_pattern",)),
    Idiom("question_mark", "`?` hands an error on", ("try_expression",)),
    Idiom("range", "`a..b`, `a..=b`", ("range_expression",)),
    Idiom("range_pattern", "a range in a pattern", ("range_pattern",)),
    Idiom("ref_pattern", "`ref` in a pattern", ("ref_pattern",)),
    Idiom("slice_pattern", "`[first, .., last]`", ("slice_pattern",)),
    Idiom("struct_pattern", "fields taken apart in a pattern", ("struct_pattern",)),
    Idiom("while_let", "`while let`", ("while_expression/let_condition", "while_expression/let_chain")),
    # Functions, closures, async
    Idiom("async_block", "`async { .. }`", ("async_block",)),
    Idiom("async_fn", "`async fn`", ("function_modifiers/async",)),
    Idiom("await", "`.await`", ("await_expression",)),
    Idiom("closure", "a closure", ("closure_expression",)),
    Idiom("const_block", "`const { .. }`", ("const_block",)),
    Idiom("const_fn", "`const fn`", ("function_modifiers/const",)),
    Idiom("extern_fn", "a function with a foreign calling convention", ("function_modifiers/extern_modifier",)),
    Idiom("fn_pointer", "the type of a function", ("function_type",)),
    Idiom("move_closure", "`move |..|`", ("closure_expression/move",)),
    # Types and generics
    Idiom("associated_type", "a trait's own type", ("associated_type",)),
    Idiom("const_generics", "`const N: usize` as a parameter", ("const_parameter",)),
    Idiom("dyn_trait", "a trait object", ("dynamic_type",)),
    Idiom("generic_associated_type", "an associated type with parameters", ("associated_type/type_parameters",)),
    Idiom("generics", "a type parameter", ("type_parameter",)),
    Idiom("higher_ranked_bound", "`for<'a>`", ("for_lifetimes", "higher_ranked_trait_bound")),
    Idiom("impl_trait", "`impl Trait` as a type", ("abstract_type",)),
    Idiom("lifetimes", "a lifetime parameter", ("lifetime_parameter",)),
    Idiom("never_type", "`!` as a type", ("never_type",)),
    Idiom("newtype", "a struct around one value"),
    Idiom("raw_pointer", "`*const T`, `*mut T`", ("pointer_type",)),
    Idiom("struct_update", "`..base` in a struct expression", ("base_field_initializer",)),
    Idiom("supertrait", "a trait that asks for another", ("trait_item/trait_bounds",)),
    Idiom("turbofish", "`::<T>` in a call", ("generic_function",)),
    Idiom("type_cast", "`as`", ("type_cast_expression",)),
    Idiom("union", "a union", ("union_item",)),
    Idiom("unsafe_block", "`unsafe { .. }`", ("unsafe_block",)),
    Idiom("unsafe_fn", "`unsafe fn`", ("function_modifiers/unsafe",)),
    Idiom("unsafe_impl", "`unsafe impl`", ("impl_item/unsafe",)),
    Idiom("where_clause", "`where`", ("where_clause",)),
    # Types of the standard library that stand for a way of doing things
    Idiom("cow", "borrowed or owned: `Cow`", types=("Cow",)),
    Idiom("heap_box", "`Box`", types=("Box",)),
    Idiom("interior_mutability", "`Cell`, `RefCell`, `OnceCell`", types=("Cell", "RefCell", "OnceCell", "UnsafeCell")),
    Idiom("locking", "`Mutex`, `RwLock`, `Once`", types=("Mutex", "RwLock", "Once", "OnceLock", "LazyLock", "Condvar")),
    Idiom("nonzero", "the `NonZero` types", types=("NonZero", "NonZeroU8", "NonZeroU32", "NonZeroU64", "NonZeroUsize")),
    Idiom("option", "`Option` in a type", types=("Option",)),
    Idiom("phantom_data", "`PhantomData`", types=("PhantomData",)),
    Idiom("pinning", "`Pin`", types=("Pin",)),
    Idiom("reference_counting", "`Rc`, `Arc`, `Weak`", types=("Rc", "Arc", "Weak")),
    Idiom("result", "`Result` in a type", types=("Result",)),
    # Traits implemented
    Idiom("blanket_impl", "`impl<T> Trait for T`"),
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
    Idiom("macro_by_example", "`macro_rules!`", ("macro_definition",)),
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
"""Seen by the reader of items: whether the implementing type is a parameter of the impl itself."""
NEWTYPE = "newtype"
"""Seen by the reader of items: whether there is exactly one field."""


@functools.cache
def _by_node() -> dict[str, tuple[tuple[str, str], ...]]:
    """By kind of node: the child it must have (empty for none), and the idiom."""
    found: dict[str, list[tuple[str, str]]] = {}
    for idiom in IDIOMS:
        for form in idiom.nodes:
            kind, _, child = form.partition("/")
            found.setdefault(kind, []).append((child, idiom.name))
    return {kind: tuple(forms) for kind, forms in found.items()}


def node_kinds() -> frozenset[str]:
    """Kinds of nodes that may show an idiom."""
    return frozenset(_by_node())


def shown_by_node(kind: str, children: Iterable[str]) -> Iterable[str]:
    """Idioms that a node of this kind with children of these kinds shows."""
    inside = set(children)
    return [idiom for child, idiom in _by_node()[kind] if not child or child in inside]


def shown_by_type(name: str) -> Iterable[str]:
    """Idioms that writing this type's name shows."""
    whole, _ = _by_word("types")
    return (whole[name],) if name in whole else ()


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

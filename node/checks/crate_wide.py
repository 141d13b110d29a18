"""What in a text concerns the whole crate or program, and so means something else where that holds more. Pure."""

from __future__ import annotations

import re

from tree_sitter import Node

_LONE_WORDS = re.compile(
    rb"\b(?:no_mangle|export_name|link_section|link_name|panic_handler|global_allocator|macro_export|macro_use"
    rb"|track_caller)\b|\#\s*!?\s*\[\s*(?:unsafe\s*\(\s*)?(?:link|used|path)\b|\bcfg_attr\b[^\]]*\b(?:link|used|path)\b"
    rb"|\b(?:Location|Backtrace|type_name|type_name_of_val|(?:set|update)_hook|distributed_slice|swarm_select)\b"
    rb"|\$crate\b|\b(?:include|env|file|line|column)\s*!(?!=)"
    rb"|\b(?:include_str|include_bytes|module_path|option_env)\b"
    rb"|\b(?:asm|global_asm|naked_asm)\s*!(?!=)|\b(?:pushsection|(?:pre)?init_array)\b|\b[cd]tor\s*(?:::|\])"
)
_MADE_MACRO = re.compile(rb"\$\w+\s*\)?\s*[*+?]?\s*![(\[{\s]")
_RENAMED_MACRO = re.compile(rb"\buse\b[^;]*\b(?:include|env|file|line|column|asm|global_asm)\s+as\b")
_RENAMED = (b"include as", b"env as", b"file as", b"line as", b"column as", b"asm as")
"""By other names: what a macro calls that is handed to it, and what an import renames."""
_LOGGED = re.compile(rb"\.\s*(?:target|file|line)(?:_static)?\s*\(\s*\)")
_LOGGING = (b"log::", b"tracing::", b"use log", b"use tracing")
"""What other crates' macros tell of the place where they are called."""
_PARTS = (
    *(b"_mangle", b"export_name", b"link", b"_handler", b"_allocator", b"macro_", b"track_caller", b"used", b"path"),
    *(b"Location", b"Backtrace", b"type_name", b"_hook", b"_slice", b"swarm_", b"$crate", b"include", b"env", b"file"),
    *(b"line", b"column", b"module_path", b"asm", b"pushsection", b"init_array", b"tor:", b"tor]", b"tor "),
)
"""One of these stands in whatever the pattern above finds: known at once, where to look for it takes long."""


def lone_word(text: bytes) -> str:
    """What in a text observes or changes where code stands, or reaches the program, even its start before any test.

    Names of attributes count wherever they stand: `cfg_attr` and white space can bring them from anywhere.
    """
    found = _LONE_WORDS.search(text) if any(part in text for part in _PARTS) else None
    if found is None and b"$" in text:
        found = _MADE_MACRO.search(text)
    if found is None and any(part in text for part in _LOGGING):
        found = _LOGGED.search(text)
    if found is None and any(part in text for part in _RENAMED):
        found = _RENAMED_MACRO.search(text)
    return found[0].decode(errors="replace").strip() if found is not None else ""


_LEVELS = frozenset({"allow", "warn", "deny", "forbid", "expect"})
_MODULE_DOC = re.compile(rb"\#!\[doc\s*(?:=|\(\s*hidden\s*\)\s*\]$)")
"""All others say something of a crate's whole documentation."""
_CRATE_LINTS = re.compile(
    rb"\b(?:unused_crate_dependencies|unknown_crate_types|non_ascii_idents|uncommon_codepoints|confusable_idents"
    rb"|mixed_script_confusables|text_direction_\w+|ill_formed_attribute_input|macro_expanded_\w+|\w+_incompatible_\w+"
    rb"|missing_docs\w*|\w+_compatibility|future_incompatible|restriction|cargo\w*|multiple_crate_versions|\w+_feature_names"
    rb"|wildcard_dependencies|lint_groups_priority|absolute_paths|multiple_inherent_impl|duplicate_mod"
    rb"|\w+_instead_of_(?:core|alloc)|\w+_module_(?:files|root)|arbitrary_source_item_ordering)\b"
)
"""Lints, and groups with such in them, whose level is that of the crate, or that speak of a whole crate or package."""

SAID_OF_CRATES = frozenset(
    {"named_arguments_used_positionally", "break_with_label_and_loop", "varargs_without_pattern"}
)
"""Lints that a module's own levels do not reach, whatever they speak of: the compiler asks for those of the crate."""


def sets_level(item: Node) -> bool:
    """Whether what stands at the top of a file says how the file's lints are taken."""
    return item.type == "inner_attribute_item" and _first_word(item) in _LEVELS


def crate_attribute(item: Node) -> str:
    """Why what stands at the top of a file means less, or nothing, on a module; empty when it means the same."""
    if item.type != "inner_attribute_item":
        return ""
    text, word = item.text or b"", _first_word(item)
    if word in _LEVELS and _CRATE_LINTS.search(text) is None:
        return ""
    return "" if word == "doc" and _MODULE_DOC.match(text) is not None else f"inner attribute {word}"


def _first_word(attribute: Node) -> str:
    inner = next((child for child in attribute.children if child.type == "attribute"), None)
    return (inner.children[0].text or b"").decode(errors="replace") if inner is not None and inner.children else ""

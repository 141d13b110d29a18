"""The fixture crate `wordwise`: small, without dependencies, and rich enough for all fifteen categories."""

from __future__ import annotations

import functools
from pathlib import Path

from node.tasks.view import SourceView
from node.values.crate import Item, PreparedCrate
from tests.support.knowledge import knowledge_of, read_sources

LOCK = b'version = 4\n\n[[package]]\nname = "wordwise"\nversion = "0.3.1"\n'

ROOT = Path(__file__).parent / "crates" / "wordwise"


@functools.cache
def wordwise_sources() -> dict[str, bytes]:
    return read_sources(ROOT)


@functools.cache
def wordwise() -> SourceView:
    return SourceView(knowledge_of(wordwise_sources()), wordwise_sources())


def wordwise_crate() -> PreparedCrate:
    sources = wordwise_sources()
    return PreparedCrate(wordwise().kb.pin, ROOT, sources["Cargo.toml"], LOCK, None, True, ())


def item_named(name: str) -> Item:
    return next(item for item in wordwise().kb.items if item.name == name and wordwise().is_library_code(item))

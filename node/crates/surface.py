"""The public API: which items can be named from outside, by paths and re-exports, without types or expansion.

A name is followed through `pub` items, `pub mod`, `pub use` (lists, renames, globs) and `#[macro_export]`. Methods
belong to the type that their impl names, wherever the impl stands. Not seen: what macros make, re-exports of other
crates' items, variants, fields, and anything under `#[doc(hidden)]`, which its author took out of the API.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from node.crates.drafts import Draft, PathParts, UseName
from node.values.crate import FileRole, ItemKind

STEPS_MAX = 200_000
"""Of name resolution in one target. Tokio needs 2,200; the web of globs in libc, or a hostile one, millions."""

DEPTH_MAX = 100
"""Of re-exports leading to re-exports."""

_UNNAMED = {ItemKind.USE, ItemKind.IMPL}
_DEFINING = {ItemKind.STRUCT, ItemKind.ENUM, ItemKind.UNION, ItemKind.TYPE_ALIAS, ItemKind.TRAIT}
LISTED = set(ItemKind) - _UNNAMED
"""Kinds that stand in a knowledge base's `public_api`."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a path leads to: an item (its index), or a module (its path)."""

    item: int
    module: str


_Key = tuple[str, str]
"""A module and a name in it."""


@dataclass(slots=True)
class _Query:
    """One search, which may lead through many modules."""

    learnt: dict[_Key, tuple[_Found, ...]] = field(default_factory=dict)
    open: set[_Key] = field(default_factory=set)
    """Asked and not answered yet: meeting one of these again is going in a circle."""
    met_itself: bool = False


class Surface:
    """The names of one target's modules.

    Args:
        root: Path of the crate's root module, e.g. `strsim`.
        drafts: The target's items; `path`, `parent` and `public_path` are filled in.
        uses: The target's `use` names.
        by_root: Whether plain paths of `use` start at the root, as they did in edition 2015.

    Attributes:
        gave_up: Whether resolution met one of its bounds, so that some public items may not be known as such.
    """

    def __init__(self, root: str, drafts: Sequence[Draft], uses: Iterable[UseName], *, by_root: bool) -> None:
        self._root = root
        self._drafts = drafts
        self._by_root = by_root
        self._names: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._uses: dict[str, dict[str, list[UseName]]] = defaultdict(lambda: defaultdict(list))
        self._known: dict[_Key, tuple[_Found, ...]] = {}
        self._steps = 0
        self.gave_up = False
        for index, draft in enumerate(drafts):
            if draft.container is None and draft.kind not in _UNNAMED:
                self._names[draft.module][draft.name].append(index)
        for use in uses:
            self._uses[use.module][use.alias].append(use)

    def resolve(self) -> None:
        """Name every item, and find the shortest public path of each that has one."""
        self._mark_reachable()
        for draft in self._drafts:
            if draft.kind is ItemKind.USE:
                draft.parent = draft.module
                draft.path = f"{draft.module}::<use {draft.name}>"
            elif draft.container is None and draft.kind is not ItemKind.IMPL:
                draft.parent = draft.module
                draft.path = f"{draft.module}::{draft.name}" if draft.module else draft.name
        for draft in self._drafts:
            if draft.kind is ItemKind.IMPL:
                self._name_impl(draft)
        for draft in self._drafts:
            if draft.container is not None:
                self._name_member(draft, draft.container)

    # Names to items

    def _find(self, module: str, path: PathParts) -> tuple[_Found, ...]:
        """What a path written inside `module` leads to."""
        query = _Query()
        found = self._follow(module, path, query)
        if not query.met_itself:  # nothing was cut short, so all that was learnt on the way is the whole truth
            self._known.update(query.learnt)
        return found

    def _follow(self, module: str, path: PathParts, query: _Query) -> tuple[_Found, ...]:
        if not path or path[0] == "":
            return ()  # `::name` is another crate
        here, rest = self._start(module, path)
        for part in rest:
            here = tuple(found for place in here if place.module for found in self._look_up(place.module, part, query))
        return here

    def _look_up(self, module: str, name: str, query: _Query) -> tuple[_Found, ...]:
        """What `name` means inside `module`: its own items and what its `use`s name, else what its globs bring."""
        key = (module, name)
        if key in self._known:
            return self._known[key]
        if key in query.learnt:
            query.met_itself = query.met_itself or key in query.open
            return query.learnt[key]
        if not self._may_go_on(len(query.open)):
            return ()
        query.open.add(key)
        query.learnt[key] = ()
        found = [self._as_found(index) for index in self._names[module].get(name, ())]
        for use in self._uses[module].get(name, ()):
            found.extend(self._follow(use.module, use.path, query))
        if not found:
            for target in self._globs(module, query):
                found.extend(self._look_up(target, name, query))
        query.learnt[key] = tuple(dict.fromkeys(found))
        query.open.discard(key)
        return query.learnt[key]

    def _globs(self, module: str, query: _Query) -> list[str]:
        """Modules that `module` takes everything from."""
        uses = self._uses[module].get("*", ())
        return [target.module for use in uses for target in self._follow(use.module, use.path, query) if target.module]

    def _start(self, module: str, path: PathParts) -> tuple[tuple[_Found, ...], PathParts]:
        """The module where the search for a path begins, and what is left of the path."""
        rest = list(path)
        place = module
        if rest[0] == "crate":
            place = self._root
            rest.pop(0)
        elif rest[0] == "self":
            rest.pop(0)
        while rest and rest[0] == "super":
            place = place.rpartition("::")[0]
            rest.pop(0)
        if self._by_root and list(path) == rest and rest[0] not in self._names[module]:
            place = self._root
        return (_Found(-1, place),), tuple(rest)

    def _as_found(self, index: int) -> _Found:
        draft = self._drafts[index]
        if draft.kind is ItemKind.MODULE:
            return _Found(index, f"{draft.module}::{draft.name.removeprefix('r#')}")
        return _Found(index, "")

    def _may_go_on(self, depth: int) -> bool:
        self._steps += 1
        self.gave_up = self.gave_up or self._steps >= STEPS_MAX or depth >= DEPTH_MAX
        return self._steps < STEPS_MAX and depth < DEPTH_MAX

    # From the root outwards

    def _mark_reachable(self) -> None:
        """Breadth first over public names, so that the first path found is a shortest one."""
        for draft in self._drafts:
            if not draft.module:
                draft.public_path = draft.name  # the crate itself
            elif draft.kind is ItemKind.MACRO and any("macro_export" in text for text in draft.attributes):
                self._mark(draft, f"{self._root}::{draft.name}")
        visited = {self._root}
        level = [(self._root, self._root)]
        while level:
            following: list[tuple[str, str]] = []
            for path, module in sorted(level):
                for name, found in sorted(self._exports(module), key=lambda pair: (pair[0], pair[1].item)):
                    public_path = f"{path}::{name}"
                    if found.item >= 0 and self._mark(self._drafts[found.item], public_path):
                        continue
                    if found.module and found.module not in visited:
                        visited.add(found.module)
                        following.append((public_path, found.module))
            level = following

    def _mark(self, draft: Draft, public_path: str) -> bool:
        """Note a public path unless there is one or the item is out of the API; whether it is out."""
        if draft.hidden or draft.test_only:
            return True
        draft.public_path = draft.public_path or public_path
        return False

    def _exports(self, module: str) -> list[tuple[str, _Found]]:
        """Names that `module` shows to everybody, those of its public globs among them."""
        shown: list[tuple[str, _Found]] = []
        places, seen = [module], {module}
        for place in places:  # grows while it is walked: globs bring modules that have globs
            for name, indexes in self._names[place].items():
                public = [index for index in indexes if self._drafts[index].visibility == "pub"]
                shown.extend((name, self._as_found(index)) for index in public)
            for use in (use for uses in self._uses[place].values() for use in uses if use.exported):
                if not self._may_go_on(0):
                    return shown
                for target in self._find(use.module, use.path):
                    if use.alias != "*":
                        shown.append((use.alias, target))
                    elif target.module and target.module not in seen:
                        seen.add(target.module)
                        places.append(target.module)
        return shown

    # Impls and their members

    def _name_impl(self, draft: Draft) -> None:
        types = self._defining(draft.module, draft.type_path)
        traits = self._defining(draft.module, draft.trait_path)
        type_name = types[0].path if types else draft.type_text
        header = draft.signature.removeprefix("unsafe ")
        draft.parent = type_name
        draft.path = f"{draft.module}::<{header}>"
        if draft.test_only or (types and not any(item.public_path for item in types)):
            return
        if draft.trait_path is None:
            draft.public_path = types[0].public_path if types else ""
        elif not traits or any(item.public_path for item in traits):
            draft.public_path = types[0].public_path if types else type_name

    def _defining(self, module: str, path: PathParts | None) -> list[Draft]:
        """Types or traits of this crate that a path in an impl's header names."""
        if path is None:
            return []
        if path[0] == "Self":
            return []
        found = self._find(module, path)
        return [self._drafts[one.item] for one in found if one.item >= 0 and self._drafts[one.item].kind in _DEFINING]

    def _name_member(self, draft: Draft, container: Draft) -> None:
        is_trait = container.kind is ItemKind.TRAIT
        draft.parent = container.path if is_trait else container.parent
        draft.path = f"{draft.parent}::{draft.name}"
        open_to_all = is_trait or container.trait_path is not None or draft.visibility == "pub"
        if container.public_path and open_to_all and not draft.hidden and not draft.test_only:
            draft.public_path = f"{container.public_path}::{draft.name}"


def is_listed(draft: Draft) -> bool:
    """Whether the item has a line of its own in `public_api`: what a trait says is not said again by each impl."""
    if (
        not draft.public_path
        or not draft.module
        or draft.kind not in LISTED
        or draft.scope.role is not FileRole.LIBRARY
    ):
        return False
    return draft.container is None or draft.container.trait_path is None

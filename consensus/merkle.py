"""Merkle trees over ordered leaves: one hash for many values, and short proofs that one of them is among them.

A leaf is hashed behind a zero byte and a node behind a one byte, so that no node passes for a leaf; a level's odd
last node is carried up as it is. That is the tree of RFC 6962 (section 2.1), built from below, and its published
roots are our test vectors. An empty tree has the hash of nothing for its root, as there.

Two trees with different leaves have different roots. But a root alone does not tell how many leaves there are, so a
proof is checked against a count that the verifier knows from elsewhere (a header's row counts), never from the prover.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from consensus.types import Hash

EMPTY_ROOT = Hash(hashlib.sha256().digest())
"""The root of a tree without leaves."""

MerklePath = tuple[Hash, ...]
"""The siblings on the way from a leaf to the root, lowest first; levels on which the node has no sibling are absent."""


def leaf_hash(data: bytes) -> Hash:
    """The bottom node for one leaf."""
    return Hash(hashlib.sha256(b"\0" + data).digest())


def merkle_root(leaves: Sequence[bytes]) -> Hash:
    """The root over `leaves` in the order given."""
    top = EMPTY_ROOT
    for level in _levels(leaves):
        top = level[0]
    return top


def merkle_path(leaves: Sequence[bytes], index: int) -> MerklePath:
    """The proof that `leaves[index]` is the leaf number `index` of the tree over `leaves`.

    Raises:
        IndexError: There is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"no leaf {index} among {len(leaves)}")
    path = []
    for level in _levels(leaves):
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index //= 2
    return tuple(path)


def is_included(root: Hash, count: int, index: int, leaf: bytes, path: MerklePath) -> bool:
    """Whether `path` proves that `leaf` is number `index` of the `count` leaves under `root`.

    `count` must be trusted (see above). Any other argument may be hostile: a path that is too short or too long, an
    index out of range, all answer False.
    """
    if not 0 <= index < count:
        return False
    node = leaf_hash(leaf)
    siblings = iter(path)
    while count > 1:
        if index ^ 1 < count:
            sibling = next(siblings, None)
            if sibling is None:
                return False
            node = _node_hash(sibling, node) if index % 2 else _node_hash(node, sibling)
        index, count = index // 2, (count + 1) // 2
    return node == root and next(siblings, None) is None


def _levels(leaves: Sequence[bytes]) -> Iterator[list[Hash]]:
    """Every level of the tree, leaves first, the root's level last; nothing for a tree without leaves."""
    level = [leaf_hash(leaf) for leaf in leaves]
    if level:
        yield level
    while len(level) > 1:
        above = [_node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
        yield level


def _node_hash(left: Hash, right: Hash) -> Hash:
    return Hash(hashlib.sha256(b"\1" + left + right).digest())

"""Merkle trees: the published roots, and proofs that prove one thing only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.merkle import EMPTY_ROOT, is_included, leaf_hash, merkle_path, merkle_root
from consensus.types import Hash

# The eight leaves and the roots over the first 0 to 8 of them with which Certificate Transparency's implementations
# check each other (RFC 6962, section 2.1).
LEAVES = [bytes.fromhex(leaf) for leaf in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]]
LEAVES.append(bytes(range(0x60, 0x70)))
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("count", range(9))
def test_roots_are_the_published_ones(count):
    assert merkle_root(LEAVES[:count]).hex() == ROOTS[count]


def test_an_empty_tree_has_a_root_of_its_own():
    assert merkle_root([]) == EMPTY_ROOT != merkle_root([b""])


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.data())
def test_every_leaf_has_a_proof_of_its_place(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = merkle_path(leaves, index)
    assert is_included(merkle_root(leaves), len(leaves), index, leaves[index], path)
    assert len(path) <= (len(leaves) - 1).bit_length()


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=20, unique=True), st.data())
def test_a_proof_is_good_for_one_leaf_and_one_place(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = merkle_path(leaves, index)
    root = merkle_root(leaves)
    for other, leaf in enumerate(leaves):
        assert is_included(root, len(leaves), other, leaf, path) == (other == index)
        assert is_included(root, len(leaves), other, leaves[index], path) == (other == index)


@given(st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=20), st.data())
def test_a_changed_byte_or_a_changed_length_is_no_proof(leaves, data):
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root, leaf = merkle_path(leaves, index), merkle_root(leaves), leaves[index]
    assert not is_included(root, len(leaves), index, leaf + b"x", path)
    assert not is_included(root, len(leaves), index, leaf, (*path, root))
    if path:
        assert not is_included(root, len(leaves), index, leaf, path[:-1])
        broken = Hash(bytes([path[0][0] ^ 1]) + path[0][1:])
        assert not is_included(root, len(leaves), index, leaf, (broken, *path[1:]))


def test_a_node_does_not_pass_for_a_leaf():
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert merkle_root([left + right]) != merkle_root([b"a", b"b"])


@pytest.mark.parametrize(("count", "index"), [(0, 0), (2, 2), (2, -1), (-1, 0)])
def test_a_place_outside_the_tree_proves_nothing(count, index):
    root = merkle_root([b"a", b"b"])
    assert not is_included(root, count, index, b"a", merkle_path([b"a", b"b"], 0))


def test_there_is_no_path_to_a_leaf_that_is_not_there():
    with pytest.raises(IndexError, match="no leaf 2 among 2"):
        merkle_path([b"a", b"b"], 2)

"""The Merkle tree against RFC 6962's definition, known vectors, and every wrong proof that can be made."""

import hashlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.history.merkle import Fold, inclusion_paths, leaf_hash, node_hash, root_by_path

# The inputs and roots that Certificate Transparency's reference implementations share.
_TEXTS = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
INPUTS = [bytes.fromhex(text) for text in _TEXTS]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
leaf_lists = st.lists(st.binary(max_size=40), max_size=70)


def defined_root(leaves: list[bytes]) -> bytes:
    """MTH exactly as section 2.1 of RFC 6962 words it."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(defined_root(leaves[:split]), defined_root(leaves[split:]))


def tree_root(leaves: Iterable[bytes]) -> bytes:
    fold = Fold()
    for data in leaves:
        fold.add(data)
    return fold.root()


def test_no_leaves_hash_like_the_empty_string() -> None:
    assert tree_root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, len(ROOTS) + 1))
def test_roots_agree_with_the_known_vectors(size: int) -> None:
    assert tree_root(INPUTS[:size]).hex() == ROOTS[size - 1]


def test_a_tree_of_three_leaves_worked_out_by_hand() -> None:
    first, second, third = (hashlib.sha256(b"\x00" + word).digest() for word in (b"a", b"b", b"c"))
    pair = hashlib.sha256(b"\x01" + first + second).digest()

    assert tree_root([b"a", b"b", b"c"]) == hashlib.sha256(b"\x01" + pair + third).digest()
    assert inclusion_paths([b"a", b"b", b"c"], [0, 2]) == [[second, third], [pair]]


@given(leaf_lists)
def test_the_fold_agrees_with_the_definition_at_every_length(leaves: list[bytes]) -> None:
    fold = Fold()
    for size, leaf in enumerate(leaves, start=1):
        fold.add(leaf)

        assert fold.root() == defined_root(leaves[:size])
        assert fold.size == size


@given(leaf_lists.filter(bool), st.data())
def test_every_leaf_has_a_path_to_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))

    (path,) = inclusion_paths(leaves, [index])

    assert root_by_path(leaves[index], index, len(leaves), path) == tree_root(leaves)


@given(leaf_lists.filter(lambda leaves: len(leaves) > 1), st.data())
def test_a_path_does_not_serve_another_leaf_place_or_length(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    (path,), root, size = inclusion_paths(leaves, [index]), tree_root(leaves), len(leaves)
    turned = data.draw(st.integers(0, len(path) - 1))
    bent = [bytes([sibling[0] ^ 1]) + sibling[1:] if index == turned else sibling for index, sibling in enumerate(path)]

    assert root_by_path(leaves[index] + b"x", index, size, path) != root
    assert root_by_path(leaves[index], index, size, bent) != root
    assert root_by_path(leaves[index], index, size, path[:-1]) != root
    assert root_by_path(leaves[index], index, size, [*path, root]) != root
    assert root_by_path(leaves[index], size, size, path) is None
    assert root_by_path(leaves[index], -1, size, path) is None


def test_a_leaf_cannot_pass_as_a_node() -> None:
    left, right = leaf_hash(b"left"), leaf_hash(b"right")

    assert tree_root([left + right]) != tree_root([b"left", b"right"])


def test_a_place_beyond_the_leaves_has_no_path() -> None:
    with pytest.raises(IndexError, match="no leaf 3 among 3"):
        inclusion_paths([b"a", b"b", b"c"], [0, 3])

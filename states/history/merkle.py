"""The Merkle tree hash of RFC 6962 (section 2.1), its inclusion proofs, and their check.

A leaf is hashed as SHA-256(0x00 ‖ data), a node as SHA-256(0x01 ‖ left ‖ right); a list of n
leaves is split at the largest power of two below n. Hashes are 32 raw bytes.
"""

import hashlib
from collections.abc import Iterable, Sequence

EMPTY = hashlib.sha256().digest()


class Fold:
    """The root of leaves that come one by one, in memory that grows with the tree's height only."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, data: bytes) -> None:
        """Append one leaf by its data."""
        node, self.size = leaf_hash(data), self.size + 1
        # Every complete pair below the new leaf closes, as in a binary counter.
        for _ in range(_trailing_zeros(self.size)):
            node = node_hash(self._peaks.pop(), node)
        self._peaks.append(node)

    def root(self) -> bytes:
        """The tree hash of the leaves so far."""
        if not self._peaks:
            return EMPTY
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def inclusion_paths(leaves: Iterable[bytes], indexes: Sequence[int]) -> list[list[bytes]]:
    """PATH(index, leaves) of RFC 6962 for each index: sibling hashes from the leaf up. Raises IndexError."""
    row = [leaf_hash(data) for data in leaves]
    for index in indexes:
        if not 0 <= index < len(row):
            raise IndexError(f"no leaf {index} among {len(row)}")
    paths: list[list[bytes]] = [[] for _ in indexes]
    height = 0
    while len(row) > 1:
        for index, path in zip(indexes, paths, strict=True):
            sibling = index >> height ^ 1
            if sibling < len(row):
                path.append(row[sibling])
        row, height = _parents(row), height + 1
    return paths


def root_by_path(data: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root to which a path leads from leaf `index` of `size`, or None when the path does not fit.

    The check of RFC 9162, section 2.1.3.2, which serves RFC 6962's trees too.
    """
    if not 0 <= index < size:
        return None
    node, position, last = leaf_hash(data), index, size - 1
    for sibling in path:
        if last == 0:
            return None
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    return node if last == 0 else None


def _parents(row: Sequence[bytes]) -> list[bytes]:
    pairs = [node_hash(row[index], row[index + 1]) for index in range(0, len(row) - 1, 2)]
    # A node without a sibling rises as it stands.
    return pairs + list(row[len(row) & ~1 :])


def _trailing_zeros(number: int) -> int:
    return (number & -number).bit_length() - 1

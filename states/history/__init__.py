"""The record (操作留痕): its canonical form, its one writer, its readers, its Merkle tree, and how it leaves the house."""

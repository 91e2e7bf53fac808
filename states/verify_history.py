#!/usr/bin/env python3
"""Checks an exported award history against a root printed on a published page. / 用公布页上的根值核对导出的操作留痕。

    python verify_history.py history.jsonl --root HEX
    python verify_history.py proof.json    --root HEX

Needs Python 3.8 or later and nothing else: no network, no database, no code of the system
that wrote the file. Read it before you trust it; it is short on purpose.

What is checked:

1. Every entry's hash is SHA-256(previous hash ‖ canonical JSON of the entry); the first
   previous hash is 32 zero bytes; the entries of a subject are numbered 1, 2, 3 … . So no
   entry was changed, left out, added or moved within what follows it.
2. At each publication the latest hash of every subject went under one Merkle root (RFC 6962,
   leaves ordered by the subjects' bytes). The root is computed again from the entries and must
   be the printed one. So nothing up to that publication was removed or written anew.
3. Each entry starts in the state in which the one before it ended.

Exit code: 0 everything holds; 1 something does not (the first wrong entry is named), or the file
cannot be read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HISTORY_FORMAT = "gangchuang-history/1"
PROOF_FORMAT = "gangchuang-proof/1"
ZERO = "0" * 64
HASHED = (
    "actor",
    "at",
    "facts",
    "flow_run",
    "from_state",
    "reason",
    "season",
    "sequence",
    "subject",
    "to_state",
    "trigger",
)


class Wrong(Exception):
    """Something does not hold. The sentence comes in English and in Chinese."""

    def __init__(self, subject: str, sequence: int | None, english: str, chinese: str) -> None:
        place = subject if sequence is None else f"{subject}, entry {sequence}"
        chinese_place = subject if sequence is None else f"{subject} 第 {sequence} 条"
        self.english = f"{place}: {english}"
        self.chinese = f"{chinese_place}：{chinese}"
        super().__init__(self.english)


class Unreadable(Exception):
    """The file is not what this program checks."""


def canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def entry_hash(entry: dict[str, Any]) -> str:
    """SHA-256(previous hash ‖ canonical JSON of the entry without its two hashes), in hex."""
    parts = []
    for name in HASHED:
        value = entry[name]
        # The facts are canonical JSON text already and stand in the entry as they are.
        parts.append(f'"{name}":{value if name == "facts" else canonical(value)}')
    body = "{" + ",".join(parts) + "}"
    return hashlib.sha256(bytes.fromhex(entry["previous_hash"]) + body.encode("utf-8")).hexdigest()


class Tree:
    """The Merkle tree hash of RFC 6962 over leaves that come one by one."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []

    def add(self, data: bytes) -> None:
        node = hashlib.sha256(b"\x00" + data).digest()
        self.size += 1
        size = self.size
        while size % 2 == 0:
            node = hashlib.sha256(b"\x01" + self.peaks.pop() + node).digest()
            size //= 2
        self.peaks.append(node)

    def root(self) -> str:
        if not self.peaks:
            return hashlib.sha256().hexdigest()
        node = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            node = hashlib.sha256(b"\x01" + peak + node).digest()
        return node.hex()


def root_by_path(data: bytes, index: int, size: int, path: Sequence[str]) -> str | None:
    """The root that a leaf's inclusion proof leads to (RFC 9162, 2.1.3.2), or None when it does not fit."""
    if not 0 <= index < size:
        return None
    node, place, last = hashlib.sha256(b"\x00" + data).digest(), index, size - 1
    for text in path:
        sibling = bytes.fromhex(text)
        if last == 0:
            return None
        if place % 2 == 1 or place == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while place and place % 2 == 0:
                place, last = place // 2, last // 2
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        place, last = place // 2, last // 2
    return node.hex() if last == 0 else None


def check_entry(entry: dict[str, Any], subject: str, sequence: int, previous: str, state: str) -> None:
    """One entry in its place. Raises Wrong."""
    found = entry.get("sequence")
    if found != sequence:
        raise Wrong(
            subject, sequence, f"it is missing; the next one is numbered {found}", f"缺少这一条，下一条的编号是 {found}"
        )
    try:
        right = entry_hash(entry) == entry["hash"] and canonical(json.loads(entry["facts"])) == entry["facts"]
    except (KeyError, TypeError, ValueError):
        right = False
    if not right:
        raise Wrong(
            subject, sequence, "it was altered: its hash is not that of what it says", "内容被改动：哈希值与内容不符"
        )
    if entry["previous_hash"] != previous:
        raise Wrong(
            subject,
            sequence,
            "it does not follow the entry before it: one of the two was replaced",
            "与上一条不衔接：两条之一被替换",
        )
    source = entry["from_state"]
    if source != state:
        raise Wrong(
            subject,
            sequence,
            f"it starts in {source!r}, but the entry before it ended in {state!r}",
            "起始状态与上一条的结束状态不一致",
        )


def check_chain(subject: str, entries: Iterable[dict[str, Any]]) -> list[str]:
    """The hashes of one subject's entries, each checked. Raises Wrong."""
    hashes: list[str] = []
    state = ""
    for entry in entries:
        check_entry(entry, subject, len(hashes) + 1, hashes[-1] if hashes else ZERO, state)
        hashes.append(entry["hash"])
        state = entry["to_state"]
    return hashes


class History:
    """Checks the lines of a whole season, subject by subject, in little memory."""

    def __init__(self, season: int) -> None:
        self.season = season
        self.recorded: dict[str, tuple[str, int, int]] = {}
        self.trees: dict[str, Tree] = {}
        self.covered: dict[str, int] = {}
        self.entries = self.subjects = 0

    def check(self, lines: Iterator[dict[str, Any]]) -> None:
        before, end = "", None
        for subject, group in groupby(lines, key=lambda line: line.get("subject", "")):
            own = list(group)
            if not subject:
                end = own
                break
            if subject.encode("utf-8") <= before.encode("utf-8"):
                raise Wrong(subject, None, f"its place is before {before}: lines were moved", "次序被打乱")
            before = subject
            self.check_subject(subject, own)
        counts = [{"line": "end", "entries": self.entries, "subjects": self.subjects}]
        if end != counts or next(lines, None) is not None:
            raise Wrong(
                "the file",
                None,
                "it is not complete: its end is cut off or does not fit",
                "文件不完整：结尾被截断或不符",
            )

    def check_subject(self, subject: str, lines: list[dict[str, Any]]) -> None:
        entries = [line for line in lines if line["line"] == "entry"]
        hashes = check_chain(subject, entries)
        self.entries += len(hashes)
        self.subjects += 1
        for entry in entries:
            if entry["season"] != self.season:
                raise Wrong(subject, entry["sequence"], f"it is of season {entry['season']}", "不属于本年度")
        if subject == f"call/{self.season}":
            self.read_roots(entries)
        for leaf in lines:
            if leaf["line"] == "leaf":
                self.check_leaf(subject, leaf, hashes)

    def check_leaf(self, subject: str, leaf: dict[str, Any], hashes: Sequence[str]) -> None:
        sequence, kind = leaf["sequence"], leaf["kind"]
        if not 1 <= sequence <= len(hashes):
            raise Wrong(
                subject,
                len(hashes) + 1,
                f"it was removed: entry {sequence} is under the root of {kind}",
                f"被删除：第 {sequence} 条在“{kind}”的根值之下",
            )
        if hashes[sequence - 1] != leaf["hash"]:
            raise Wrong(
                subject,
                sequence,
                f"it, or one before it, was replaced after the publication {kind}",
                f"本条或之前的某条在“{kind}”公布后被替换",
            )
        self.trees.setdefault(kind, Tree()).add(bytes.fromhex(hashes[sequence - 1]))
        self.covered[kind] = self.covered.get(kind, 0) + sequence

    def read_roots(self, entries: Iterable[dict[str, Any]]) -> None:
        for entry in entries:
            if entry["trigger"] == "record_root":
                facts = json.loads(entry["facts"])
                self.recorded[facts["publication"]] = (facts["root"], facts["leaves"], entry["sequence"])

    def check_roots(self, printed: Sequence[str]) -> None:
        """Every recorded root computed again; every printed root must be among them. Raises Wrong."""
        for kind, (root, leaves, sequence) in self.recorded.items():
            tree = self.trees.get(kind, Tree())
            if (tree.root(), tree.size) != (root, leaves):
                got = tree.root()
                raise Wrong(
                    f"call/{self.season}",
                    sequence,
                    f"{kind} was recorded as {root} over {leaves} subjects, "
                    f"but its entries give {got} over {tree.size}",
                    f"“{kind}”的根值不符：记录为 {root}（{leaves} 项），由各条算得 {got}（{tree.size} 项）",
                )
        roots = [recorded[0] for recorded in self.recorded.values()]
        for root in printed:
            if root not in roots:
                raise Wrong(
                    "the printed root " + root,
                    None,
                    "this history never had it: it is not the one published",
                    "本文件中没有这个根值：它不是公布时的留痕",
                )


def check_history(season: int, lines: Iterator[dict[str, Any]], printed: Sequence[str]) -> tuple[str, str]:
    """Check a whole export; what holds, in English and Chinese. Raises Wrong."""
    history = History(season)
    history.check(lines)
    history.check_roots(printed)
    kinds = [kind for kind, recorded in history.recorded.items() if recorded[0] in printed]
    covered = max(history.covered[kind] for kind in kinds)
    later = history.entries - covered
    return (
        f"OK: {history.entries} entries of {history.subjects} subjects; {covered} of them are bound to the printed "
        f"root ({', '.join(kinds)}), {later} are later",
        f"核对无误：{history.subjects} 个对象共 {history.entries} 条；其中 {covered} 条受公布的根值约束"
        f"（{'、'.join(kinds)}），{later} 条在其后形成",
    )


def check_proof(proof: dict[str, Any], printed: Sequence[str]) -> tuple[str, str]:
    """Check one submission's proof; what holds, in English and Chinese. Raises Wrong."""
    subject, leaf = "submission/" + str(proof["number"]), proof["leaf"]
    for place, entry in enumerate(proof["entries"], start=1):
        if entry.get("subject") != subject:
            raise Wrong(subject, place, f"it belongs to {entry.get('subject')}", "不是本项申报的留痕")
    hashes = check_chain(subject, proof["entries"])
    if not 1 <= leaf["sequence"] <= len(hashes):
        raise Wrong(subject, leaf["sequence"], "it is missing", "缺少这一条")
    data = bytes.fromhex(hashes[leaf["sequence"] - 1])
    root = root_by_path(data, leaf["index"], leaf["leaves"], leaf["path"])
    if root is None or root not in printed:
        other = proof["publication"]
        meant = root is not None and root == other["root"]
        raise Wrong(
            subject,
            leaf["sequence"],
            "it, or one before it, is not under the printed root"
            + (f"; this proof is for the root of {other['kind']}: compare that one" if meant else ""),
            "本条或之前的某条不在公布的根值之下"
            + (f"；本证明对应的是“{other['kind']}”页面的根值，请用那一个核对" if meant else ""),
        )
    last, later = leaf["sequence"], len(hashes) - leaf["sequence"]
    return (
        f"OK: entries 1 to {last} of {subject} are under the printed root; {later} are later",
        f"核对无误：{subject} 的第 1 至 {last} 条在公布的根值之下；其后另有 {later} 条",
    )


def read_lines(file: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, text in enumerate(file, start=2):
        try:
            line = json.loads(text)
            if line["line"] in ("entry", "leaf", "end"):
                yield line
                continue
        except (KeyError, TypeError, ValueError):
            pass
        raise Unreadable(f"line {number} is no line of such a history")


def read_header(text: str) -> int:
    """The season that the first line names."""
    header = json.loads(text)
    if header != {"line": "header", "format": HISTORY_FORMAT, "season": header.get("season")}:
        raise Unreadable("the first line is no header")
    return header["season"]


def check_file(path: str, printed: Sequence[str]) -> tuple[str, str]:
    """Check an export or a proof. Raises Wrong or Unreadable."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        first = file.readline()
        if HISTORY_FORMAT in first:
            return check_history(read_header(first), read_lines(file), printed)
        proof = json.loads(first + file.read())
    if proof["format"] != PROOF_FORMAT:
        raise Unreadable(f"it is neither {HISTORY_FORMAT} nor {PROOF_FORMAT}")
    return check_proof(proof, printed)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check an exported history or a proof against a printed root.")
    parser.add_argument("file", help="history.jsonl or proof.json")
    parser.add_argument("--root", required=True, action="append", help="64 hex digits as printed on a page")
    asked = parser.parse_args(arguments)
    out = sys.stdout
    if hasattr(out, "reconfigure"):
        out.reconfigure(encoding="utf-8")
    try:
        english, chinese = check_file(asked.file, [root.strip().lower() for root in asked.root])
    except Wrong as problem:
        out.write(f"WRONG: {problem.english}\n不符：{problem.chinese}\n")
        return 1
    except (OSError, KeyError, TypeError, ValueError, RecursionError, Unreadable) as problem:
        out.write(f"UNREADABLE: {problem}\n无法读取：文件不是本程序能核对的留痕或证明\n")
        return 1
    out.write(f"{english}\n{chinese}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

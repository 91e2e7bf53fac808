#!/usr/bin/env python3
"""Checks an exported award history against a root printed on a published page. / 用公布页上的根值核对导出的操作留痕。

    python verify_history.py history.jsonl --root HEX
    python verify_history.py proof.json    --root HEX
    python verify_history.py history.jsonl --root HEX --certificate 2026-0001
    python verify_history.py evidence.json --root HEX --root HEX [--history history.jsonl]

Needs Python 3.8 or later and nothing else: no network, no database, no code of the system
that wrote the file. Read it before you trust it; it is short on purpose.

What is checked:

1. Every entry's hash is SHA-256(previous hash ‖ canonical JSON of the entry); the first
   previous hash is 32 zero bytes; the entries of a subject are numbered 1, 2, 3 … . So no
   entry was changed, left out, added or moved within what follows it.
2. At each publication the latest hash of every subject went under one Merkle root (RFC 6962,
   leaves ordered by the subjects' bytes). The root is computed again from the entries and must
   be the printed one. So nothing up to that publication was removed or written anew. How many
   entries of each subject the root covers is under it too, and their sum is recorded with it.
3. Each entry is a step that the rules allow to who took it, from the state in which the one
   before it ended, and is dated no earlier than that one (earlier versions did not see to the
   latter: their seasons say so by having no "record" in their first entry). The same of objections.
4. What is dated before a root is under it. What is under no root yet is listed: nothing but the
   office's word stands for that. The newest root is the one to ask for: an award may be revoked
   after an earlier one, and the earlier one cannot know.
5. What an evidence (岗位创新证明) says of each submission is what its entries say, and nothing else: it was
   recommended, awarded, revoked, put to use, has these certificates. Names and titles are held against the
   form as it was delivered where the file brings that form; else they are the office's word. An export of
   the same season (--history) shows what has been entered since the evidence was made.
6. No number of a certificate is given twice, and none becomes void that was not in force; asked for
   one, it says to which award it was given and what became of it.

Exit code: 0 everything holds; 1 something does not (the first wrong entry is named), or the file
cannot be read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HISTORY_FORMAT = "gangchuang-history/2"
PROOF_FORMAT = "gangchuang-proof/2"
EVIDENCE_FORMAT = "gangchuang-evidence/1"
# Files of earlier versions: no ordinals of publications, no count of entries under a root.
EARLIER = ("gangchuang-history/1", "gangchuang-proof/1")
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
ENTRY = {*HASHED, "previous_hash", "hash"}
LEAF = {"kind", "ordinal", "subject", "sequence", "hash"}
SHOWN = 20

# made: steps, from the two machines
# Who may take which step: trigger, from, to, roles.
STEPS = (
    ("plan", "", "planned", "office system"),
    ("open_call", "planned", "open", "office system"),
    ("close_call", "open", "district_review", "office system"),
    ("begin_final_review", "district_review", "final_review", "office system"),
    ("open_public_notice", "final_review", "public_notice", "office system"),
    ("publish_results", "public_notice", "published", "office system"),
    ("close_season", "published", "closed", "office system"),
    ("submit", "", "submitted", "district applicant"),
    ("record_district_review", "submitted", "district_reviewed", "district"),
    ("record_final_review", "district_reviewed", "final_reviewed", "panel"),
    ("award", "final_reviewed", "awarded", "office system"),
    ("archive", "submitted", "archived", "applicant district office system"),
    ("archive", "district_reviewed", "archived", "applicant district office system"),
    ("archive", "final_reviewed", "archived", "applicant district office system"),
    ("archive", "awarded", "archived", "office system"),
    ("reinstate", "archived", "submitted", "office"),
    ("reinstate", "archived", "district_reviewed", "office"),
    ("reinstate", "archived", "final_reviewed", "office"),
    ("reinstate", "archived", "awarded", "office"),
    ("change_tier", "final_reviewed", "final_reviewed", "office system"),
    ("change_tier", "awarded", "awarded", "office system"),
    ("change_tier", "archived", "archived", "office system"),
    ("revoke", "awarded", "archived", "office"),
    ("revoke", "archived", "archived", "office"),
)
# The same of objections, whose steps are noted in the history of what they are about.
OBJECTION_STEPS = (
    ("raise_objection", "", "received", "office"),
    ("accept_objection", "received", "accepted", "office"),
    ("decline_objection", "received", "not_accepted", "office"),
    ("investigate_objection", "accepted", "investigating", "office"),
    ("investigate_objection", "investigating", "investigating", "office"),
    ("answer_objection", "investigating", "rejected", "office"),
    ("answer_objection", "investigating", "upheld", "office"),
    ("reconsider_objection", "rejected", "reconsidering", "office"),
    ("reconsider_objection", "upheld", "reconsidering", "office"),
    ("answer_objection", "reconsidering", "closed", "office"),
    ("close_objection", "rejected", "closed", "office system"),
    ("close_objection", "upheld", "closed", "office system"),
)
# What may be noted without moving anything; since format 2 there is no other word.
NOTES = (
    "move_date",
    "settle_milestone",
    "skip_milestone",
    "commit_draw",
    "import_experts",
    "import_by_hand",
    "correct_address",
    "take_delivery",
    "admit_late",
    "admit_mail",
    "dismiss_mail",
    "open_link",
    "sign_statement",
    "reissue_link",
    "reissue_workbook",
    "freeze_pool",
    "enter_randomness",
    "draw_panel",
    "assign",
    "give_up_seat",
    "freeze_scores",
    "assign_re_review",
    "freeze_ranking",
    "open_votes",
    "close_votes",
    "approve",
    "send_back",
    "withdraw_approval",
    "record_root",
    "release_message",
    "give_up_message",
    "erase_personal_data",
    "erase_person",
    "put_back_release",
    "record_practice",
    "withhold_practice",
    "amend",
    "amend_verdict",
    "shift_rank",
    "ask_correction",
    "lapse_correction",
    "pass_eligibility",
    "decide_duplicate",
    "replace",
    "recuse",
    "record_score",
    "record_votes",
    "strike",
    "record_follow_up",
    "raise_objection",
    "accept_objection",
    "decline_objection",
    "investigate_objection",
    "answer_objection",
    "reconsider_objection",
    "close_objection",
    "show_objector",
    "seal_objector",
    "move_up",
    "give_certificates",
    "void_certificates",
    "correct_name",
    "withdraw_consent",
)
# What an archived submission may be archived as: outcome, from which states, by which roles.
OUTCOMES = (
    ("withdrawn", "submitted district_reviewed final_reviewed", "district applicant office"),
    ("ineligible", "submitted district_reviewed", "office system"),
    ("not_reviewed", "submitted", "office system"),
    ("not_recommended", "district_reviewed", "district office system"),
    ("no_prize", "final_reviewed", "office system"),
    ("objection_upheld", "final_reviewed", "office"),
    ("completed", "awarded", "office system"),
    ("revoked", "awarded", "office"),
)
# end: steps
# Where an objection stood by an entry that does not say so: earlier versions took it up and answered it, no more.
EARLIER_OBJECTIONS = {"raise_objection": "accepted", "answer_objection": "closed"}
# What the call's own milestones say went out.
PUBLISHED_BY = {"open_public_notice": "public_notice", "publish_results": "results", "archive": "archive"}


class Wrong(Exception):
    """Something does not hold. The sentence comes in English and in Chinese."""

    def __init__(self, subject: str, sequence: int | None, english: str, chinese: str) -> None:
        where = subject if sequence is None else f"{subject}, entry {sequence}"
        chinese_place = subject if sequence is None else f"{subject} 第 {sequence} 条"
        self.english = f"{where}: {english}"
        self.chinese = f"{chinese_place}：{chinese}"
        super().__init__(self.english)


class Unreadable(Exception):
    """The file is not what this program checks."""


def without_doubles(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object none of whose keys stands twice: of two, a reader would show one and hash the other."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise Unreadable("a key stands twice: " + next(key for key in keys if keys.count(key) > 1))
    return dict(pairs)


def loads(text: str) -> Any:
    return json.loads(text, object_pairs_hook=without_doubles)


def take_keys(value: Any, keys: Iterable[str], what: str) -> dict[str, Any]:
    """An object with exactly these keys. Raises Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is no object")
    strange = set(value) ^ set(keys)
    if strange:
        raise Unreadable(f"{what} has, or lacks, {sorted(strange)[0]!r}")
    return value


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
    node, position, last = hashlib.sha256(b"\x00" + data).digest(), index, size - 1
    for text in path:
        sibling = bytes.fromhex(text)
        if last == 0:
            return None
        if position % 2 == 1 or position == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while position and position % 2 == 0:
                position, last = position // 2, last // 2
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        position, last = position // 2, last // 2
    return node.hex() if last == 0 else None


def check_entry(entry: dict[str, Any], subject: str, sequence: int, previous: str, before: dict[str, Any]) -> None:
    """One entry in its place, after the one before it (or none). Raises Wrong."""
    take_keys(entry, ENTRY, f"{subject}, entry {sequence},")
    state = before.get("to_state", "")
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
    if before.get("dated") and entry["at"] < before.get("at", ""):
        raise Wrong(subject, sequence, "it is dated before the entry that it follows", "时间早于上一条")
    problem = step_problem(entry, before)
    if problem:
        raise Wrong(subject, sequence, problem, "不符合规则：该角色不能进行这一步，或不存在这一步")


def step_problem(entry: dict[str, Any], before: dict[str, Any]) -> str:
    """Why the rules do not allow this step to who took it; empty when they do."""
    trigger, source, target = entry["trigger"], entry["from_state"], entry["to_state"]
    role = entry["actor"].partition(":")[0]
    known = [step for step in STEPS if step[0] == trigger]
    if not known:
        if before["dated"] and trigger not in NOTES:
            return f"{trigger!r} is no word of the record"
        problem = objection_problem(entry, before)
        if problem:
            return problem
        return "" if source and source == target else f"{trigger} moves nothing, yet {source!r} became {target!r}"
    allowed = " ".join(step[3] for step in known if step[1:3] == (source, target)).split()
    if role not in allowed:
        return f"{trigger} from {source!r} to {target!r} is not for {role} to do"
    if trigger == "reinstate" and target != before.get("archived_from"):
        return f"it goes back to {target!r}, but came from {before.get('archived_from')!r}"
    if trigger == "revoke" and source == "archived" and before.get("outcome") != "completed":
        return f"it revokes what was archived as {before.get('outcome')}"
    if trigger == "change_tier" and source == "archived" and before.get("outcome") != "completed":
        return f"it gives a tier to what was archived as {before.get('outcome')}"
    if trigger == "archive":
        outcome = loads(entry["facts"]).get("outcome")
        rule = next((line for line in OUTCOMES if line[0] == outcome), ("", "", ""))
        if source not in rule[1].split() or role not in rule[2].split():
            return f"the outcome {outcome!r} from {source!r} is not for {role} to give"
    return ""


def objection_problem(entry: dict[str, Any], before: dict[str, Any]) -> str:
    """Why this is no step that an objection may take from where it stood; earlier versions noted no steps of them."""
    if entry["trigger"] not in {step[0] for step in OBJECTION_STEPS}:
        return ""
    facts = loads(entry["facts"])
    if "to" not in facts and entry["trigger"] in EARLIER_OBJECTIONS:
        return ""
    name, source, target = facts.get("objection"), facts.get("from"), facts.get("to")
    stood = before.get("objections", {}).get(name, "")
    if source != stood:
        return f"objection {name} stood at {stood!r}, not at {source!r}"
    step = (entry["trigger"], source, target)
    roles = " ".join(known[3] for known in OBJECTION_STEPS if known[:3] == step).split()
    role = entry["actor"].partition(":")[0]
    return (
        "" if role in roles else f"{step[0]} of objection {name} from {source!r} to {target!r} is not for {role} to do"
    )


def remembered(entry: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What the next entry is held against."""
    now = {**before, "to_state": entry["to_state"], "at": entry["at"]}
    if entry["trigger"] in {step[0] for step in OBJECTION_STEPS}:
        facts = loads(entry["facts"])
        stands = facts.get("to", EARLIER_OBJECTIONS.get(entry["trigger"], ""))
        now["objections"] = {**before.get("objections", {}), facts.get("objection"): stands}
    if entry["trigger"] in ("archive", "revoke"):
        outcome = "revoked" if entry["trigger"] == "revoke" else loads(entry["facts"]).get("outcome")
        origin = before.get("archived_from") if entry["from_state"] == "archived" else entry["from_state"]
        now.update(outcome=outcome, archived_from=origin)
    return now


def check_chain(subject: str, entries: Iterable[dict[str, Any]], dated: bool) -> list[str]:
    """The hashes of one subject's entries, each checked. Raises Wrong."""
    hashes: list[str] = []
    before: dict[str, Any] = {"dated": dated}
    for entry in entries:
        check_entry(entry, subject, len(hashes) + 1, hashes[-1] if hashes else ZERO, before)
        hashes.append(entry["hash"])
        before = remembered(entry, before)
    return hashes


# Affinities are whole millionths; prices have twelve decimals, so a millionth is as many of their units.
MILLIONTHS, FINE = 10**6, 10**6


def best_team(pairs: Sequence[tuple[int, int]], wanted: int, floor: int) -> int | None:
    """The most that `wanted` of these (score, worth) are worth together if their scores reach the floor; None if none do.

    The floor's multiplier n/d at which a team below and one above it are worth the same bounds what is looked through.
    """

    def top(n: int, d: int) -> tuple[int, int]:
        chosen = sorted(pairs, key=lambda pair: pair[1] * d + pair[0] * n, reverse=True)[:wanted]
        return sum(pair[0] for pair in chosen), sum(pair[1] for pair in chosen)

    (light, best), (heavy, dear) = top(0, 1), top(1, 0)
    if len(pairs) < wanted or heavy < floor:
        return None
    if light >= floor:
        return best
    while True:
        n, d = best - dear, heavy - light
        score, worth = top(n, d)
        if worth * d + score * n <= best * d + light * n:
            break
        if score >= floor:
            heavy, dear = score, worth
        else:
            light, best = score, worth
    order = sorted(((pair[1] * d + pair[0] * n, pair) for pair in pairs), reverse=True)
    sums = [0]
    for value, _ in order:
        sums.append(sums[-1] + value)

    def look(start: int, left: int, score: int, worth: int, value: int) -> None:
        nonlocal dear
        if left == 0:
            dear = max(dear, worth) if score >= floor else dear
            return
        for index in range(start, len(order) - left + 1):
            if value + sums[index + left] - sums[index] - n * floor <= dear * d:
                return
            own, (more, paid) = order[index]
            look(index + 1, left - 1, score + more, worth + paid, value + own)

    look(0, wanted, 0, 0, 0)
    return dear


class Assigned:
    """The panel's assignment with what is needed to check it: who may review what, affinities and prices.

    For any prices v of the experts and a weight w of 0 or 1, every assignment that gives each submission at least its
    floor has  w * total <= sum over submissions of the most that (w * affinity - prices) of a team can be which keeps
    the floor + sum over experts of what their prices pay for their places. So nothing has a larger total than the right
    side (w = 1), and no floors can be kept together where the right side is below what they ask for.
    """

    def __init__(self, certificate: dict[str, Any], experts: Sequence[str], barred: Iterable[tuple[str, str]]) -> None:
        self.certificate, self.experts, self.barred = certificate, list(experts), set(barred)
        self.chosen: dict[str, list[str]] = {}
        self.rows: dict[str, list[int]] = {}
        self.told_by_prices = False

    def add(self, number: str, facts: dict[str, Any]) -> None:
        self.chosen[number] = list(facts["experts"])
        if "affinities" in facts:
            self.rows[number] = list(facts["affinities"])

    def problem(self) -> str:
        """What is wrong with the assignment or its certificate, in a sentence; empty when nothing is."""
        try:
            return self._problem()
        except (KeyError, TypeError, ValueError, IndexError, ArithmeticError) as problem:
            return f"its certificate cannot be read ({type(problem).__name__}: {problem})"

    def _problem(self) -> str:
        known, wanted, most = self.certificate, self.certificate["wanted"], self.certificate["most"]
        bad = sorted(n for n in self.chosen if len(self.rows.get(n, ())) != len(self.experts))
        if bad:
            return f"affinities of {bad[0]} were not recorded"
        column_of = {expert: column for column, expert in enumerate(self.experts)}
        loads, served = [0] * len(column_of), {}
        for number, team in self.chosen.items():
            if len(set(team)) != wanted or len(team) != wanted or not set(team) <= set(column_of):
                return f"{number} does not have {wanted} experts of the panel"
            if any((number, expert) in self.barred for expert in team):
                return f"{number} has an expert in conflict"
            for expert in team:
                loads[column_of[expert]] += 1
            served[number] = sum(self.rows[number][column_of[expert]] for expert in team)
        if max(loads, default=0) > most:
            return f"an expert has more than {most} submissions"
        self.free = {
            number: [c for c, expert in enumerate(self.experts) if (number, expert) not in self.barred]
            for number in self.rows
        }
        slopes = dict.fromkeys(served, 1)
        if known["aim"] == "share":
            own = {
                n: sum(sorted((row[c] for c in self.free[n]), reverse=True)[:wanted]) for n, row in self.rows.items()
            }
            slopes = {number: best for number, best in own.items() if best > 0}
        unit = MILLIONTHS if known["aim"] == "fair" else 1
        total, level = sum(served.values()), exact(known["level"]) * unit
        if total != exact(known["total"]) * MILLIONTHS:
            return f"its total is {Fraction(total, MILLIONTHS)}, recorded was {known['total']}"
        floors = {number: -(-slope * level // 1) for number, slope in slopes.items()}
        below = sorted(number for number, floor in floors.items() if served[number] < floor)
        if below:
            return f"{below[0]} is below the level {known['level']}"
        return self._bounds(floors, slopes, unit, total)

    def _bounds(self, floors: dict[str, int], slopes: dict[str, int], unit: int, total: int) -> str:
        known = self.certificate
        least = exact(known["least_total"]) * MILLIONTHS if known["least_total"] else None
        if least is not None and total < least:
            return f"its total is below the least, {known['least_total']}"
        for name, kept in (("largest_total", {}), ("total", floors)):
            bound = self.right_side(1, known["prices"][name], kept)
            claimed = exact(known[BOUNDS[name]]) * MILLIONTHS
            if bound is None or bound // FINE > claimed:
                return f"its prices do not prove that no total is above {known[BOUNDS[name]]}"
        if not total <= exact(known["total_at_most"]) * MILLIONTHS <= exact(known["total_from_prices"]) * MILLIONTHS:
            return "what its total can be at most does not fit"
        self.told_by_prices = known["total_at_most"] == known["total_from_prices"]
        high, holder, level = exact(known["excluded"]) * unit, known["holder"], exact(known["level"]) * unit
        if exact(known["level_at_most"]) > exact(known["excluded"]) or level > exact(known["level_at_most"]) * unit:
            return "what its level can be at most does not fit"
        if holder:
            row = self.rows[holder]
            own = sum(sorted((row[column] for column in self.free[holder]), reverse=True)[: known["wanted"]])
            return (
                "" if own <= slopes[holder] * high else f"{holder} could have more than {known['excluded']} by itself"
            )
        between = (-(-slope * high // 1) - slope * level // 1 > 1 for slope in slopes.values())
        self.told_by_prices = self.told_by_prices and not any(between)
        asked = {number: -(-slope * high // 1) for number, slope in slopes.items()}
        there = self.right_side(known["weight"], known["prices"]["level"], asked)
        floors_sum = sum(asked.values()) if len(asked) == len(self.rows) else 0
        needed = max(floors_sum, least or 0) * FINE if known["weight"] else 0
        if there is not None and there >= needed:
            return f"its prices do not prove that the level {known['excluded']} is out of reach"
        return ""

    def right_side(self, weight: int, written: Sequence[str], floors: dict[str, int]) -> int | None:
        """In units of the prices; None where some submission has no team that keeps its floor."""
        prices = [int(exact(price) * MILLIONTHS * FINE) for price in written]
        total = sum(max(price, 0) for price in prices) * self.certificate["most"]
        for number, row in self.rows.items():
            pairs = [(row[column], weight * row[column] * FINE - prices[column]) for column in self.free[number]]
            best = best_team(pairs, self.certificate["wanted"], floors.get(number, -(10**12)))
            if best is None:
                return None
            total += best
        return total

    def told(self) -> tuple[str, str]:
        """What the certificate proves, for a line of the answer."""
        known = self.certificate
        if not known:
            return "No certificate of the assignment was recorded", "没有记录专家分配的最优性证明"
        prices = (
            "the prices recorded prove it"
            if self.told_by_prices
            else (
                f"the prices recorded prove that no level is {known['excluded']} or more and no total above "
                f"{known['total_from_prices']}; what lies between was {'searched' if known['proven'] else 'not settled'}"
            )
        )
        chinese = "均由所记价格证明" if self.told_by_prices else "其余靠搜索" if known["proven"] else "未证明最优"
        return (
            f"Assignment: level {known['level']} of at most {known['level_at_most']}, total {known['total']} of at most "
            f"{known['total_at_most']}: {prices}",
            f"专家分配：最低匹配 {known['level']}（上限 {known['level_at_most']}），合计 {known['total']}"
            f"（上限 {known['total_at_most']}），{chinese}",
        )


BOUNDS = {"largest_total": "largest_total", "total": "total_from_prices"}


def exact(figure: str) -> Fraction:
    """A decimal as written; nothing but digits, a sign and a point."""
    if not isinstance(figure, str) or set(figure) - set("-.0123456789"):
        raise ValueError(f"{figure!r} is no decimal")
    return Fraction(figure)


class History:
    """Checks the lines of a whole season, subject by subject, in little memory."""

    def __init__(self, season: int) -> None:
        self.season = season
        self.recorded: dict[tuple[str, int], dict[str, Any]] = {}
        self.trees: dict[tuple[str, int], Tree] = {}
        self.covered: dict[tuple[str, int], int] = {}
        self.later: list[str] = []
        self.dated = True
        self.entries = self.subjects = 0
        self.assigned: Assigned | None = None
        self.certificates: dict[int, dict[str, Any]] = {}

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
        leaves = [without(line) for line in lines if line["line"] == "leaf"]
        entries = [without(line) for line in lines if line["line"] == "entry"]
        if subject == f"call/{self.season}":
            self.dated = "record" in loads(entries[0]["facts"]) if entries else True
        hashes = check_chain(subject, entries, self.dated)
        self.entries += len(hashes)
        self.subjects += 1
        for entry in entries:
            if entry["season"] != self.season:
                raise Wrong(subject, entry["sequence"], f"it is of season {entry['season']}", "不属于本年度")
        if subject == f"call/{self.season}":
            self.read_roots(entries)
        self.read_assignment(subject, entries)
        self.read_certificates(subject, entries)
        covered = {}
        for leaf in leaves:
            key = (leaf["kind"], leaf["ordinal"])
            if key in covered:
                raise Wrong(subject, leaf["sequence"], f"two leaves of it are given for {named(key)}", "叶子重复")
            self.check_leaf(subject, leaf, key, hashes)
            covered[key] = leaf["sequence"]
        self.check_dates(subject, entries, covered)

    def check_leaf(self, subject: str, leaf: dict[str, Any], key: tuple[str, int], hashes: Sequence[str]) -> None:
        sequence = leaf["sequence"]
        if not 1 <= sequence <= len(hashes):
            raise Wrong(
                subject,
                len(hashes) + 1,
                f"it was removed: entry {sequence} is under the root of {named(key)}",
                f"被删除：第 {sequence} 条在“{named(key)}”的根值之下",
            )
        if hashes[sequence - 1] != leaf["hash"]:
            raise Wrong(
                subject,
                sequence,
                f"it, or one before it, was replaced after the publication {named(key)}",
                f"本条或之前的某条在“{named(key)}”公布后被替换",
            )
        self.trees.setdefault(key, Tree()).add(bytes.fromhex(hashes[sequence - 1]))
        self.covered[key] = self.covered.get(key, 0) + sequence

    def check_dates(self, subject: str, entries: list[dict[str, Any]], covered: dict[tuple[str, int], int]) -> None:
        """What is dated before a root is under it; what is under none yet is listed."""
        for key, recorded in self.recorded.items():
            for entry in entries[covered.get(key, 0) : covered.get(key, 0) + 1]:
                if entry["at"] < recorded["at"]:
                    raise Wrong(
                        subject,
                        entry["sequence"],
                        f"it is dated before the root of {named(key)}, but is not under it: it was added afterwards",
                        f"时间早于“{named(key)}”的根值，却不在其下：是事后添加的",
                    )
        newest = list(self.recorded)[-1:]
        last = covered.get(newest[0], 0) if newest else 0
        self.later += [
            f"{subject}, entry {entry['sequence']}: {entry['at']} {entry['trigger']}" for entry in entries[last:]
        ]

    def read_assignment(self, subject: str, entries: Iterable[dict[str, Any]]) -> None:
        for entry in entries:
            if entry["trigger"] != "assign":
                continue
            facts, number = loads(entry["facts"]), subject.partition("/")[2]
            if subject == f"call/{self.season}":
                barred = [(pair[0], pair[1]) for pair in facts.get("conflicts", ())]
                self.assigned = Assigned(facts.get("certificate", {}), facts.get("experts", ()), barred)
            elif self.assigned is not None:
                self.assigned.add(number, facts)

    def read_certificates(self, subject: str, entries: Iterable[dict[str, Any]]) -> None:
        """What became of every number; given once, void at most once. Raises Wrong."""
        for entry in entries:
            facts = loads(entry["facts"]) if entry["trigger"] in CERTIFICATES else {}
            for one in facts.get("certificates", ()):
                if one["ordinal"] in self.certificates:
                    sentence = f"it gives the certificate {self.season}-{one['ordinal']:04} once more"
                    raise Wrong(subject, entry["sequence"], sentence, "证书编号重复使用")
                told = {**one, "subject": subject, "tier": facts["tier"], "at": entry["at"], "state": "valid"}
                self.certificates[one["ordinal"]] = told
            for one in facts.get("voided", ()):
                known = self.certificates.get(one["ordinal"], {})
                if known.get("state") != "valid" or known["subject"] != subject:
                    sentence = (
                        f"it voids the certificate {self.season}-{one['ordinal']:04}, which was not in force here"
                    )
                    raise Wrong(subject, entry["sequence"], sentence, "作废的证书编号原本无效")
                known.update(state=one["state"], successor=one["successor"], voided_at=entry["at"])

    def check_assignment(self) -> None:
        """Seasons drawn before affinities were recorded have no certificate. Raises Wrong."""
        assigned = self.assigned
        if assigned is None or not (assigned.certificate or assigned.rows):
            return
        problem = assigned.problem() if assigned.certificate else "the certificate of the assignment is missing"
        if problem:
            raise Wrong(f"call/{self.season}", None, f"the assignment: {problem}", f"专家分配与其证明不符：{problem}")

    def read_roots(self, entries: Iterable[dict[str, Any]]) -> None:
        for entry in entries:
            facts = loads(entry["facts"])
            if entry["trigger"] == "record_root":
                key = (facts["publication"], facts.get("ordinal", 1))
                if key in self.recorded:
                    raise Wrong(entry["subject"], entry["sequence"], "a root is recorded twice", "根值重复记录")
                self.recorded[key] = {**facts, "at": entry["at"], "sequence": entry["sequence"]}
            said = PUBLISHED_BY.get(str(facts.get("milestone", "")).partition("/")[0])
            skipped = entry["trigger"] == "skip_milestone"
            if said and not skipped and "late_seconds" in facts and (said, 1) not in self.recorded:
                raise Wrong(
                    entry["subject"],
                    entry["sequence"],
                    f"it says that {said} went out, but no root was recorded for it before",
                    f"“{said}”已公布，却没有记录根值",
                )

    def check_roots(self, printed: Sequence[str]) -> None:
        """Every recorded root computed again; every printed root must be among them. Raises Wrong."""
        for key, recorded in self.recorded.items():
            tree, covered = self.trees.pop(key, Tree()), self.covered.get(key, 0)
            root, leaves, counted = recorded["root"], recorded["leaves"], recorded.get("entries", covered)
            if (tree.root(), tree.size, covered) != (root, leaves, counted):
                raise Wrong(
                    f"call/{self.season}",
                    recorded["sequence"],
                    f"{named(key)} was recorded as {root} over {leaves} subjects and {counted} entries, "
                    f"but its entries give {tree.root()} over {tree.size} and {covered}",
                    f"“{named(key)}”的根值不符：记录为 {root}（{leaves} 项 {counted} 条），"
                    f"由各条算得 {tree.root()}（{tree.size} 项 {covered} 条）",
                )
        for key in self.trees:
            raise Wrong("the file", None, f"it has leaves of {named(key)}, which was never recorded", "有多余的叶子")
        roots = [recorded["root"] for recorded in self.recorded.values()]
        for root in printed:
            if root not in roots:
                raise Wrong(
                    "the printed root " + root,
                    None,
                    "this history never had it: it is not the one published",
                    "本文件中没有这个根值：它不是公布时的留痕",
                )


def without(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "line"}


def named(key: tuple[str, int]) -> str:
    return key[0] if key[1] == 1 else f"{key[0]} {key[1]}"


def listed(later: Sequence[str]) -> str:
    """The entries that are under no root, a line each."""
    more = len(later) - SHOWN
    return "".join(f"\n  {line}" for line in later[:SHOWN]) + (f"\n  … and {more} more" if more > 0 else "")


def check_export(season: int, earlier: bool, file: Iterable[str], printed: Sequence[str] = ()) -> History:
    """Check every line of an export after its header, and every root. Raises Wrong or Unreadable."""
    history = History(season)
    history.check(read_lines(file, earlier))
    history.check_roots(printed)
    history.check_assignment()
    return history


def told(history: History, printed: Sequence[str]) -> tuple[str, str]:
    """What holds of a whole export, in English and Chinese."""
    assignment, chinese_assignment = "", ""
    if history.assigned is not None:
        assignment, chinese_assignment = ("\n" + line for line in history.assigned.told())
    keys = [key for key, recorded in history.recorded.items() if recorded["root"] in printed]
    covered = max(history.covered[key] for key in keys)
    names, newest = ", ".join(map(named, keys)), list(history.recorded)[-1]
    older, chinese_older = "", ""
    if newest not in keys:
        older = f"\nThe newest root here is that of {named(newest)}: ask for it, later changes are under that one only"
        chinese_older = f"\n本文件最新的根值是“{named(newest)}”的，其后的变动只受它约束，请索取该值"
    loose, later = listed(history.later), history.entries - covered
    return (
        f"OK: {history.entries} entries of {history.subjects} subjects; {covered} of them are bound to the printed "
        f"root ({names}), {later} are later{older}{assignment}\nUnder no root yet: {len(history.later)}{loose}",
        f"核对无误：{history.subjects} 个对象共 {history.entries} 条；其中 {covered} 条受公布的根值约束"
        f"（{names}），{later} 条在其后形成{chinese_older}{chinese_assignment}\n尚不在任何根值之下：{len(history.later)} 条（见上）",
    )


# The words of the record that give certificates their numbers, and that make them void.
CERTIFICATES = ("give_certificates", "void_certificates")
STANDING = {"valid": "有效", "replaced": "已换发", "revoked": "已撤销"}


def told_of(history: History, asked: str) -> tuple[str, str]:
    """What became of one certificate, in English and Chinese. Raises Wrong."""
    season, _, ordinal = asked.partition("-")
    known = history.certificates.get(int(ordinal)) if season == str(history.season) and ordinal.isdigit() else None
    if known is None:
        raise Wrong(
            f"the certificate {asked}", None, "this history never gave such a number", "留痕中没有颁发过这个编号"
        )
    state, number = known["state"], known["subject"].partition("/")[2]
    given = f"given on {known['at'][:10]} for {number} (prize: {known['tier']})"
    void, chinese = "", ""
    if state != "valid":
        heir = f" by {season}-{known['successor']:04}" if known["successor"] else ""
        void, chinese = f" since {known['voided_at'][:10]}{heir}", f"，{known['voided_at'][:10]} 起（UTC）"
        chinese += f"，换发为 {season}-{known['successor']:04}" if known["successor"] else ""
    return (
        f"Certificate {asked}: {state}{void}; {given}, for {known['holder']} {known['position']}",
        f"证书 {asked}：{STANDING.get(state, state)}{chinese}；对应获奖项目 {number}",
    )


PROOF = {"format", "season", "number", "publication", "leaf", "entries"}
PATH = {"sequence", "index", "leaves", "path"}


def check_proof(proof: dict[str, Any], printed: Sequence[str]) -> tuple[str, str]:
    """Check one submission's proof; what holds, in English and Chinese. Raises Wrong or Unreadable."""
    take_keys(proof, PROOF, "the proof")
    publication, leaf = proof["publication"], take_keys(proof["leaf"], PATH, "the leaf")
    ordinal = {"ordinal"} if proof["format"] == PROOF_FORMAT else set()
    take_keys(publication, {"kind", "root", "leaves", *ordinal}, "the publication")
    subject = "submission/" + str(proof["number"])
    for sequence, entry in enumerate(proof["entries"], start=1):
        if entry.get("subject") != subject:
            raise Wrong(subject, sequence, f"it belongs to {entry.get('subject')}", "不是本项申报的留痕")
    hashes = check_chain(subject, proof["entries"], proof["format"] == PROOF_FORMAT)
    if not 1 <= leaf["sequence"] <= len(hashes):
        raise Wrong(subject, leaf["sequence"], "it is missing", "缺少这一条")
    data = bytes.fromhex(hashes[leaf["sequence"] - 1])
    root = root_by_path(data, leaf["index"], leaf["leaves"], leaf["path"])
    name = named((publication["kind"], publication.get("ordinal", 1)))
    if root is None or root not in printed:
        meant = root is not None and root == publication["root"]
        raise Wrong(
            subject,
            leaf["sequence"],
            "it, or one before it, is not under the printed root"
            + (f"; this proof is for the root of {name}: compare that one" if meant else ""),
            "本条或之前的某条不在公布的根值之下"
            + (f"；本证明对应的是“{name}”页面的根值，请用那一个核对" if meant else ""),
        )
    last, later = leaf["sequence"], proof["entries"][leaf["sequence"] :]
    loose = listed([f"entry {entry['sequence']}: {entry['at']} {entry['trigger']}" for entry in later])
    end = proof["entries"][last - 1]
    stands = (
        f"The root covers exactly {last}: the last is {end['trigger']} of {end['at']}, leading to {end['to_state']}"
    )
    newest = "what came after that root is under a newer one only: ask for the newest"
    return (
        f"OK: entries 1 to {last} of {subject} are under the printed root; {len(later)} are later{loose}"
        f"\n{stands}; {newest}",
        f"核对无误：{subject} 的第 1 至 {last} 条在公布的根值之下；其后另有 {len(later)} 条"
        f"\n该根值恰好约束 {last} 条，最后一条为 {end['at']} 的 {end['trigger']}；其后的变动只受更新的根值约束，请索取最新的根值",
    )


def record_of(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the entries of one submission say became of it. `tier` is what it was given, also where it was revoked since."""
    told: dict[str, Any] = {
        **{"submitted_at": "", "category": "", "carrier": "", "contributors": 0, "recommended": None},
        **{"final_reviewed": False, "tier": "", "awarded_at": "", "revoked_at": "", "outcome": "", "state": ""},
        **{"certificates": [], "follow_up": None, "open_objections": 0},
    }
    certificates: dict[int, dict[str, Any]] = {}
    before: dict[str, Any] = {}
    for entry in entries:
        facts, trigger, at = loads(entry["facts"]), entry["trigger"], entry["at"]
        before = remembered(entry, before)
        if trigger == "submit":
            told["submitted_at"] = at
        if trigger in ("submit", "amend", "correct_name"):
            told.update({name: facts[name] for name in ("category", "carrier", "contributors") if name in facts})
        elif trigger in ("record_district_review", "amend_verdict"):
            told["recommended"] = facts.get("verdict") == "recommended"
        elif trigger == "record_final_review":
            told["final_reviewed"] = True
        elif trigger == "award":
            told.update(tier=facts["tier"], awarded_at=at, revoked_at="")
        elif trigger == "change_tier" and told["tier"]:
            told["tier"] = facts["tier"]
        elif trigger == "revoke":
            told["revoked_at"] = at
        elif trigger == "reinstate":
            told["revoked_at"] = ""
        elif trigger == "give_certificates":
            for one in facts["certificates"]:
                given = {name: one[name] for name in ("ordinal", "holder", "position")}
                state = {"state": "valid", "voided_at": "", "successor": None}
                certificates[one["ordinal"]] = {**given, "tier": facts["tier"], "given_at": at, **state}
        elif trigger == "void_certificates":
            for one in facts["voided"]:
                certificates[one["ordinal"]].update(state=one["state"], successor=one["successor"], voided_at=at)
        elif trigger == "record_follow_up":
            said = {name: facts[name] for name in ("use", "since", "benefit_economic", "places") if name in facts}
            told["follow_up"] = {**said, "at": at}
        if entry["to_state"] != "archived":
            before.pop("outcome", None)
    told["state"], told["outcome"] = before.get("to_state", ""), before.get("outcome", "")
    told["certificates"] = [certificates[ordinal] for ordinal in sorted(certificates)]
    stand = before.get("objections", {}).values()
    told["open_objections"] = sum(one in ("received", "accepted", "investigating", "reconsidering") for one in stand)
    return told


EVIDENCE = {"format", "about", "made_at", "office", "publications", "notes", "cases"}
CASE = {"season", "number", "said", "record", "content", "proof"}
CONTENT = {"version", "salt", "text"}


def check_evidence(
    evidence: dict[str, Any], printed: Sequence[str], since: dict[str, list[dict[str, Any]]]
) -> tuple[str, str]:
    """Check what an evidence says of each submission against its entries; `since` are those of newer exports.

    Returns what holds, in English and Chinese. Raises Wrong or Unreadable.
    """
    take_keys(evidence, EVIDENCE, "the evidence")
    english, chinese = [], []
    for case in evidence["cases"]:
        take_keys(case, CASE, "the case")
        number, proof = case["number"], case["proof"]
        if proof is None:
            english.append(f"{number}: NOT PROVEN, it is under no published root yet: the office's word alone")
            chinese.append(f"{number}：未经证明，尚不在任何公布的根值之下，只是办公室的说法")
            continue
        if proof["number"] != number:
            raise Wrong(number, None, f"its proof is that of {proof['number']}", "所附证明属于另一项申报")
        check_proof(proof, printed)
        entries, covered = proof["entries"], proof["leaf"]["sequence"]
        differing = [name for name, value in record_of(entries).items() if case["record"].get(name) != value]
        if differing or set(case["record"]) != set(record_of(entries)):
            what = ", ".join(differing) or "more than the record has"
            raise Wrong(number, None, f"what it says ({what}) is not what its entries say", f"所述（{what}）与留痕不符")
        named_by = _check_content(case) if case["content"] is not None else ""
        newer = since.get("submission/" + number, [])
        if newer and [entry["hash"] for entry in newer[: len(entries)]] != [entry["hash"] for entry in entries]:
            raise Wrong(number, None, "its entries are not those of the history given", "与所给留痕文件不一致")
        later, loose = newer[len(entries) :], len(entries) - covered
        standing = case["record"]["outcome"] or case["record"]["state"]
        english.append(
            f"{number}: holds ({standing}{', tier ' + case['record']['tier'] if case['record']['tier'] else ''}); "
            f"names and title {'are in the form as delivered' if named_by else 'are the word of the office'}"
            + (f"; {loose} of its entries are under no root yet" if loose else "")
            + (f"; entered since: {', '.join(entry['trigger'] for entry in later)}" if later else "")
        )
        chinese.append(
            f"{number}：与留痕一致；姓名和名称{'与申报内容一致' if named_by else '以办公室所述为准'}"
            + (f"；其中{loose}条尚不在根值之下" if loose else "")
            + (f"；此后又有：{'、'.join(entry['trigger'] for entry in later)}" if later else "")
        )
    roots = {case["proof"]["publication"]["root"] for case in evidence["cases"] if case["proof"]}
    return (
        "\n".join((f"OK: {len(evidence['cases'])} submission(s) under {len(roots)} root(s)", *english)),
        "\n".join((f"核对无误：{len(evidence['cases'])} 项申报，{len(roots)} 个根值", *chinese)),
    )


def _check_content(case: dict[str, Any]) -> str:
    """The form as it was delivered has the digest of the record, and the names that the case says. Raises Wrong."""
    content, number, said = take_keys(case["content"], CONTENT, "the content"), case["number"], case["said"]
    facts = [loads(entry["facts"]) for entry in case["proof"]["entries"]]
    digest = hashlib.sha256(bytes.fromhex(content["salt"]) + content["text"].encode("utf-8")).hexdigest()
    versions = {one["version"]: one["content_digest"] for one in facts if "content_digest" in one}
    if not versions or content["version"] != max(versions) or versions[content["version"]] != digest:
        raise Wrong(number, None, "its form is not the one in force that the record is bound to", "申报内容与留痕不符")
    form = loads(content["text"])
    holders = form["contributors"] if said["holder"] == "contributor" else form["organisations"]
    named = holders[said["position"] - 1]["name"] if said["position"] else said["name"]
    if (form["title"], named) != (said["title"], said["name"]):
        raise Wrong(number, None, "the form as delivered has another name or title", "姓名或名称与申报内容不符")
    return digest


def read_since(paths: Sequence[str], printed: Sequence[str], wanted: set[str]) -> dict[str, list[dict[str, Any]]]:
    """The entries of some submissions in exports, each of which is checked as a whole first. Raises Wrong or Unreadable."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            season, earlier = read_header(file.readline())
            check_export(season, earlier, file, printed_of(path, printed))
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            for text in file:
                line = loads(text)
                if line["line"] == "entry" and line["subject"] in wanted:
                    found.setdefault(line["subject"], []).append(without(line))
    return found


def printed_of(path: str, printed: Sequence[str]) -> list[str]:
    """Which of the printed roots an export has; it must have one of them. Raises Wrong."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        text = [line for line in file if '"trigger":"record_root"' in line]
    own = [root for root in printed if any(root in line for line in text)]
    if not own:
        raise Wrong(path, None, "it has none of the printed roots", "其中没有所给的任何根值")
    return own


def read_lines(file: Iterable[str], earlier: bool) -> Iterator[dict[str, Any]]:
    keys = {"entry": ENTRY, "leaf": LEAF - {"ordinal"} if earlier else LEAF, "end": {"entries", "subjects"}}
    for number, text in enumerate(file, start=2):
        try:
            line = loads(text)
            take_keys(line, {"line", *keys[line["line"]]}, "it")
        except (KeyError, TypeError, ValueError, RecursionError, Unreadable) as problem:
            raise Unreadable(f"line {number} is no line of such a history: {problem}") from problem
        if line["line"] == "leaf":
            line.setdefault("ordinal", 1)
        yield line


def read_header(text: str) -> tuple[int, bool]:
    """The season that the first line names, and whether an earlier version wrote the file."""
    header = take_keys(loads(text), {"line", "format", "season"}, "the first line")
    if header["line"] != "header" or header["format"] not in (HISTORY_FORMAT, EARLIER[0]):
        raise Unreadable("the first line is no header")
    return header["season"], header["format"] in EARLIER


def check_file(
    path: str, printed: Sequence[str], certificate: str = "", histories: Sequence[str] = ()
) -> tuple[str, str]:
    """Check an export, a proof or an evidence; of an export, what became of a certificate. Raises Wrong or Unreadable."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        first = file.readline()
        if '"line":"header"' in first:
            season, earlier = read_header(first)
            history = check_export(season, earlier, file, printed)
            english, chinese = told(history, printed)
            if certificate:
                one, chinese_one = told_of(history, certificate)
                return f"{one}\n{english}", f"{chinese_one}\n{chinese}"
            return english, chinese
        proof = loads(first + file.read())
    if proof["format"] == EVIDENCE_FORMAT:
        wanted = {"submission/" + case["number"] for case in proof["cases"]}
        return check_evidence(proof, printed, read_since(histories, printed, wanted))
    if proof["format"] not in (PROOF_FORMAT, EARLIER[1]):
        raise Unreadable(f"it is none of {HISTORY_FORMAT}, {PROOF_FORMAT} and {EVIDENCE_FORMAT}")
    return check_proof(proof, printed)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check an exported history, a proof or an evidence against roots.")
    parser.add_argument("file", help="history.jsonl, proof.json or evidence.json")
    parser.add_argument("--root", required=True, action="append", help="64 hex digits as printed on a page")
    parser.add_argument("--certificate", default="", help="the number of a certificate such as 2026-0001")
    parser.add_argument("--history", default=[], action="append", help="an export, newer than the evidence to check")
    asked = parser.parse_args(arguments)
    out = sys.stdout
    if hasattr(out, "reconfigure"):
        out.reconfigure(encoding="utf-8")
    try:
        printed = [root.strip().lower() for root in asked.root]
        english, chinese = check_file(asked.file, printed, asked.certificate, asked.history)
    except Wrong as problem:
        out.write(f"WRONG: {problem.english}\n不符：{problem.chinese}\n")
        return 1
    except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError, Unreadable) as problem:
        out.write(f"UNREADABLE: {problem}\n无法读取：文件不是本程序能核对的留痕或证明\n")
        return 1
    out.write(f"{english}\n{chinese}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

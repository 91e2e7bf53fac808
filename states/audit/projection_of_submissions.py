"""What the rows that belong to submissions must hold, by the submissions' own chains (and the call's, for the panel)."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from models.enums import CertificateState, Trigger
from states.audit.projection_of_call import Rows, Step, first, last, of
from states.numbers import Number
from states.rules.names import name_key
from states.submissions.consents import FOLLOW_UP_KINDS, consent_rows

Submissions = dict[str, list[Step]]
FORMS = (Trigger.SUBMIT, Trigger.AMEND, Trigger.CORRECT_NAME)
_PICTURE = ("digest", "encoded", "portrait", "width", "height")
_CORRECTING = (
    Trigger.ASK_CORRECTION,
    Trigger.AMEND,
    Trigger.ARCHIVE,
    Trigger.LAPSE_CORRECTION,
    Trigger.PASS_ELIGIBILITY,
)
# A pass, and what makes one void: sent back, or no longer recommended.
_CHECKING = (Trigger.PASS_ELIGIBILITY, Trigger.ASK_CORRECTION, Trigger.AMEND_VERDICT)
_KEPT = ("category", "carrier", "field", "version")


def submissions(year: int, _: list[Step], told: Submissions) -> Rows:
    rows: Rows = {}
    for number, steps in told.items():
        begun, form = first(steps, Trigger.SUBMIT), last(steps, *FORMS)
        checks = [step for step in of(steps, *_CHECKING) if step.facts.get("verdict") != "recommended"]
        passed = checks[-1].at if checks and checks[-1].trigger == Trigger.PASS_ELIGIBILITY else None
        rows[(number,)] = {
            **{name: form.facts[name] for name in _KEPT},
            "season": year,
            "unit": Number.of(number).unit,
            "place": Number.of(number).place,
            "completed_on": date.fromisoformat(form.facts["completed_on"]),
            "submitted_at": begun.at,
            "eligible_at": passed,
        }
        if "title" in form.facts:  # seasons planned since seal it, with the organisations
            rows[(number,)] |= {"title": form.facts["title"], "title_key": name_key(form.facts["title"])}
    return rows


def versions(_: int, __: list[Step], told: Submissions) -> Rows:
    return {
        (number, step.facts["version"]): {
            "digest": step.facts["content_digest"],
            "delivery": step.facts["delivery"],
            "kept_at": step.at,
        }
        for number, step in _each(told, *FORMS)
    }


def attachments(_: int, __: list[Step], told: Submissions) -> Rows:
    """The files of each version that had any; after the deletion of personal data there are none."""
    return {
        (number, step.facts["version"], position): {"digest": digest}
        for number, step in _each({number: steps for number, steps in told.items() if not _forgets(steps)}, *FORMS)
        for position, digest in enumerate(step.facts.get("attachments", ()), start=1)
    }


def consents(_: int, __: list[Step], told: Submissions) -> Rows:
    """What the form in force says may be published, but for what was taken back since."""
    rows: Rows = {}
    for number, step in _each(told, *FORMS, Trigger.WITHDRAW_CONSENT, Trigger.RECORD_FOLLOW_UP):
        if step.trigger == Trigger.WITHDRAW_CONSENT:
            rows[(number, step.facts["kind"], step.facts["position"])]["withdrawn_at"] = step.at
            continue
        later = step.trigger == Trigger.RECORD_FOLLOW_UP
        if later and "consents" not in step.facts:  # as earlier versions asked
            continue
        for key in [key for key in rows if key[0] == number and (key[1] in FOLLOW_UP_KINDS) is later]:
            del rows[key]
        for row in consent_rows(number, step.facts):
            key = number, row["kind"].value, row["position"]
            rows[key] = {"given": row["given"], "withdrawn_at": None}
    return rows


def pictures(_: int, __: list[Step], told: Submissions) -> Rows:
    """The pictures of the form in force that could be read."""
    return {
        (number, shown["position"]): {name: shown[name] for name in _PICTURE}
        for number, steps in told.items()
        for shown in last(steps, *FORMS).facts.get("pictures", ())
        if shown["position"] not in forgotten(steps, "pictures")
    }


def forgotten(steps: Iterable[Step], what: str) -> set[Any]:
    """What of a submission was deleted at somebody's request, by its kind."""
    return {fact for step in of(steps, Trigger.ERASE_PERSON) for fact in step.facts.get(what, ())}


def _forgets(steps: Iterable[Step]) -> bool:
    """Whether somebody who took part asked for deletion: the files that came with it are gone then."""
    return bool(forgotten(steps, "positions"))


def follow_up_pictures(_: int, __: list[Step], told: Submissions) -> Rows:
    """The pictures of the answer in force to what became of an award."""
    answers = {number: [*of(steps, Trigger.RECORD_FOLLOW_UP)] for number, steps in told.items()}
    return {
        (number, shown["position"]): {name: shown[name] for name in _PICTURE}
        for number, given in answers.items()
        if given
        for shown in given[-1].facts.get("pictures", ())
        if shown["position"] not in forgotten(_since(told[number], given[-1]), "follow_up_pictures")
    }


def _since(steps: list[Step], step: Step) -> list[Step]:
    return steps[steps.index(step) :]


def verdicts(_: int, __: list[Step], told: Submissions) -> Rows:
    rows: Rows = {}
    for number, step in _each(
        told, Trigger.RECORD_DISTRICT_REVIEW, Trigger.AMEND_VERDICT, Trigger.SHIFT_RANK, Trigger.REINSTATE
    ):
        facts = step.facts
        if step.trigger in (Trigger.SHIFT_RANK, Trigger.REINSTATE):
            # Brought back, a recommendation has a place that is free.
            rows.get((number,), {}).update({"rank": facts["rank"]} if "rank" in facts else {})
            continue
        rows[(number,)] = {
            **{name: facts[name] for name in ("verdict", "total", "rank", "delivery")},
            "points": json.dumps(facts["points"]),
            "received_at": step.at,
        }
    return rows


def corrections(_: int, __: list[Step], told: Submissions) -> Rows:
    rows: Rows = {}
    for number, step in _each(told, *_CORRECTING):
        if step.trigger == Trigger.ASK_CORRECTION:
            row = {"asked_by": step.actor, "asked_at": step.at, "state": "outstanding", "settled_at": None}
            row["due_at"] = datetime.fromisoformat(step.facts["due_at"])
            # What a unit wrote may name people, and is not in the record.
            rows[(number,)] = row | ({"missing": step.facts["missing"]} if "missing" in step.facts else {})
        elif step.trigger == Trigger.PASS_ELIGIBILITY:
            # The officer's word, at a reinstatement, stands for what was still owed.
            if rows.get((number,), {}).get("state") == "outstanding":
                rows[(number,)] |= {"state": "lapsed", "settled_at": step.at}
        elif "correction" in step.facts:
            rows[(number,)] |= {"state": step.facts["correction"], "settled_at": step.at}
    return rows


def recusals(year: int, _: list[Step], told: Submissions) -> Rows:
    return {
        (year, step.facts["expert"], number): {"recused_at": step.at}
        for number, step in reversed([*_each(told, Trigger.RECUSE)])
    }


def certificates(year: int, __: list[Step], told: Submissions) -> Rows:
    rows: Rows = {}
    for number, step in _each(told, Trigger.GIVE_CERTIFICATES, Trigger.VOID_CERTIFICATES):
        for certificate in step.facts.get("certificates", ()):
            rows[(year, certificate["ordinal"])] = {
                **{
                    "number": number,
                    "holder": certificate["holder"],
                    "position": certificate["position"],
                    "tier": step.facts["tier"],
                },
                **{"state": CertificateState.VALID.value, "given_at": step.at, "voided_at": None, "successor": None},
            }
        for certificate in step.facts.get("voided", ()):
            void = {"state": certificate["state"], "voided_at": step.at, "successor": certificate["successor"]}
            rows[(year, certificate["ordinal"])] |= void
    return rows


def duplicates(_: int, __: list[Step], told: Submissions) -> Rows:
    """Pairs that the office decided about; what still waits is in no chain."""
    return {
        (step.facts["other"], number): {
            "similarity": step.facts["similarity"],
            "decision": step.facts["decision"],
            "officer": step.officer,
            "decided_at": step.at,
            "reason": step.reason,
        }
        for number, step in _each(told, Trigger.DECIDE_DUPLICATE)
    }


def scores(_: int, __: list[Step], told: Submissions) -> Rows:
    struck = {
        (number, step.facts["expert"]) for number, step in _each(told, Trigger.RECUSE) if step.facts.get("score_struck")
    }
    return {
        (number, step.facts["expert"], step.facts["round"]): {
            "points": json.dumps(step.facts["points"]),
            "total": step.facts["total"],
            "received_at": step.at,
            "delivery": step.facts["delivery"],
        }
        for number, step in _each(told, Trigger.RECORD_SCORE)
        if (number, step.facts["expert"]) not in struck
    }


def ballots(_: int, __: list[Step], told: Submissions) -> Rows:
    counts = ("votes_for", "votes_against", "abstentions", "delivery")
    return {
        (number, step.facts["tier"], step.facts["caster"]): {
            **{name: step.facts[name] for name in counts},
            "received_at": step.at,
        }
        for number, step in _each(told, Trigger.RECORD_VOTES)
    }


def assignments(year: int, call: list[Step], told: Submissions) -> Rows:
    """Who was to score what, and what became of it."""
    rows: Rows = {}
    for number, step in _each(told, Trigger.ASSIGN, Trigger.REPLACE):
        for expert in step.facts.get("experts", None) or [step.facts["expert"]]:
            rows[(number, expert, step.facts["round"])] = {"season": year, "assigned_at": step.at, "state": "active"}
    scored = {(number, step.facts["expert"], step.facts["round"]) for number, step in _each(told, Trigger.RECORD_SCORE)}
    recused = {(number, step.facts["expert"]) for number, step in _each(told, Trigger.RECUSE)}
    for step in of(call, Trigger.ASSIGN_RE_REVIEW):
        for number in step.facts["experts"].keys() & told.keys():
            for expert in step.facts["experts"][number]:
                again = {"season": year, "assigned_at": step.at, "state": "active"}
                rows.setdefault((number, expert, 2), again)
    lost = {(number, step.facts["expert"]) for step in of(call, Trigger.GIVE_UP_SEAT) for number in step.facts["lost"]}
    for key, row in rows.items():
        row["state"] = _assignment_state(key, scored, recused, lost)
    return rows


def _assignment_state(key: tuple[Any, ...], scored: set[Any], recused: set[Any], lost: set[Any]) -> str:
    if key[:2] in recused:
        return "recused"
    if key in scored:
        return "scored"
    return "lost" if key[:2] in lost else "active"


def spreads(assigned: Rows, given: Rows) -> dict[str, Decimal]:
    """Points between the experts of each submission, over the scores of the final round that count."""
    totals: dict[str, list[Decimal]] = {}
    for key, row in given.items():
        if key[2] == 1 and assigned.get(key, {}).get("state") == "scored":
            totals.setdefault(key[0], []).append(Decimal(row["total"]))
    return {number: max(values) - min(values) for number, values in totals.items()}


def _each(told: Submissions, *triggers: Trigger) -> Iterator[tuple[str, Step]]:
    return ((number, step) for number, steps in told.items() for step in of(steps, *triggers))


TABLES: dict[str, Callable[[int, list[Step], Submissions], Rows]] = {
    "submission": submissions,
    "submission_version": versions,
    "attachment": attachments,
    "consent": consents,
    "picture": pictures,
    "follow_up_picture": follow_up_pictures,
    "district_verdict": verdicts,
    "correction": corrections,
    "recusal": recusals,
    "certificate": certificates,
    "duplicate": duplicates,
    "score": scores,
    "ballot": ballots,
    "assignment": assignments,
}

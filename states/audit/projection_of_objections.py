"""What the rows of objections must hold, by the steps that stand in the histories of what they are about."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlmodel import SQLModel

from models import Objection
from models.enums import ObjectionResult, ObjectionState, Trigger
from states.audit.projection_of_call import Rows, Step
from states.history.seals import Seals

TABLES = ("objection", "objection_ruling", "objection_evidence")
TRIGGERS = (
    Trigger.RAISE_OBJECTION,
    Trigger.ACCEPT_OBJECTION,
    Trigger.DECLINE_OBJECTION,
    Trigger.INVESTIGATE_OBJECTION,
    Trigger.ANSWER_OBJECTION,
    Trigger.RECONSIDER_OBJECTION,
    Trigger.CLOSE_OBJECTION,
    Trigger.SEAL_OBJECTOR,
)
# What earlier versions called the two ends of an objection.
_EARLIER = {"dismissed": ObjectionResult.REJECTED.value, "upheld": ObjectionResult.REMOVED.value}
_WORDS = ("objector", "contact", "grounds")


def rows_expected(year: int, told: Iterable[tuple[str | None, Step]]) -> dict[str, Rows]:
    """The rows of each table, from (number or None, step) in the order of each history."""
    rows: dict[str, Rows] = {name: {} for name in TABLES}
    for number, step in told:
        key = (step.facts["objection"],)
        if step.trigger == Trigger.RAISE_OBJECTION:
            rows["objection"][key] = _raised(year, number, step)
        elif step.trigger != Trigger.SEAL_OBJECTOR:
            _follow(rows, key, step)
        for digest in step.facts.get("evidence", ()):
            position = sum(known[:1] == key for known in rows["objection_evidence"]) + 1
            rows["objection_evidence"][*key, position] = {"digest": digest}
    return rows


def seals_expected(told: Iterable[tuple[str | None, Step]]) -> dict[tuple[Any, ...], str]:
    """The seal of each objection's person and grounds: the newest, since an upgrade encrypted what was there."""
    return {(step.facts["objection"],): step.facts["sealed"] for _, step in told if "sealed" in step.facts}


def rows_kept(year: int, name: str, columns: Sequence[Any]) -> Select[*tuple[Any, ...]]:
    """The query for the rows of one of these tables of a season."""
    table = SQLModel.metadata.tables[name]
    query = select(*columns)
    if name != "objection":
        query = query.select_from(table).join(Objection, Objection.id == table.c.objection)
    return query.where(Objection.season == year).order_by(*table.primary_key)


def unsealed(
    seals: Seals, rows: Iterable[dict[str, Any]], told: Iterable[tuple[str | None, Step]]
) -> Iterator[tuple[Any, ...]]:
    """Objections whose person or grounds are not what was sealed."""
    expected = seals_expected(told)
    for row in rows:
        words = (row[name] for name in _WORDS)
        if expected.get((row["id"],), "") != seals.sealed("objection", row["id"], *words)["sealed"]:
            yield "objection", row["id"], row["number"], "is not what was sealed: " + ", ".join(_WORDS)


def _raised(year: int, number: str | None, step: Step) -> dict[str, Any]:
    facts = step.facts
    return {
        "season": year,
        "number": number,
        "state": facts.get("to", ObjectionState.ACCEPTED.value),
        "kind": facts.get("kind"),
        "channel": facts.get("channel"),
        "received_on": date.fromisoformat(facts["received_on"]) if "received_on" in facts else None,
        "received_at": step.at,
        "due_at": datetime.fromisoformat(facts["due_at"]),
        "refusal": None,
        "answer": "",
        "reconsider_until": None,
        "settled_at": None,
    }


def _follow(rows: dict[str, Rows], key: tuple[Any, ...], step: Step) -> None:
    row, facts = rows["objection"][key], step.facts
    state = facts.get("to", ObjectionState.CLOSED.value)
    row["state"] = state
    if state in (ObjectionState.CLOSED, ObjectionState.NOT_ACCEPTED):
        row["settled_at"] = step.at
    if step.trigger == Trigger.DECLINE_OBJECTION:
        row |= {"refusal": facts["refusal"], "answer": step.reason}
    elif step.trigger in (Trigger.INVESTIGATE_OBJECTION, Trigger.RECONSIDER_OBJECTION):
        rows["objection_ruling"][*key, facts["ordinal"]] = _ruling(facts["investigator"], step, facts.get("asked_by"))
        if step.trigger == Trigger.RECONSIDER_OBJECTION:
            row |= {"due_at": datetime.fromisoformat(facts["due_at"]), "reconsider_until": None}
    elif step.trigger == Trigger.ANSWER_OBJECTION:
        until = facts.get("reconsider_until")
        row["reconsider_until"] = datetime.fromisoformat(until) if until else None
        if "result" not in facts:
            rows["objection_ruling"][*key, 1] = _ruling(step.officer, step, None)
        rows["objection_ruling"][*key, facts.get("ordinal", 1)] |= {
            "result": facts.get("result") or _EARLIER[facts["decision"]],
            "tier": facts.get("tier"),
            "answer": step.reason,
            "decided_at": step.at,
        }


def _ruling(investigator: str, step: Step, asked_by: str | None) -> dict[str, Any]:
    undecided = {"result": None, "tier": None, "answer": "", "decided_at": None}
    return {"investigator": investigator, "begun_at": step.at, "asked_by": asked_by, **undecided}

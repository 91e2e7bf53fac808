"""Holds what people wrote, who experts are and what came in against the seals that the record has of it.

What a record of an earlier version does not bind is no finding; `unproven` says it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from config.milestones import Milestone
from models import Contact, DeclaredConflict, Delivery, Expert, FollowUp, History, Placing, RecordText
from models.enums import CertificateState, Holder, Labelled, Trigger
from models.queries import planned_seasons
from states.audit.projection_of_call import Rows, Step, of, steps
from states.audit.projection_of_submissions import FORMS, forgotten
from states.history.canonical import call_subject
from states.history.read import entries_of, erased_seasons, told_by_deletions
from states.history.seals import Seals
from states.panel.pool import declared_by, is_forgotten, seal_of_contact, seal_of_identity
from states.rules.names import name_key
from states.submissions.delivery import DELIVERY_WORDS
from states.submissions.follow_up import seal_of_answer
from states.submissions.released import WITHHELD
from states.submissions.versions import called, reached

Found = Iterator[tuple[Any, ...]]
Row = dict[str, Any]
Parts = Mapping[str, list[Row]]  # of one submission, by table


def texts_borne(seals: Seals, entries: Iterable[Row]) -> set[str]:
    return {seal for entry in entries for seal in seals.texts_in(entry)}


def unlike_words(session: Session, year: int, seals: Seals, borne: set[str]) -> Found:
    """What people wrote against the seals that the entries bear of it."""
    rows = session.execute(select(RecordText.seal, RecordText.text).where(RecordText.season == year))
    kept = {row.seal: row.text for row in rows}
    for seal in sorted(borne | kept.keys()):
        if seal not in borne:
            yield "record_text", year, seal, "is in no chain"
        elif seal not in kept:
            yield "record_text", year, seal, "is gone"
        elif seals.seal_of_text(kept[seal]) != seal:
            yield "record_text", year, seal, "text"


# What the record seals of rows: the table, its key by number and facts, and the words.
_SEALED: dict[str, tuple[str, Callable[[int, str, dict[str, Any]], tuple[Any, ...]], tuple[str, ...]]] = {
    Trigger.RECUSE: ("recusal", lambda year, number, facts: (year, facts["expert"], number), ("reason",)),
    Trigger.ASK_CORRECTION: ("correction", lambda _, number, __: (number,), ("missing",)),
    Trigger.RECORD_SCORE: ("score", lambda _, number, facts: (number, facts["expert"], facts["round"]), ("comment",)),
    Trigger.RECORD_DISTRICT_REVIEW: ("district_verdict", lambda _, number, __: (number,), ("comment",)),
    Trigger.AMEND_VERDICT: ("district_verdict", lambda _, number, __: (number,), ("comment",)),
}


def unlike_sealed(seals: Seals, year: int, number: str, parts: Parts, told: Iterable[Step]) -> Found:
    """What people wrote about one submission against its seal, until it is deleted with the personal data."""
    sealed: dict[str, dict[tuple[Any, ...], str]] = {}
    for step in of(told, *_SEALED):
        name, key_of, _ = _SEALED[step.trigger]
        key = key_of(year, number, step.facts)
        # Who stepped back once has done so, whatever comes to light later.
        if "sealed" in step.facts and not (name == "recusal" and key in sealed.get(name, {})):
            sealed.setdefault(name, {})[key] = step.facts["sealed"]
    for name, _, words in {row[0]: row for row in _SEALED.values()}.values():
        if name in forgotten(told, "words"):
            continue
        table, known = SQLModel.metadata.tables[name], sealed.get(name, {})
        for row in parts[name]:
            key = tuple(row[column.name] for column in table.primary_key)
            if name == "correction" and key not in known and not seals.binds_rows:
                continue  # earlier versions did not bind what units wrote
            if known.get(key, "") != seals.sealed(name, *key, *(row[word] for word in words))["sealed"]:
                yield name, *key, number, "is not what was sealed: " + ", ".join(words)


def unlike_names(seals: Seals, number: str, parts: Parts, told: Iterable[Step]) -> Found:
    """Whom to reach about a submission, and what its files were called, against their seals, until they are deleted."""
    seal, files_gone = None, bool(forgotten(told, "positions"))
    for step in of(told, *FORMS, Trigger.ERASE_PERSON):
        if step.trigger == Trigger.ERASE_PERSON:
            seal = "" if step.facts.get("contact") else seal
            continue
        seal = step.facts.get("reached", seal)
        ordinal, names = step.facts["version"], sorted(parts["attachment"], key=itemgetter("position"))
        sealed_names = called(number, ordinal, (row["name"] for row in names if row["version"] == ordinal))
        if "called" in step.facts and not files_gone and seals.sealed(*sealed_names)["sealed"] != step.facts["called"]:
            yield "attachment", number, ordinal, "is not what was sealed: name"
    if seal is None:
        return  # as earlier versions kept it
    for row in parts["contact"] or [dict.fromkeys(("name", "phone", "mail"), None)]:
        words = reached(number, row)
        if seals.sealed(*words)["sealed"] != seal if seal else any(words[2:]):
            yield "contact", number, "is not what was sealed" if seal else "should be deleted"


def unlike_holders(seals: Seals, parts: Parts, told: Iterable[Step]) -> Found:
    """The names on certificates against their seals; with these gone, those in force against their holders' rows."""
    given = [certificate for step in of(told, Trigger.GIVE_CERTIFICATES) for certificate in step.facts["certificates"]]
    sealed = {certificate["ordinal"]: certificate.get("sealed", "") for certificate in given}
    nameless = forgotten(told, "certificates")
    names = {(holder.value, row["position"]): row["name"] for holder in Holder for row in parts[holder.value]}
    for row in parts["certificate"]:
        season, ordinal, name = row["season"], row["ordinal"], row["name"]
        if ordinal in nameless:
            right = name == ""
        elif seals.seals_persons:
            right = sealed.get(ordinal) == seals.sealed("certificate", season, ordinal, name)["sealed"]
        else:
            in_force = row["state"] == CertificateState.VALID.value
            left = names.get((row["holder"], row["position"]), "")
            right = not in_force or name == ("" if left == WITHHELD else left)
        if not right:
            yield "certificate", season, ordinal, row["number"], "name"


def unlike_deliveries(
    session: Session, year: int, seals: Seals, rows: Sequence[Row], call: Iterable[Step], erased: bool
) -> Found:
    """The names of files and the answers to them against their seals, or gone with the personal data."""
    sealed = {key: step.facts.get("sealed", "") for key, step in taken(call).items()}
    for _, facts in told_by_deletions(session, year):
        sealed |= {
            (masked["delivery"], masked["sender"]): masked["sealed"] for masked in seals.show(facts.get("masked", []))
        }
    for row in rows:
        key, words = (row["digest"], row["sender"]), [row[name] for name in DELIVERY_WORDS]
        if erased and words != ["", "[]", ""]:
            yield "delivery", *key, "should be deleted"
        elif not seals.seals_persons or key not in sealed:
            continue
        elif seals.sealed("delivery", *key, *words)["sealed"] != sealed[key]:
            yield "delivery", *key, "is not what was sealed: " + ", ".join(DELIVERY_WORDS)


def taken(call: Iterable[Step]) -> dict[tuple[str, str], Step]:
    """By digest and sender the last entry of each delivery: one that was admitted late is taken once more."""
    return {(step.facts["delivery"], step.facts["sender"]): step for step in of(call, Trigger.TAKE_DELIVERY)}


def deliveries(year: int, call: Iterable[Step]) -> Rows:
    """What the rows of deliveries must hold, by the entries of what came in."""
    return {
        key: {
            "season": year,
            "arrived_at": datetime.fromisoformat(step.facts["arrived_at"]),
            "taken_at": step.at,
            **{name: step.facts[name] for name in ("kind", "state", "rows_in", "rows_back", "handed_in_by")},
        }
        for key, step in taken(call).items()
    }


def unlike_sentences(session: Session, year: int, seals: Seals, call: Iterable[Step]) -> Found:
    """How a tie was settled and how the panel voted, in words, against the seals of both."""
    bound: dict[str, dict[str, str]] = {}
    for step in of(call, Trigger.FREEZE_RANKING, Trigger.CLOSE_VOTES):
        if "sentences" in step.facts:
            if step.trigger == Trigger.FREEZE_RANKING:
                bound = {"voted": {}}
            bound["settled" if step.trigger == Trigger.FREEZE_RANKING else "voted"] = step.facts["sentences"]
    for placing in session.scalars(
        select(Placing).where(Placing.season == year).execution_options(populate_existing=True)
    ):
        for name, sealed in bound.items():
            words = getattr(placing, name)
            if sealed.get(placing.number, "") != (seals.seal_of_sentence(placing.number, words) if words else ""):
                yield "placing", placing.number, name


def follow_ups(call: Iterable[Step], told: Mapping[str, Sequence[Step]]) -> Rows:
    """What the rows of follow-ups must hold, by the entries of the stage that asked and of what was answered."""
    asked = {number: step.at for step in asking(call) for number in step.facts["asked_about"]}
    answered = {number: came[-1].at for number, own in told.items() if (came := [*of(own, Trigger.RECORD_FOLLOW_UP)])}
    return {
        (number,): {"answered_at": answered.get(number), **({"asked_at": asked[number]} if number in asked else {})}
        for number in asked.keys() | answered.keys()
    }


def asking(call: Iterable[Step]) -> list[Step]:
    """The entries that say about which awards the units were asked; those of earlier versions say how many."""
    return [step for step in of(call, Trigger.SETTLE_MILESTONE) if "asked_about" in step.facts]


# The entries of a submission that may bind the words of what became of its award.
ANSWERING = (Trigger.RECORD_FOLLOW_UP, Trigger.ERASE_PERSON, Trigger.WITHDRAW_CONSENT)


def unlike_answers(
    session: Session, year: int, seals: Seals, call: Iterable[Step], told: Mapping[str, Sequence[Step]]
) -> Found:
    """What became of awards, in words, against the newest seal of it; after the deletion of what is left of it."""
    deletion = [*of(call, Trigger.ERASE_PERSONAL_DATA)][-1:]
    query = select(FollowUp).where(FollowUp.number.startswith(f"{year}-")).order_by(FollowUp.number)
    for row in session.scalars(query.execution_options(populate_existing=True)):
        own = told.get(row.number, ())
        if not [*of(own, Trigger.RECORD_FOLLOW_UP)]:
            if row.adoption:
                yield "follow_up", row.number, "is in no chain"
            continue
        bound = [(step.at, step.facts["answer"]) for step in own if "answer" in step.facts]
        left = [(step.at, step.facts["answers"].get(row.number, "")) for step in deletion if "answers" in step.facts]
        if not bound:  # as earlier versions kept it
            continue
        newest = max(bound[-1:] + left, key=itemgetter(0))[1]
        found = seal_of_answer(session, seals, row.number)["answer"] if row.adoption or newest else ""
        if found != newest:
            yield "follow_up", row.number, "is not what was sealed: adoption, and what its pictures show"


def unlike_declared(session: Session, year: int, seals: Seals, call: Iterable[Step], erased: bool) -> Found:
    """What experts declared for a season against the newest seals of it, or gone with the personal data."""
    told = [(step.at, step.facts["declared"]) for step in of(call, *_OF_POOL) if "declared" in step.facts]
    if erased:
        declaring = select(DeclaredConflict.expert).where(DeclaredConflict.season == year).distinct()
        yield from (("declared_conflict", year, expert, "should be deleted") for expert in session.scalars(declaring))
    if erased or not told or not seals.seals_persons:
        return
    sealed = told[-1][1]
    for at, facts in told_by_deletions(session, year):
        if datetime.fromisoformat(at) > told[-1][0]:
            sealed = {**sealed, **seals.show(facts.get("declared", {}))}
    kept, gone = declared_by(session, seals, year), forgotten_experts(session)
    for expert in sorted(kept.keys() | sealed.keys()):
        if sealed.get(expert, "") != kept.get(expert, "") and (expert in kept or expert not in gone):
            yield "declared_conflict", year, expert, "is not what was sealed: key, declared_at"


_OF_POOL = (Trigger.IMPORT_EXPERTS, Trigger.FREEZE_POOL)


def unlike_experts(session: Session) -> Found:
    """Who is in the pool, with what they signed and how they are reached, against the newest entry of any season."""
    newest = _newest_pool(session)
    if newest is None:
        return
    since, seals, facts = newest
    query = select(Expert).order_by(Expert.id).execution_options(populate_existing=True)
    experts = {expert.id: expert for expert in session.scalars(query)}
    deleted, gone = bool(erased_seasons(session)), forgotten_experts(session)
    for known in sorted(experts.keys() | facts["identities"].keys()):
        expert = experts.get(known)
        if expert is None or known not in facts["identities"]:
            yield "expert", known, "is gone" if expert is None else "is in no chain"
            continue
        if gone.get(known, since) > since:
            if not is_forgotten(expert):
                yield "expert", known, "should be deleted"
            continue
        if seal_of_identity(seals, expert) != facts["identities"][known]:
            yield "expert", known, "is not what was sealed: who they are, or what they signed"
        if (expert.name_key, expert.organisation_key) != (name_key(expert.name), name_key(expert.organisation)):
            yield "expert", known, "name_key or organisation_key"
        # With a season's personal data go the contacts of those whom no later one needs.
        unreached = deleted and (expert.phone, expert.mail) == ("", "")
        if seals.seals_persons and not unreached and seal_of_contact(seals, expert) != facts["reached"][known]:
            yield "expert", known, "is not what was sealed: phone, mail"


def forgotten_experts(session: Session) -> dict[str, datetime]:
    """Who was deleted from the pool, on schedule or at their request, and when last."""
    gone: dict[str, datetime] = {}
    for year in planned_seasons(session):
        seals = Seals(session, year)
        entries = entries_of(session, call_subject(year), (Trigger.ERASE_PERSON, Trigger.ERASE_PERSONAL_DATA))
        for step in steps(entries, seals.show):
            told = step.facts.get("experts", []) + [step.facts[name] for name in ("expert",) if name in step.facts]
            gone |= {expert: max(step.at, gone.get(expert, step.at)) for expert in told}
    return gone


def _newest_pool(session: Session) -> tuple[datetime, Seals, dict[str, Any]] | None:
    newest: tuple[datetime, Seals, dict[str, Any]] | None = None
    for year in planned_seasons(session):
        seals = Seals(session, year)
        for step in steps(entries_of(session, call_subject(year), _OF_POOL), seals.show):
            if "identities" in step.facts and (newest is None or step.at >= newest[0]):
                newest = step.at, seals, step.facts
    return newest


class Gap(Labelled):
    """What the record of a season that was begun by an earlier version does not prove."""

    REACHED = "whom to reach about submissions, and what their files were called", "联系人是谁、附件叫什么"
    SIGNED = "when panel members signed the statement", "评委何时签署承诺书"
    ASKED = "about which awards the units were asked a year later", "成果转化跟踪问了哪些获奖项目"
    DELIVERIES = "when deliveries arrived and what became of them", "各份报送何时送达、如何处理"
    EXPERTS = "who the experts are, what they signed and declared", "专家是谁、签署和申报了什么"
    SENTENCES = "the sentences on settled ties and votes", "并列处理和表决的说明文字"
    ANSWERS = "the words on what became of awards", "成果转化情况的文字"
    WORDS = "comments, reasons to step back, objectors and their grounds", "评语、回避理由、异议人和异议理由"
    SENT_BACK = "what units wrote when they sent something back", "单位退回补正时写的内容"


def unproven(session: Session, year: int) -> list[Gap]:
    """What the record of a season does not prove, since an earlier version wrote that part of it."""
    seals = Seals(session, year)
    listed = (Trigger.FREEZE_RANKING, Trigger.CLOSE_VOTES)
    wanted = (Trigger.TAKE_DELIVERY, Trigger.SETTLE_MILESTONE, Trigger.DRAW_PANEL, *listed)
    call = steps(entries_of(session, call_subject(year), wanted), seals.show)
    settled = {step.facts.get("milestone", "").partition("/")[0] for step in of(call, Trigger.SETTLE_MILESTONE)}
    unsealed = select(History.sequence).where(
        History.season == year, History.trigger.in_(FORMS), History.facts.not_like('%"reached":"%')
    )
    here = select(Contact.number).where(Contact.number.startswith(f"{year}-"))
    lacking = {
        Gap.REACHED: all(session.scalar(query.limit(1)) is not None for query in (here, unsealed)),
        Gap.SIGNED: any("signed" not in step.facts for step in of(call, Trigger.DRAW_PANEL)),
        Gap.ASKED: Milestone.FOLLOW_UP in settled and not asking(call),
    }
    if not seals.binds_rows:
        came = select(func.count()).where(Delivery.season == year)
        answered = select(func.count()).where(
            History.season == year,
            History.trigger == Trigger.RECORD_FOLLOW_UP,
            History.facts.not_like('%"answer":"%'),
        )
        lacking |= {
            Gap.DELIVERIES: (session.scalar(came) or 0) > len(taken(call)),
            Gap.EXPERTS: _newest_pool(session) is None and session.scalar(select(Expert.id).limit(1)) is not None,
            Gap.SENTENCES: any("sentences" not in step.facts for step in of(call, *listed)),
            Gap.ANSWERS: bool(session.scalar(answered)),
            Gap.WORDS: not seals.key,
            Gap.SENT_BACK: True,
        }
    return [gap for gap, is_lacking in lacking.items() if is_lacking]

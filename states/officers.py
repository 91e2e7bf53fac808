"""Who may act: the officers that the season file names, its units, experts of the pool; and what each role may note.

The writer of the record asks `refuse_unknown` of every entry, whatever caused it: nobody without a name, nobody unknown,
and nobody in a role that is not to say this. Where an entry moves something, the machine's edge has judged the role.
"""

from functools import lru_cache
from typing import NamedTuple

from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.season import Season
from models import Call, Expert, Submission
from models.enums import Role, Trigger
from states.machine import Actor


class NotAnOfficer(GangchuangError):
    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.chinese = f"“{name}”不是本年度的经办人（经办人：{'、'.join(known)}）。没有任何改动。"
        super().__init__(
            f"{name!r} is no officer of this season. Officers: {', '.join(known)} (season file, [office])."
        )


class DecisionRefused(GangchuangError):
    """`reason` is what operators read after the subject; `chinese`, what the office does."""

    def __init__(self, subject: str, reason: str, chinese: str) -> None:
        self.subject, self.chinese = subject, f"{chinese}。没有任何改动。"
        super().__init__(f"{subject}: {reason}. Nothing was changed.")


def officer(season: Season, name: str) -> Actor:
    """The acting person, who must be an account of the season's office. Raises NotAnOfficer."""
    if name not in season.office.officers:
        raise NotAnOfficer(name, season.office.officers)
    return Actor(Role.OFFICE, name)


def investigators(season: Season) -> tuple[str, ...]:
    """Who may look into objections."""
    return (*season.office.officers, *(person.name for person in season.objections.investigators))


def investigator(season: Season, name: str) -> Actor:
    """The acting person, who must be an officer or one of those who may look into objections. Raises NotAnOfficer."""
    if name not in investigators(season):
        raise NotAnOfficer(name, investigators(season))
    return Actor(Role.OFFICE, name)


class MayNotAct(GangchuangError):
    """An entry in the name of somebody whom the season does not know, or who is not to say this: nothing is written."""

    def __init__(self, actor: Actor, reason: str, chinese: str) -> None:
        self.chinese = f"{chinese}。没有任何改动。"
        super().__init__(f"{actor}: {reason}. Nothing was recorded.")


_BY_DATE = (Role.OFFICE, Role.SYSTEM)
_PEOPLE = (Role.APPLICANT, Role.DISTRICT, Role.EXPERT)
_SENDERS = (Role.DISTRICT, Role.EXPERT, Role.OFFICE)
# Decisions that an officer answers for by name; not the office's inbox, nor who only looks into objections.
DECIDED_BY_OFFICERS = (
    Trigger.IMPORT_BY_HAND,
    Trigger.CORRECT_ADDRESS,
    Trigger.ADMIT_LATE,
    Trigger.ADMIT_MAIL,
    Trigger.DISMISS_MAIL,
    Trigger.REISSUE_LINK,
    Trigger.REISSUE_WORKBOOK,
    Trigger.ENTER_RANDOMNESS,
    Trigger.APPROVE,
    Trigger.SEND_BACK,
    Trigger.ERASE_PERSON,
    Trigger.PUT_BACK_RELEASE,
    Trigger.DECIDE_DUPLICATE,
    Trigger.STRIKE,
)
# Whose word each entry that moves nothing can be; what is not listed comes by a date, or from an officer before it.
_NOTED_BY: dict[Trigger, tuple[Role, ...]] = {
    **dict.fromkeys(DECIDED_BY_OFFICERS, (Role.OFFICE,)),
    **dict.fromkeys((Trigger.IMPORT_EXPERTS, Trigger.CORRECT_NAME, Trigger.SHOW_OBJECTOR), (Role.OFFICE,)),
    Trigger.OPEN_LINK: _PEOPLE,
    Trigger.SIGN_STATEMENT: (Role.EXPERT,),
    Trigger.RECORD_SCORE: _SENDERS,
    Trigger.RECORD_VOTES: _SENDERS,
    Trigger.RECUSE: (*_BY_DATE, Role.EXPERT),
    **dict.fromkeys(
        (
            *(Trigger.AMEND, Trigger.AMEND_VERDICT, Trigger.SHIFT_RANK, Trigger.ASK_CORRECTION),
            *(Trigger.RECORD_FOLLOW_UP, Trigger.RECORD_PRACTICE, Trigger.WITHHOLD_PRACTICE, Trigger.WITHDRAW_CONSENT),
        ),
        (*_BY_DATE, Role.DISTRICT, Role.APPLICANT),
    ),
}
_INBOX = "office"  # the office's own workbooks come in under its folder's name


def may_note(trigger: Trigger) -> tuple[Role, ...]:
    """The roles whose word an entry that moves nothing can be."""
    return _NOTED_BY.get(trigger, _BY_DATE)


class _Known(NamedTuple):
    officers: tuple[str, ...]
    investigators: tuple[str, ...]
    units: frozenset[str]


@lru_cache(maxsize=8)
def _known(rules: str) -> _Known:
    season = Season.model_validate_json(rules)
    return _Known(season.office.officers, investigators(season), frozenset(unit.code for unit in season.units()))


def require_reason(subject: str, reason: str) -> None:
    """Raises DecisionRefused: what an officer decides has a reason, which stays in the record."""
    if not reason.strip():
        raise DecisionRefused(subject, "a reason is needed", "须写明理由")


def refuse_unknown(
    session: Session, year: int, trigger: Trigger, actor: Actor, *, moves: bool, rules: str = ""
) -> None:
    """Raises MayNotAct where an entry would bear a name that this season does not know, or a role that cannot say it.

    `moves`: a machine has judged the role; `rules`: those of a season that is being planned.
    """
    if not actor.name.strip() or actor.name != actor.name.strip():
        raise MayNotAct(actor, "whoever acts has a name", "须写明经办人")
    if not moves and actor.role not in may_note(trigger):
        allowed = ", ".join(may_note(trigger))
        raise MayNotAct(actor, f"{trigger} is the word of {allowed} only", f"{actor.role.label}无权进行此操作")
    if actor.role in (Role.SYSTEM, Role.PANEL):
        return
    known = _known(rules or session.get_one(Call, year).rules)
    if actor.role is Role.OFFICE:
        named = known.officers if trigger in DECIDED_BY_OFFICERS else (*known.investigators, _INBOX)
        found = actor.name in named
    elif actor.role is Role.DISTRICT:
        found = actor.name in known.units
    else:
        found = session.get(Expert if actor.role is Role.EXPERT else Submission, actor.name) is not None
    if not found:
        raise MayNotAct(
            actor, f"this season knows nobody of that name who may {trigger}", f"本年度没有“{actor.name}”这一经办人"
        )

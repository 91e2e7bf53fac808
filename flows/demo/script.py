"""What people do in a season, and when: the scenes of the demo in the order of time. Pure.

A scene names what is done, to whom, by whom and why; how it is done (a file into the inbox, a
deployment's form) is the pilot's part.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import cycle
from random import Random
from types import MappingProxyType
from typing import Any

from config.milestones import Milestone
from flows.demo.cast import Cast
from flows.demo.sent_workbooks import Waves, day_of, deliveries_of
from states.timeline import notice_closes_at


class Deed(StrEnum):
    """What somebody does."""

    SEND_SUBMISSIONS = "send_submissions"
    MOVE_DATE = "move_date"
    ADMIT_LATE = "admit_late"
    SETTLE_DUPLICATE = "settle_duplicate"
    WITHDRAW = "withdraw"
    REINSTATE = "reinstate"
    ASK_CORRECTION = "ask_correction"
    SEND_CORRECTION = "send_correction"
    SEND_VERDICTS = "send_verdicts"
    SEND_EXPERTS = "send_experts"
    SEND_SCORES = "send_scores"
    REPLACE_EXPERT = "replace_expert"
    APPROVE = "approve"
    OBJECT = "object"
    ACCEPT_OBJECTION = "accept_objection"
    INVESTIGATE_OBJECTION = "investigate_objection"
    ANSWER_OBJECTION = "answer_objection"
    RECONSIDER = "reconsider_for_unit"
    CORRECT_NAME = "correct_name"
    REVOKE = "revoke"
    WITHDRAW_CONSENT = "withdraw_consent"
    SEND_PRACTICE = "send_practice"
    WITHHOLD_PRACTICE = "withhold_practice"
    SEND_FOLLOW_UP = "send_follow_up"


@dataclass(frozen=True)
class Scene:
    """One deed: `subject` is a unit's code, a submission's key or a share of the experts (first, everybody)."""

    at: datetime
    deed: Deed
    subject: str = ""
    officer: str = ""
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def key(self) -> str:
        """Names the scene within its season."""
        return "/".join(filter(None, (f"{self.at:%Y%m%dT%H%M}", self.deed.value, self.subject)))


def script_of(cast: Cast) -> list[Scene]:
    """All scenes of a season; those of one instant in the order in which they are to be done."""
    parts = (_call, _district_round, _eligibility, _final_round, _approval, _public_notice, _awards, _afterwards)
    return sorted((scene for part in parts for scene in part(cast)), key=lambda scene: scene.at)


def _officers(cast: Cast) -> Iterator[str]:
    return cycle(cast.season.office.officers)


def _call(cast: Cast) -> Iterator[Scene]:
    plot, waves, officer = cast.plot, Waves.of(cast.season), _officers(cast)
    for delivery in deliveries_of(cast):
        yield Scene(delivery.at, Deed.SEND_SUBMISSIONS, delivery.unit, details={"delivery": delivery})
    yield Scene(
        waves.moved,
        Deed.MOVE_DATE,
        plot.extended_unit,
        next(officer),
        "区县来函：办公楼停电检修，申请顺延",
        {"milestone": Milestone.CLOSE_CALL.value, "to": waves.extended_deadline},
    )
    after = day_of(cast.season.dates.close_call, 7, 11)
    yield Scene(after, Deed.ADMIT_LATE, plot.admitted_unit, next(officer), "报送当晚区县网络中断，有运营商证明")
    yield Scene(
        after,
        Deed.SETTLE_DUPLICATE,
        plot.near_same.second,
        next(officer),
        "与先报送的申报为同一成果",
        {"other": plot.near_same.first, "same": True},
    )
    yield Scene(
        after,
        Deed.SETTLE_DUPLICATE,
        plot.near_distinct.second,
        next(officer),
        "机构不同，属两项成果",
        {"other": plot.near_distinct.first, "same": False},
    )
    yield Scene(after, Deed.WITHDRAW, plot.withdrawn_submitted, reason="成果归属有待单位内部确认，主动撤回")
    yield Scene(after, Deed.WITHDRAW, plot.reinstated_submitted, reason="误操作撤回")
    yield Scene(after, Deed.REINSTATE, plot.reinstated_submitted, next(officer), "区县来函说明撤回系误操作")
    yield Scene(after, Deed.ASK_CORRECTION, plot.lapsed_submitted, next(officer), "缺完成人单位盖章的证明")


def _district_round(cast: Cast) -> Iterator[Scene]:
    """Verdicts in three shares; the unit that recommends too many sends again on the last day but one."""
    closes, plot = cast.season.dates.close_district_round, cast.plot
    times = [day_of(closes, days) for days in (-14, -4, -1)]
    rng = Random(f"verdicts/{cast.seed}")
    for unit in cast.units:
        first = unit.code == plot.over_quota_unit
        at = times[1] if first else rng.choices(times, weights=(3, 3, 2))[0]
        yield Scene(at, Deed.SEND_VERDICTS, unit.code, details={"beyond_quota": first})
        if first:
            yield Scene(times[2], Deed.SEND_VERDICTS, unit.code, details={"beyond_quota": False})


def _eligibility(cast: Cast) -> Iterator[Scene]:
    """Credit codes are missing: the check asks for them by itself, and only one of two units answers."""
    plot, officer, begins = cast.plot, _officers(cast), cast.season.dates.check_eligibility
    asked = day_of(begins, 1)
    yield Scene(asked, Deed.WITHDRAW, plot.withdrawn_reviewed, reason="拟申请专利，主动撤回")
    yield Scene(asked, Deed.WITHDRAW, plot.reinstated_reviewed, reason="误将另一项的撤回填到本项")
    yield Scene(asked, Deed.REINSTATE, plot.reinstated_reviewed, next(officer), "区县来函更正撤回的编号")
    yield Scene(day_of(begins, 3), Deed.SEND_CORRECTION, plot.corrected)
    yield Scene(day_of(cast.season.dates.close_eligibility, 2), Deed.SEND_EXPERTS)


def _final_round(cast: Cast) -> Iterator[Scene]:
    """Scores in two shares; one expert never delivers and is replaced, and whoever steps in scores.

    The last share scores once more what a cut could not tell apart.
    """
    dates, officer = cast.season.dates, _officers(cast)
    closes = dates.close_final_round
    yield Scene(day_of(closes, -14), Deed.SEND_SCORES, "first")
    yield Scene(day_of(closes, -4), Deed.SEND_SCORES, "everybody")
    yield Scene(day_of(closes, -3), Deed.REPLACE_EXPERT, "", next(officer), "多次催办未交，改由候补专家评审")
    yield Scene(closes - timedelta(hours=4), Deed.SEND_SCORES, "everybody")
    yield Scene(day_of(dates.close_re_review, -2), Deed.SEND_SCORES, "everybody")


def _approval(cast: Cast) -> Iterator[Scene]:
    plot, officer = cast.plot, _officers(cast)
    decides = day_of(cast.season.dates.open_public_notice, -3, 14)
    before = decides - timedelta(hours=4)
    yield Scene(before, Deed.WITHDRAW, plot.withdrawn_final, reason="完成人意见不一致，主动撤回")
    yield Scene(before, Deed.WITHDRAW, plot.reinstated_final, reason="误操作撤回")
    yield Scene(before, Deed.REINSTATE, plot.reinstated_final, next(officer), "区县来函说明撤回系误操作")
    reason = "经会议审定；移出的一项主要数据与单位台账不符"
    yield Scene(decides, Deed.APPROVE, "", next(officer), reason, {"struck": plot.struck})


def _public_notice(cast: Cast) -> Iterator[Scene]:
    """Three objections in time, one without a name; two are looked into and answered after the notice, one upheld."""
    opens, plot, officer = cast.season.dates.open_public_notice, cast.plot, _officers(cast)
    named, unnamed = {"objector": "示例·陈情", "contact": "电话000-00009999"}, {"objector": "", "contact": ""}
    ownership, facts = {"kind": "权属与完成人", **named}, {"kind": "事实与材料", **named}
    posted, answered = day_of(opens, 2), day_of(notice_closes_at(cast.season, opens), 5)
    investigator = cast.season.objections.investigators[0].name
    yield Scene(posted, Deed.OBJECT, plot.objection_upheld, "", "该成果主要由外单位完成，附技术合同", ownership)
    yield Scene(posted, Deed.OBJECT, plot.objection_dismissed, "", "成果完成时间早于征集范围", facts)
    yield Scene(posted, Deed.OBJECT, plot.revoked_awarded, "", "没有署名的来信", {"kind": "程序", **unnamed})
    for key in (plot.objection_upheld, plot.objection_dismissed):
        yield Scene(day_of(opens, 3), Deed.ACCEPT_OBJECTION, key, next(officer), "书面、实名、在公示期内")
        looking = {"investigator": investigator}
        yield Scene(day_of(opens, 3), Deed.INVESTIGATE_OBJECTION, key, next(officer), "请核查", looking)
    for key, upheld, answer in (
        (plot.objection_dismissed, False, "经查，验收报告日期在征集范围内，异议不成立"),
        (plot.objection_upheld, True, "经查情况属实，取消拟获奖资格"),
    ):
        yield Scene(answered, Deed.ANSWER_OBJECTION, key, investigator, answer, {"upheld": upheld})


def _awards(cast: Cast) -> Iterator[Scene]:
    """One award is taken away, one by mistake, one after it was archived; a person wants to be named no more, one rightly.

    An objection to an award takes it away; the unit asks for the reconsideration, which gives it back in another tier.
    """
    dates, plot, officer = cast.season.dates, cast.plot, _officers(cast)
    revoked = day_of(dates.publish_results, 8)
    restored, found_out = revoked + timedelta(days=5), day_of(dates.archive, 14)
    yield Scene(revoked, Deed.REVOKE, plot.revoked_awarded, next(officer), "成果权属存在争议，单位来函放弃获奖")
    yield Scene(revoked, Deed.REVOKE, plot.reinstated_awarded, next(officer), "收到举报，先行撤销")
    people = cast.entries[plot.objection_dismissed].form.contributors
    named = next((place for place, person in enumerate(people, start=1) if person.consent), None)
    taken_back = {"other": f"完成人{named}" if named else "成果内容"}
    yield Scene(revoked, Deed.WITHDRAW_CONSENT, plot.objection_dismissed, next(officer), "来函撤回公开同意", taken_back)
    yield Scene(restored, Deed.REINSTATE, plot.reinstated_awarded, next(officer), "经复核举报不实，恢复获奖")
    yield from _objection_to_an_award(cast, revoked, restored, found_out)
    yield Scene(found_out, Deed.REVOKE, plot.revoked_archived, next(officer), "归档后查实材料失实")


def _objection_to_an_award(cast: Cast, at: datetime, answered: datetime, again: datetime) -> Iterator[Scene]:
    key, officer = cast.plot.tier_changed, _officers(cast)
    first, second = (one.name for one in cast.season.objections.investigators[:2])
    name = cast.entries[key].form.contributors[0].name
    yield Scene(
        at, Deed.CORRECT_NAME, key, next(officer), "身份证件所载姓名有误，已更正", {"place": 1, "right": f"{name}更"}
    )
    letter = {"kind": "事实与材料", "objector": "示例·陈情", "contact": "电话000-00009999"}
    yield Scene(at, Deed.OBJECT, key, "", "经济效益数据与财务报表不符", letter)
    yield Scene(at, Deed.ACCEPT_OBJECTION, key, next(officer), "书面、实名，涉及已获奖的项目")
    yield Scene(at, Deed.INVESTIGATE_OBJECTION, key, next(officer), "请核查", {"investigator": first})
    yield Scene(answered, Deed.ANSWER_OBJECTION, key, first, "数据不实，撤销获奖", {"upheld": True})
    asked = {"investigator": second}
    yield Scene(answered, Deed.RECONSIDER, key, next(officer), "单位补充了审计报告，要求复核", asked)
    given = {"upheld": True, "another_tier": True, "ordinal": 2}
    yield Scene(again, Deed.ANSWER_OBJECTION, key, second, "部分数据经审计属实，恢复获奖并调整等次", given)


def _afterwards(cast: Cast) -> Iterator[Scene]:
    """Most units report good practice, one report is withheld; a year later most say what became of their awards."""
    dates = cast.season.dates
    if dates.open_practice is not None and dates.close_practice is not None:
        for place, unit in enumerate(cast.units):
            if place % 4 != 3:
                yield Scene(day_of(dates.open_practice, 7), Deed.SEND_PRACTICE, unit.code, details={"place": place})
        withheld, officer = cast.units[0].code, cast.season.office.officers[0]
        at = day_of(dates.close_practice, 4)
        yield Scene(at, Deed.WITHHOLD_PRACTICE, withheld, officer, "单位来函：做法仍在完善，暂不公开")
    for unit in cast.units:
        yield Scene(day_of(dates.follow_up, 5), Deed.SEND_FOLLOW_UP, unit.code)

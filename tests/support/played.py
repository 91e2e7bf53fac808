"""A small season played to its end through the real stages and workbooks, with everything in it that decides.

Withdrawn and reinstated, a late delivery admitted, a correction answered and one lapsed, a near
duplicate, verdicts amended, an expert who steps back, one who leaves, a tie settled by re-review,
a line struck, objections dismissed and upheld, a winner without consent.
"""

import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import Any

from PIL import Image
from sqlalchemy import select

from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season
from flows import (
    archive,
    check_eligibility,
    close_call,
    close_district_round,
    close_eligibility,
    close_final_round,
    close_practice,
    close_public_notice,
    close_re_review,
    close_season,
    close_votes,
    draw_panel,
    follow_up,
    objections,
    open_call,
    open_practice,
    open_public_notice,
    publish_results,
    tend_objections,
    write_report,
)
from flows.collect import collecting
from flows.decide import TAKEN
from flows.decisions import Decision
from flows.deliver_messages import delivering
from flows.demo.people import credit_code
from flows.home import paths
from flows.kinds.scores import replace_lost_experts
from flows.run import Ending, Run
from flows.workbooks.writer.filling import submission_row
from models import Assignment, Delivery, Objection
from models.enums import AssignmentState, DeliveryState, Role, WorkbookKind
from models.forms import ContactForm, ContributorForm, OrganisationForm, PictureForm, SubmissionForm
from states.final_round.approval import approve, list_digest, placings, send_back
from states.machine import Act, Actor
from states.panel.recusals import recuse
from states.panel.replacements import give_up_seat
from states.submissions.admission import admit_late
from states.submissions.duplicates import decide_duplicate
from states.submissions.reinstatement import reinstate
from states.submissions.settle import withdraw
from states.timeline import move_date, plan_season, reopen_ranking
from tests.support.builders import OFFICE, a_form, season_rules, with_votes
from tests.support.objections import INVESTIGATOR
from tests.support.playing import Player, points

M = Milestone
SECOND = timedelta(seconds=1)
ONE, TWO, THREE, LATE = "500101", "500103", "500107", "500108"
TWINS = ("示例车间自动送料装置节能改进一号", "示例车间自动送料装置节能改进二号")
PHONE = "13800000000"
SCORES = {
    f"2026-{ONE}-0001": 95,
    f"2026-{ONE}-0002": 90,
    f"2026-{ONE}-0003": 85,
    f"2026-{TWO}-0002": 80,
    f"2026-{TWO}-0001": 80,
    f"2026-{LATE}-0001": 60,
}
BEST, UPHELD, STRUCK, HIDDEN, TIED, LAST = SCORES


def small_rules() -> Season:
    """The shipped season with a panel of five, four prizes."""
    season = season_rules()
    tiers = season.final_round.tiers.model_copy(update={"prizes": None, "sizes": {"first": 1, "second": 1, "third": 2}})
    changes = {"scores_per_submission": 3, "panel_size": 5, "panel_per_field": 1, "reserves": 2, "tiers": tiers}
    season = season.model_copy(update={"final_round": season.final_round.model_copy(update=changes)})
    return with_votes(season, secret=True)


def play_season(player: Player) -> None:
    """From the plan to the closed season, every letter sent."""
    rules = small_rules()
    player.at(rules.dates.open_call - timedelta(days=10))
    with player.writing() as session:
        plan_season(session, rules, Act(OFFICE, player.settings.clock.now()))
    _pass(player, M.OPEN_CALL, open_call.opening)
    _submissions(player)
    _verdicts(player)
    _corrections(player)
    _final_round(player)
    _ranking(player)
    _notice(player)
    player.play("deliver_messages", delivering)


def _submissions(player: Player) -> None:
    player.at(player.season.dates.open_call + timedelta(days=5))
    first = [good("示例·万州甲", 1), good("示例·万州乙", 2), good(TWINS[0], 3), good(TWINS[1], 4)]
    player.deliver(ONE, WorkbookKind.SUBMISSIONS, map(submission_row, first))
    second = [good("示例·渝中甲", 11), flawed("示例·渝中乙"), flawed("示例·渝中丙"), good("示例·渝中丁", 14)]
    player.deliver(TWO, WorkbookKind.SUBMISSIONS, map(submission_row, second))
    player.deliver(THREE, WorkbookKind.SUBMISSIONS, [submission_row(good("示例·九龙坡甲", 21))])
    _collect(player)
    amended = good("示例·万州甲", 1).model_copy(update={"number": BEST, "spread": "示例：已在三家推广"})
    picture = PictureForm(name="照片.png", alt="示例装置运行的情形", portrait=False, consent=True)
    _deliver_with_proof(player, amended.model_copy(update={"attachments": ("证明.pdf",), "pictures": (picture,)}))
    _collect(player)
    withdrawn = f"2026-{THREE}-0001"
    with player.writing() as session:
        at = player.settings.clock.now()
        withdraw(session, withdrawn, Act(OFFICE, at), reason="单位申请")
        reinstate(session, withdrawn, Act(OFFICE, at), reason="单位撤回申请")
        moved = player.season.dates.close_district_round + timedelta(hours=1)
        how = {"reason": "会议推迟", "act": Act(OFFICE, at)}
        move_date(session, 2026, M.CLOSE_DISTRICT_ROUND, to=moved, unit=THREE, **how)
    _pass(player, M.CLOSE_CALL, close_call.closing)
    player.at(player.season.dates.close_call + SECOND)
    player.deliver(LATE, WorkbookKind.SUBMISSIONS, [submission_row(good("示例·迟到甲", 31))])
    _collect(player)
    with player.writing() as session:
        refused = session.scalars(select(Delivery).where(Delivery.state == DeliveryState.REFUSED)).one()
        admit_late(session, 2026, refused.digest, Act(OFFICE, player.settings.clock.now()), reason="系统故障")
    lies = paths.taken(player.settings, 2026, LATE, refused.digest, refused.file_name)
    (player.inbox(LATE) / "迟到.xlsx").write_bytes(lies.read_bytes())
    _collect(player)
    with player.writing() as session:
        twins = (f"2026-{ONE}-0003", f"2026-{ONE}-0004")
        how = {"act": Act(OFFICE, player.settings.clock.now()), "reason": "同一装置"}
        decide_duplicate(session, *twins, same=True, **how)


def _deliver_with_proof(player: Player, form: SubmissionForm) -> None:
    """A package: the workbook with one row, and the files that it names."""
    workbook = player.deliver(ONE, WorkbookKind.SUBMISSIONS, [submission_row(form)], name="修改.xlsx")
    with zipfile.ZipFile(workbook.with_name("修改.zip"), "w") as package:
        package.write(workbook, "修改.xlsx")
        package.writestr("证明.pdf", f"%PDF-1.4 {PHONE}")
        package.writestr("照片.png", a_picture())
    workbook.unlink()


def _verdicts(player: Player) -> None:
    def sheet(unit: str, totals: Mapping[int, int], name: str = "") -> None:
        rows = [
            {
                "申报编号": f"2026-{unit}-{place:04d}",
                "初评结论": "推荐" if total >= 60 else "不推荐",
                **points(player.season, total),
                "评语": "示例意见",
            }
            for place, total in totals.items()
        ]
        player.deliver(unit, WorkbookKind.VERDICTS, rows, name=name)
        _collect(player)

    sheet(ONE, {1: 90, 2: 80, 3: 70, 4: 65})
    sheet(ONE, {2: 95}, "初评修改.xlsx")
    sheet(TWO, {1: 90, 2: 85, 3: 80, 4: 40})
    sheet(LATE, {1: 75})
    _pass(player, M.CLOSE_DISTRICT_ROUND, close_district_round.closing)
    _pass(player, M.CLOSE_DISTRICT_ROUND, close_district_round.closing, unit=THREE)


def _corrections(player: Player) -> None:
    _pass(player, M.CHECK_ELIGIBILITY, check_eligibility.checking)
    number = f"2026-{TWO}-0002"
    corrected = good("示例·渝中乙", 12)
    silent = tuple(person.model_copy(update={"consent": False}) for person in corrected.contributors)
    refusing = {"number": number, "text_consent": False, "contributors": silent}
    corrected = corrected.model_copy(update=refusing)
    player.deliver(TWO, WorkbookKind.SUBMISSIONS, [submission_row(corrected)], name="补正.xlsx")
    _collect(player)
    _pass(player, M.CLOSE_ELIGIBILITY, close_eligibility.concluding)


def _experts_come(player: Player) -> None:
    signed = local_day(player.season.dates.close_eligibility)
    experts = [
        {
            "姓名": f"示例·专家{n}",
            "工作单位": f"示例研究院{n}",
            "专业领域": player.season.fields[0],
            "联系邮箱": f"expert-{n}@example.invalid",
            "联系电话": PHONE,
            "承诺书签署日期": signed,
            "需回避的人员和单位": "示例·从未申报的单位" if n in (1, 9) else "",
        }
        for n in range(1, 10)
    ]
    player.deliver("office", WorkbookKind.EXPERTS, experts)
    _collect(player)


def _final_round(player: Player) -> None:
    _experts_come(player)
    _pass(player, M.DRAW_PANEL, draw_panel.drawing)
    with player.reading() as session:
        stepping_back = _experts_of(player, BEST)[0]
        leaving = next(expert for expert in _experts_of(player, LAST) if expert != stepping_back)
    how = {"act": Act(OFFICE, player.settings.clock.now())}
    with player.writing() as session:
        recuse(session, 2026, stepping_back, BEST, reason="示例：曾共事", **how)
        give_up_seat(session, 2026, leaving, reason="出差", **how)
    player.play("collect", _replacing)
    _score(player, SCORES)
    _pass(player, M.CLOSE_FINAL_ROUND, close_final_round.closing)
    _score(player, {HIDDEN: 82, TIED: 81}, round_number=2)


def _replacing(run: Run) -> Ending:
    with run.step() as session:
        replace_lost_experts(session, run)
    return Ending()


def _score(player: Player, totals: Mapping[str, int], *, round_number: int = 1) -> None:
    with player.reading() as session:
        rows = session.execute(
            select(Assignment.expert, Assignment.number)
            .where(Assignment.round == round_number, Assignment.state == AssignmentState.ACTIVE)
            .order_by(Assignment.expert, Assignment.number)
        ).all()
    for expert in sorted({row.expert for row in rows}):
        marks = [
            {"申报编号": number, **points(player.season, totals[number]), "评语": f"示例评语{round_number}"}
            for other, number in rows
            if other == expert
        ]
        issue = _latest_issue(player, expert)
        player.deliver(expert, WorkbookKind.SCORES, marks, issue=issue, name=f"评分{round_number}.xlsx")
    _collect(player)


def _latest_issue(player: Player, expert: str) -> int:
    issued = (paths.issued(player.settings, 2026, expert, WorkbookKind.SCORES, issue) for issue in range(1, 9))
    return sum(path.is_file() for path in issued)


def _experts_of(player: Player, number: str) -> Sequence[str]:
    with player.reading() as session:
        query = select(Assignment.expert).where(Assignment.number == number, Assignment.state == AssignmentState.ACTIVE)
        return session.scalars(query.order_by(Assignment.expert)).all()


def _ranking(player: Player) -> None:
    _pass(player, M.CLOSE_RE_REVIEW, close_re_review.concluding)
    _vote(player, 3)
    at = player.settings.clock.now()
    with player.writing() as session:
        send_back(session, 2026, Act(OFFICE, at), digest=list_digest(session, 2026), reason="核对分数")
        reopen_ranking(session, 2026, Act(OFFICE, at), reason="核对分数")
    _pass(player, M.CLOSE_RE_REVIEW, close_re_review.concluding)
    _vote(player, 2)
    with player.writing() as session:
        assert [placing.number for placing in placings(session, 2026)] == list(SCORES)
        digest = list_digest(session, 2026)
        approve(session, 2026, Act(OFFICE, at), digest=digest, reason="材料不实", strike=(STRUCK,))


def _vote(player: Player, votes_for: int) -> None:
    rows = [{"申报编号": BEST, "同意票": votes_for, "不同意票": 3 - votes_for, "弃权票": 0}]
    issue = sum("表决" in path.name for path in (player.home / "outbox" / "2026" / "office").iterdir())
    player.deliver("office", WorkbookKind.VOTES, rows, issue=issue, name=f"表决{votes_for}.xlsx")
    _collect(player)
    _pass(player, M.CLOSE_VOTES, close_votes.counting)


def _notice(player: Player) -> None:
    _pass(player, M.OPEN_PUBLIC_NOTICE, open_public_notice.opening)
    for number in (BEST, UPHELD):
        _object_to(player, number)
    _pass(player, M.CLOSE_PUBLIC_NOTICE, close_public_notice.closing)
    _answer(player, UPHELD, Decision.UPHOLD_OBJECTION)
    _pass(player, M.PUBLISH_RESULTS, publish_results.publishing)
    _answer(player, BEST, Decision.DISMISS_OBJECTION)
    player.at(player.due_at(M.ARCHIVE))
    player.play("tend_objections", tend_objections.tending)
    _pass(player, M.ARCHIVE, archive.archiving)
    _practice(player)
    _pass(player, M.WRITE_REPORT, write_report.writing)
    _pass(player, M.FOLLOW_UP, follow_up.asking)
    _follow_up(player)
    _pass(player, M.CLOSE_SEASON, close_season.closing)


def _practice(player: Player) -> None:
    """Three reports of good practice: one public, one withheld later, one without consent."""
    _pass(player, M.OPEN_PRACTICE, open_practice.asking)
    both = [practice_row("示例：三级发动到班组"), practice_row("示例：一线项目集中会诊")]
    player.deliver(ONE, WorkbookKind.PRACTICE, both, name="好经验.xlsx")
    player.deliver(
        TWO, WorkbookKind.PRACTICE, [practice_row("示例：成果挂牌对接", consent="不同意")], name="好经验.xlsx"
    )
    _collect(player)
    _pass(player, M.CLOSE_PRACTICE, close_practice.closing)
    _take(player, OFFICE.name, Decision.WITHHOLD_PRACTICE, f"2026-{ONE}-P02", reason="示例：材料待核实")


def practice_row(title: str, consent: str = "同意") -> dict[str, str]:
    """One line of the workbook of good practice."""
    texts = {
        "背景和要解决的问题": "示例：一线参与少",
        "具体做法": "示例：先摸底，\n后会诊",
        "成效": "示例：申报增加三成",
    }
    whose = {"类型": "好做法", "谁的经验": "用人单位", "单位名称": "示例·万州甲公司"}
    return {"材料名称": title, **whose, **texts, "同意公开": consent}


def _follow_up(player: Player) -> None:
    """One award is in use, with consent and pictures; the unit of the other says nothing."""
    said = {"申报编号": BEST, "应用情况": "在用", "开始应用时间": date(2026, 3, 1), "应用单位": "示例车间"}
    said |= {"近一年经济效益（万元）": 12.5, "推广单位数": 3, "同意公开转化情况": "同意"}
    shown = {"图片1文件名": "现场.png", "图片1内容说明": "示例装置在车间", "图片1同意公开": "同意，图上没有认得出的人"}
    shown |= {
        "图片2文件名": "操作.png",
        "图片2内容说明": "示例完成人1在操作",
        "图片2同意公开": "同意，图上的人都已同意",
    }
    workbook = player.deliver(ONE, WorkbookKind.FOLLOW_UP, [said | shown], name="转化.xlsx")
    with zipfile.ZipFile(workbook.with_name("转化.zip"), "w") as package:
        package.write(workbook, "转化.xlsx")
        package.writestr("现场.png", a_picture(80, 60))
        package.writestr("操作.png", a_picture(90, 60))
    workbook.unlink()
    _collect(player)


def _object_to(player: Player, number: str) -> None:
    """An objection with a file, put into its folder, entered and taken up."""
    paper = player.home / "contract.pdf"
    paper.write_bytes(b"%PDF-1.4 " + number.encode())
    today = local_day(player.settings.clock.now()).isoformat()
    answers = (number, "权属与完成人", "邮寄", today, "示例·举报人", PHONE, "示例理由")
    given = dict(zip(objections.HEADINGS, answers, strict=True))
    reference = objections.put_letter(player.settings, 2026, given, [paper])
    paper.unlink()
    _take(player, OFFICE.name, Decision.RAISE_OBJECTION, reference)
    _take(player, OFFICE.name, Decision.ACCEPT_OBJECTION, _objection_to(player, number))


def _answer(player: Player, number: str, decision: Decision) -> None:
    """Not by the officer who approved the list."""
    objection = _objection_to(player, number)
    _take(player, OFFICE.name, Decision.INVESTIGATE_OBJECTION, objection, INVESTIGATOR)
    _take(player, INVESTIGATOR, decision, objection, reason="示例：经核查")


def _objection_to(player: Player, number: str) -> str:
    with player.reading() as session:
        return str(session.scalars(select(Objection.id).where(Objection.number == number)).one())


def _take(player: Player, person: str, decision: Decision, subject: str, other: str = "", reason: str = "") -> None:
    def deciding(run: Run) -> Ending:
        with run.step() as session:
            TAKEN[decision](session, run, run.act.by(Actor(Role.OFFICE, person)), subject, other, reason)
        return Ending()

    player.play("decide", deciding)


def good(title: str, serial: int) -> SubmissionForm:
    """A form that passes the eligibility check."""
    company = OrganisationForm(name=f"{title}公司", credit_code=credit_code("91", serial))
    person = ContributorForm(name=f"示例完成人{serial}", organisation=company.name, role="主研", consent=True)
    contact = ContactForm(name=f"示例联系人{serial}", phone=PHONE, mail=f"contact-{serial}@example.invalid")
    return a_form(title, organisations=(company,), contributors=(person,), contact=contact)


def a_picture(width: int = 64, height: int = 48, form: str = "PNG") -> bytes:
    """A small picture drawn by code."""
    out = BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(out, form)
    return out.getvalue()


def flawed(title: str) -> SubmissionForm:
    """A form that the eligibility check sends back: its organisation has no credit code."""
    return a_form(title)


def _collect(player: Player) -> None:
    player.play("collect", collecting)


def _pass(player: Player, milestone: Milestone, body: Callable[[Run], Ending], **options: Any) -> None:
    """Play one milestone when it is due; reminders before it are not played."""
    due_at = player.due_at(milestone, unit=options.get("unit", ""))
    player.at(max(due_at, player.settings.clock.now()))
    done = player.play(milestone.value, body, milestone, **options)
    assert done.outcome == "done", done

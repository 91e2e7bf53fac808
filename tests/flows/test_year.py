"""A small season, stage by stage, with real workbooks. Each stage is tried early, dry, in time, and again."""

import inspect
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import select

from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season
from flows.collect import collecting
from flows.decisions import Decision
from flows.deliver_messages import delivering
from flows.demo.people import credit_code
from flows.engine.forms import FIELDS, Form
from flows.kinds.scores import assignments_of
from flows.run import Ending, Run
from flows.workbooks.writer.filling import submission_row
from flows.year import BY_HAND, FORMS, STAGES
from models import Call, Message, Objection, Submission
from models.enums import ApprovalDecision, CallState, MessageState, MilestoneState, Outcome, WorkbookKind
from models.forms import ContributorForm, OrganisationForm, SubmissionForm
from models.queries import milestone_rows
from states.audit.verify import verify
from states.final_round.approval import approve, list_digest, placings
from states.machine import Act
from states.timeline import plan_season
from tests.support.builders import OFFICE, a_form, season_rules, with_votes
from tests.support.objections import answer, object_to
from tests.support.playing import Player, points

M = Milestone
SECOND = timedelta(seconds=1)
WANZHOU, YUZHONG, JIULONGPO, LATE = "500101", "500103", "500107", "500108"


def bodies() -> Iterator[tuple[Milestone, Callable[[Run], Ending]]]:
    """What each stage would play at each of its milestones."""
    for stage in STAGES:
        for milestone in stage.milestones:
            which = {"milestone": milestone} if "milestone" in stage.flow.parameters.properties else {}
            with patch.object(sys.modules[stage.flow.fn.__module__], "perform") as perform:
                stage.flow.fn(season=2026, **which)
            yield milestone, perform.call_args.args[2]


BODIES = dict(bodies())


def small_rules() -> Season:
    """The shipped season with a panel of four, three prizes, and a secret vote on the first of them."""
    season = season_rules()
    tiers = season.final_round.tiers.model_copy(update={"prizes": 3, "ratios": {"first": 1, "second": 1, "third": 1}})
    changes = {"scores_per_submission": 3, "panel_size": 4, "panel_per_field": 1, "reserves": 1, "tiers": tiers}
    season = season.model_copy(update={"final_round": season.final_round.model_copy(update=changes)})
    return with_votes(season, secret=True)


def good(title: str, serial: int) -> SubmissionForm:
    """A form that passes the eligibility check."""
    company = OrganisationForm(name=f"示例·{title}公司", credit_code=credit_code("91", serial))
    person = ContributorForm(name=f"示例·{title}", organisation=company.name, consent=True)
    return a_form(title, organisations=(company,), contributors=(person,))


class Year:
    """Plays the milestones of a year one after the other, each in every way."""

    def __init__(self, player: Player) -> None:
        self.player = player

    def pass_milestone(self, milestone: Milestone, ordinal: int = 1) -> dict[str, str]:
        """A second early: not due. Dry: no change. In time: done. Again: already done, no change."""
        due_at = self.player.due_at(milestone, ordinal)
        self.player.at(due_at - SECOND)
        self._changes_nothing(milestone, "not_due", ordinal)
        self.player.at(due_at)
        self._changes_nothing(milestone, "dry_run", ordinal, dry_run=True)
        done = self._play(milestone, ordinal)
        assert done.outcome == "done", done
        self._changes_nothing(milestone, "already_done", ordinal)
        return dict(done.lines)

    def collect(self) -> dict[str, str]:
        """Dry: no change. Once: taken. Again: nothing left to take."""
        before = self.player.kept()
        assert self.player.play("collect", collecting, dry_run=True).outcome == "dry_run"
        assert self.player.kept() == before
        lines = dict(self.player.play("collect", collecting).lines)
        after = self.player.kept()
        assert dict(self.player.play("collect", collecting).lines)["taken"] == "0"
        assert self.player.kept() == after
        return lines

    def waits(self, milestone: Milestone) -> str:
        """The milestone is due, but something is still to happen."""
        self.player.at(self.player.due_at(milestone))
        result = self._play(milestone, 1)
        assert result.outcome == "waiting", result
        return result.explanation

    def repeat_everything(self) -> None:
        with self.player.reading() as session:
            rows = milestone_rows(session, 2026)
            done = [(Milestone(row.milestone), row.ordinal) for row in rows if row.state is not MilestoneState.PENDING]
        for milestone, ordinal in done:
            self._changes_nothing(milestone, "already_done", ordinal)

    def _changes_nothing(self, milestone: Milestone, outcome: str, ordinal: int, **options: Any) -> None:
        before = self.player.kept()
        assert self._play(milestone, ordinal, **options).outcome == outcome
        after = self.player.kept()
        assert {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} == set(), milestone

    def _play(self, milestone: Milestone, ordinal: int, **options: Any) -> Any:
        return self.player.play(milestone.value, BODIES[milestone], milestone, ordinal=ordinal, **options)


def test_a_year_stage_by_stage(player_on_both: Player) -> None:
    player, this = player_on_both, Year(player_on_both)
    rules = small_rules()
    with player.writing() as session:
        plan_season(session, rules, Act(OFFICE, rules.dates.open_call - timedelta(days=10)))

    assert this.pass_milestone(M.OPEN_CALL)["units called"] == "39"
    submissions_come_in(player, this)
    districts_review(player, this)
    the_office_checks(player, this)
    experts_score(player, this)
    a_person_approves_and_the_public_reads(player, this)
    the_season_ends(player, this)


def submissions_come_in(player: Player, this: Year) -> None:
    player.at(player.season.dates.open_call + timedelta(days=5))
    player.deliver(WANZHOU, WorkbookKind.SUBMISSIONS, [submission_row(good(f"万州{n}号", n)) for n in range(1, 4)])
    flawed = a_form("渝中2号")  # no credit code: sent back by the eligibility check
    player.deliver(YUZHONG, WorkbookKind.SUBMISSIONS, [submission_row(good("渝中1号", 11)), submission_row(flawed)])
    player.deliver(JIULONGPO, WorkbookKind.SUBMISSIONS, [submission_row(good("九龙坡1号", 21))])
    (player.inbox("999999") / "申报.xlsx").write_bytes(b"no workbook")
    assert this.collect() == {
        "taken": "4",
        "taken before": "0",
        "rows in": "6",
        "rows back": "0",
        "corrections lapsed": "0",
        "messages written": "4",
    }

    for ordinal in (1, 2, 3):
        assert this.pass_milestone(M.REMIND_CALL, ordinal)["reminded"] == "36"
    assert this.pass_milestone(M.CLOSE_CALL)["submissions"] == "6"
    player.at(player.season.dates.close_call + SECOND)
    player.deliver(LATE, WorkbookKind.SUBMISSIONS, [submission_row(good("迟到1号", 31))])
    assert this.collect()["rows back"] == "1"


def districts_review(player: Player, this: Year) -> None:
    def verdict(number: str, word: str, total: int) -> dict[str, Any]:
        return {"申报编号": number, "初评结论": word, **points(player.season, total)}

    assert this.pass_milestone(M.REMIND_DISTRICT_ROUND, 1)["reminded"] == "3"
    player.deliver(
        WANZHOU,
        WorkbookKind.VERDICTS,
        [
            verdict(f"2026-{WANZHOU}-0001", "推荐", 90),
            verdict(f"2026-{WANZHOU}-0002", "推荐", 80),
            verdict(f"2026-{WANZHOU}-0003", "不推荐", 40),
        ],
    )
    player.deliver(YUZHONG, WorkbookKind.VERDICTS, [verdict(f"2026-{YUZHONG}-000{n}", "推荐", 85) for n in (1, 2)])
    assert this.collect()["rows in"] == "5"
    for ordinal in (2, 3):
        assert this.pass_milestone(M.REMIND_DISTRICT_ROUND, ordinal)["reminded"] == "1"
    lines = this.pass_milestone(M.CLOSE_DISTRICT_ROUND)
    assert (lines["recommended"], lines["not recommended"], lines["not reviewed"]) == ("4", "1", "1")


def the_office_checks(player: Player, this: Year) -> None:
    lines = this.pass_milestone(M.CHECK_ELIGIBILITY)
    assert (lines["passed"], lines["sent back for correction"]) == ("3", "1")
    number = f"2026-{YUZHONG}-0002"
    corrected = good("渝中2号", 12).model_copy(update={"number": number})
    player.deliver(YUZHONG, WorkbookKind.SUBMISSIONS, [submission_row(corrected)], name="补正.xlsx")
    assert this.collect()["rows in"] == "1"
    lines = this.pass_milestone(M.CLOSE_ELIGIBILITY)
    assert (lines["passed after correction"], lines["lapsed"], lines["ineligible after correction"]) == ("1", "0", "0")


def experts_score(player: Player, this: Year) -> None:
    season = player.season
    signed = local_day(season.dates.close_eligibility)
    player.deliver(
        "office",
        WorkbookKind.EXPERTS,
        [
            {
                "姓名": f"示例·专家{n}",
                "工作单位": f"示例研究院{n}",
                "专业领域": season.fields[0],
                "联系邮箱": f"expert-{n}@example.invalid",
                "承诺书签署日期": signed,
            }
            for n in range(1, 7)
        ],
    )
    assert this.collect()["rows in"] == "6"
    lines = this.pass_milestone(M.DRAW_PANEL)
    assert (lines["seated"], lines["reserves"], lines["assignments"]) == ("4", "1", "12")

    assert this.pass_milestone(M.REMIND_EXPERTS, 1)["reminded"] == lines["experts with a workbook"]
    score_everything(player)
    assert this.collect()["rows in"] == "12"
    for ordinal in (2, 3):
        assert this.pass_milestone(M.REMIND_EXPERTS, ordinal)["reminded"] == "0"
    lines = this.pass_milestone(M.CLOSE_FINAL_ROUND)
    assert (lines["final reviewed"], lines["to be re-reviewed"]) == ("4", "0")
    lines = this.pass_milestone(M.CLOSE_RE_REVIEW)
    assert (lines["ranked"], lines["with a prize"], lines["put to the panel's vote"]) == ("4", "3", "1")
    rows = [{"申报编号": f"2026-{WANZHOU}-0001", "同意票": 3, "不同意票": 1, "弃权票": 0}]
    player.deliver("office", WorkbookKind.VOTES, rows)
    assert this.collect()["rows in"] == "1"
    lines = this.pass_milestone(M.CLOSE_VOTES)
    assert (lines["put to the vote"], lines["not carried"]) == ("1", "0")


def score_everything(player: Player) -> None:
    totals = {
        f"2026-{WANZHOU}-0001": 90,
        f"2026-{WANZHOU}-0002": 80,
        f"2026-{YUZHONG}-0001": 70,
        f"2026-{YUZHONG}-0002": 60,
    }
    with player.reading() as session:
        sheets = assignments_of(session, 2026)
    for expert, numbers in sheets.items():
        rows = [{"申报编号": number, **points(player.season, totals[number])} for number in numbers]
        player.deliver(expert, WorkbookKind.SCORES, rows)


def a_person_approves_and_the_public_reads(player: Player, this: Year) -> None:
    for ordinal in (1, 2):
        assert this.pass_milestone(M.REMIND_APPROVAL, ordinal)["reminded"] == "1"
    assert this.waits(M.OPEN_PUBLIC_NOTICE) == "a named person has still to approve the list"
    with player.writing() as session:
        best, second, *_ = [placing.number for placing in placings(session, 2026)]
        at = player.settings.clock.now()
        approve(session, 2026, Act(OFFICE, at), digest=list_digest(session, 2026))

    assert this.pass_milestone(M.OPEN_PUBLIC_NOTICE)["on the list"] == "3"
    with player.writing() as session:
        object_to(session, player.season, best, Act(OFFICE, player.settings.clock.now()))
    assert this.pass_milestone(M.CLOSE_PUBLIC_NOTICE)["objections open"] == "1"
    lines = this.pass_milestone(M.PUBLISH_RESULTS)
    assert (lines["awarded"], lines["suspended by an objection"], lines["first"], lines["second"]) == (
        "2",
        "1",
        "0",
        "1",
    )
    assert second in (player.home / "site" / "2026" / "results.html").read_text("utf-8")


def the_season_ends(player: Player, this: Year) -> None:
    assert this.pass_milestone(M.ARCHIVE)["suspended by an objection"] == "1"
    assert this.pass_milestone(M.OPEN_PRACTICE)["units asked"] == "39"
    assert this.pass_milestone(M.CLOSE_PRACTICE)["units without a report"] == "39"
    assert this.pass_milestone(M.WRITE_REPORT)["files of the report"] == "3"
    assert this.pass_milestone(M.FOLLOW_UP)["asked about"] == "2"
    assert this.waits(M.CLOSE_SEASON) == "1 award(s) still wait for the answer to an objection"
    with player.writing() as session:
        objection = session.scalars(select(Objection.id)).one()
        answered = answer(session, player.season, objection, Act(OFFICE, player.settings.clock.now()))
    assert answered.awarded
    assert this.pass_milestone(M.CLOSE_SEASON)["archived"] == "6"
    everything_is_as_it_should_be(player)
    this.repeat_everything()
    assert dict(player.play("deliver_messages", delivering).lines)["sent"] == str(len(player.letters()))
    with player.reading() as session:
        assert set(session.scalars(select(Message.state))) == {MessageState.SENT}
    assert this.pass_milestone(M.ERASE_PERSONAL_DATA)["contacts"] == "6"
    everything_is_as_it_should_be(player)


def everything_is_as_it_should_be(player: Player) -> None:
    with player.reading() as session:
        outcomes = Counter(session.scalars(select(Submission.outcome)))
        assert outcomes == {
            Outcome.COMPLETED: 3,
            Outcome.NO_PRIZE: 1,
            Outcome.NOT_RECOMMENDED: 1,
            Outcome.NOT_REVIEWED: 1,
        }
        assert session.get_one(Call, 2026).state is CallState.CLOSED
        assert verify(session) == []
    site = player.home / "site" / "2026"
    # The page prints the root of the results first, then those of what changed later.
    root = re.findall(r"[0-9a-f]{64}", (site / "results.html").read_text("utf-8"))[0]
    checked = subprocess.run(
        [sys.executable, "-I", site / "verify_history.py", site / "history.jsonl", "--root", root],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_milestone_has_its_stage() -> None:
    served = [milestone for stage in STAGES for milestone in stage.milestones]

    assert sorted(served) == sorted(Milestone)
    assert len(set(served)) == len(served)


def test_every_stage_says_when_it_runs_and_how_it_is_undone() -> None:
    for stage in (*STAGES, *BY_HAND):
        words = stage.description
        places = [words.index(f"{heading}:") for heading in ("Runs", "Before", "After", "Undo")]
        assert places == sorted(places), stage.name
        assert "dry_run" in str(stage.flow.parameters.properties), stage.name


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_form_asks_in_chinese_for_its_own_fields_and_presets_the_rest(form: Form) -> None:
    schema = form.schema()
    parameters = inspect.signature(form.flow.fn).parameters

    assert not {*schema["properties"], *form.preset} - {*parameters}
    needed = {name for name, parameter in parameters.items() if parameter.default is parameter.empty}
    assert needed <= {*schema["required"], *form.preset}
    for field in schema["properties"].values():
        assert field["title"]
        assert not field["title"].isascii()
        assert field["description"]
        assert not field["description"].isascii()


def test_no_field_is_kept_that_no_form_has() -> None:
    asked = {name for form in FORMS for name, (field, _) in form.asked().items() if field is FIELDS.get(name)}

    assert set(FIELDS) == asked


def test_every_decision_has_a_form_and_the_list_shows_decisions_first() -> None:
    assert {form.preset.get("decision") for form in FORMS} == {None, *Decision, *ApprovalDecision}
    assert len({form.name for form in FORMS}) == len({form.label for form in FORMS}) == len(FORMS)
    assert [form.label for form in FORMS] == sorted(form.label for form in FORMS)
    assert FORMS[0].label == "A01 审定获奖名单"

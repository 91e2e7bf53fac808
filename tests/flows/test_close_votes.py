"""The panel votes by workbook between ranking and approval, signed or as the office counts secret ballots."""

import json
import re
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows.approve_list import approve_list
from flows.close_re_review import concluding
from flows.close_votes import counting
from flows.collect import collecting
from flows.home import paths
from flows.kinds.votes import issue_ballots
from flows.publish.proposal import deviations
from flows.run import Ending, Result, Run
from models import Ballot, Delivery, Message, MilestoneDate, Placing
from models.enums import ApprovalDecision, DeliveryState, MilestoneState, Tier, WorkbookKind
from states.audit.recompute import recompute
from states.final_round.approval import is_proposed, list_digest
from states.final_round.votes import open_votes
from states.history.read import read_entries
from tests.support.builders import with_votes
from tests.support.decided import a_scored_season, small_rules
from tests.support.playing import Player

M = Milestone


def voting(player: Player, *, secret: bool) -> list[str]:
    """Scores are frozen, two first prizes are to be voted on; the ranking is concluded, the votes open."""
    with player.writing() as session:
        numbers = a_scored_season(session, with_votes(small_rules(), secret=secret))
    player.come_to(M.CLOSE_RE_REVIEW)
    assert player.play("close_re_review", concluding, M.CLOSE_RE_REVIEW).outcome == "done"
    return numbers


def count(player: Player) -> Result:
    player.at(max(player.due_at(M.CLOSE_VOTES), player.settings.clock.now()))
    return player.play("close_votes", counting, M.CLOSE_VOTES)


def signed(player: Player, expert: str, choices: dict[str, str]) -> Path:
    return player.deliver(
        expert, WorkbookKind.VOTES, [{"申报编号": number, "表决意见": word} for number, word in choices.items()]
    )


def placed(player: Player) -> dict[str, tuple[Tier | None, str]]:
    with player.reading() as session:
        rows = session.execute(select(Placing.number, Placing.tier, Placing.voted))
        return {number: (tier, voted) for number, tier, voted in rows}


def members(player: Player) -> list[str]:
    return sorted(letter.split("/")[1] for letter in player.letters("ballot/"))


def body(player: Player, part: str) -> str:
    """The text of the only letter whose key holds something, or of the first of them."""
    with player.reading() as session:
        found = select(Message.body).where(Message.key.like(f"%/{part}%"))
        return session.scalars(found.order_by(Message.key)).first() or ""


def brought(player: Player, expert: str) -> list[str]:
    """What the newest reminder brings, a receipt's digest left out."""
    with player.reading() as session:
        found = select(Message.attachments).where(Message.key.like(f"%/ballot_reminder/{expert}/%"))
        names = json.loads(session.scalars(found.order_by(Message.written_at.desc())).first() or "[]")
    return [re.sub("^[0-9a-f]{16}-", "表决票", Path(name).name) for name in names]


def test_signed_ballots_decide_before_the_office_sees_the_list(player: Player) -> None:
    carried, fallen, *_ = voting(player, secret=False)
    assert len(members(player)) == 5
    assert "本次为记名表决，由评委本人逐项选择" in body(player, "ballot/")
    assert "无记名" not in body(player, "ballot/")
    assert player.letters("approval_wanted") == [], "the list is not the office's before the panel has voted"
    book = openpyxl.load_workbook(paths.issued(player.settings, 2026, members(player)[0], WorkbookKind.VOTES))
    said = [str(cell) for row in book["表决票"].values for cell in row if cell]
    assert [number for number in said if number.startswith("2026-")] == [carried, fallen]
    assert "示例单位" not in " ".join(said), "blind to the end"

    for index, expert in enumerate(members(player)):
        signed(player, expert, {carried: "同意", fallen: "不同意" if index < 2 else "同意"})
    player.play("collect", collecting)
    lines = dict(count(player).lines)

    assert (lines["put to the vote"], lines["not carried"]) == ("2", "1")
    assert placed(player)[carried] == (Tier.FIRST, "一等奖经表决：应到5人，实到5人，同意5票（须4票），通过")
    assert placed(player)[fallen] == (
        Tier.SECOND,
        "一等奖经表决：应到5人，实到5人，同意3票（须4票），未通过，改为二等奖",
    )
    page = (player.home / "office" / "2026" / "proposal.html").read_text("utf-8")
    assert "同意3票（须4票），未通过，改为二等奖" in page
    with player.reading() as session:
        (deviation,) = deviations(session, 2026)
    assert (deviation.number, deviation.change, deviation.officer) == (fallen, "由拟一等奖改为二等奖", "评审委员会")
    sheet = openpyxl.load_workbook(player.home / "office" / "2026" / "拟获奖名单.xlsx")["拟获奖名单"]
    assert any("未通过，改为二等奖" in str(cell) for row in sheet.values for cell in row)
    assert len(player.letters("approval_wanted")) == 1
    with player.reading() as session:
        assert is_proposed(session, 2026)
        assert recompute(read_entries(session, 2026)) == []


def test_the_office_enters_the_count_of_secret_ballots(player: Player) -> None:
    first, second, *_ = voting(player, secret=True)
    assert player.letters("ballot/") == ["ballot/office/office/1"]
    assert "本次为无记名表决，不向专家发表决票" in body(player, "ballot/")
    assert "评委本人" not in body(player, "ballot/")

    rows = [
        {"申报编号": first, "同意票": 4, "不同意票": 0, "弃权票": 0},
        {"申报编号": second, "同意票": "3票", "不同意票": 1, "弃权票": 1},
    ]
    player.deliver("office", WorkbookKind.VOTES, rows)
    player.play("collect", collecting)
    count(player)

    assert [placed(player)[number][0] for number in (first, second)] == [Tier.FIRST, Tier.SECOND]
    with player.reading() as session:
        assert {ballot.caster for ballot in session.scalars(select(Ballot))} == {"office"}, "nobody's vote is known"


def test_wrong_ballots_come_back_by_cell(player: Player) -> None:
    first, second, *_ = voting(player, secret=True)
    rows = [
        {"申报编号": first, "同意票": 6, "不同意票": 0, "弃权票": 0},
        {"申报编号": second, "同意票": -1, "不同意票": "", "弃权票": 0},
    ]
    player.deliver("office", WorkbookKind.VOTES, rows)

    player.play("collect", collecting)

    with player.reading() as session:
        delivery = session.scalars(select(Delivery)).one()
        assert delivery.state is DeliveryState.REFUSED
        for said in ("票数合计6，应在1到5", "应填票数，0或正整数", "没有填"):
            assert said in delivery.problems
        assert session.scalars(select(Ballot)).all() == []


def test_without_a_quorum_the_stage_waits_reminds_once_a_day_and_takes_late_ballots(player: Player) -> None:
    first, second, *_ = voting(player, secret=False)
    everybody = members(player)
    for expert, word in zip(everybody[:3], ("同意", "同意", "弃权"), strict=True):
        signed(player, expert, {first: "同意", second: word})

    for _ in range(2):
        result = count(player)

    assert result.outcome == "waiting"
    assert result.explanation.startswith(f"no quorum on 2 vote(s): {first} (3 of 5, 4 needed), {second} (3 of 5")
    assert len(player.letters("ballot_reminder")) == 2
    assert "还没有收到您的表决票" in body(player, "ballot_reminder/")
    assert not any(voted for _, voted in placed(player).values())

    silent = everybody[4]
    signed(player, silent, {first: "同意"})
    player.play("collect", collecting)
    player.at(player.settings.clock.now() + timedelta(days=1))
    count(player)
    assert brought(player, silent) == [f"2026年表决票-{silent}.xlsx", "表决票回执.xlsx"]

    def voting_once_more(run: Run) -> Ending:
        with run.step() as session:
            issue_ballots(session, run, open_votes(session, run.season, run.act))
        return Ending()

    player.at(player.settings.clock.now() + timedelta(days=1))
    player.play("second_vote", voting_once_more)
    count(player)
    assert brought(player, silent) == [f"2026年表决票-{silent}-2.xlsx"], "nothing of the vote before"

    signed(player, everybody[3], {first: "同意", second: "弃权"})
    assert count(player).outcome == "done"
    assert [placed(player)[number][0] for number in (first, second)] == [Tier.FIRST, Tier.SECOND]


def test_a_list_sent_back_is_voted_on_again_with_the_ballots_there_are(player: Player) -> None:
    first, second, *_ = voting(player, secret=False)
    for expert in members(player):
        signed(player, expert, {first: "同意", second: "不同意"})
    count(player)
    before = placed(player)
    with player.reading() as session:
        digest = list_digest(session, 2026)
    officer = player.season.office.officers[0]
    approve_list.fn(2026, officer, ApprovalDecision.SENT_BACK, digest, reason="示例")

    with player.reading() as session:
        row = session.get_one(MilestoneDate, (2026, M.CLOSE_VOTES.value, 1, ""))
        assert row.state is MilestoneState.PENDING
    assert player.play("close_re_review", concluding, M.CLOSE_RE_REVIEW).outcome == "done"
    assert count(player).outcome == "done"

    assert placed(player) == before
    page = (player.home / "office" / "2026" / "proposal.html").read_text("utf-8")
    assert "退回重排" in page, "what was decided on it stands on the page"
    assert len(player.letters("approval_wanted")) == 2


@pytest.mark.parametrize("stage", ["close_re_review", "close_votes"])
def test_the_same_again_changes_nothing(player: Player, stage: str) -> None:
    first, second, *_ = voting(player, secret=False)
    for expert in members(player):
        signed(player, expert, {first: "同意", second: "同意"})
    count(player)
    before = player.kept()

    body, milestone = (concluding, M.CLOSE_RE_REVIEW) if stage == "close_re_review" else (counting, M.CLOSE_VOTES)
    assert player.play(stage, body, milestone).outcome == "already_done"

    assert player.kept() == before
    with player.reading() as session:
        assert session.scalars(select(Message.key).where(Message.key.like("%/ballot/%"))).all() != []

"""The final round closes when it may, sends ties to a re-review, and puts the list before a person."""

import json

import pytest
from sqlalchemy import select

from config.milestones import Milestone
from flows import stage as machinery
from flows.close_final_round import closing
from flows.close_re_review import concluding
from flows.collect import collecting
from flows.run import Result
from models import Assignment, Call, History, Message, Placing, Submission
from models.enums import CallState, SubmissionState, Tier, WorkbookKind
from states.final_round.approval import list_digest
from tests.support.builders import a_season
from tests.support.panel import a_scored_submission, an_assignment
from tests.support.playing import Player, points

M = Milestone


@pytest.fixture
def reviewing(player: Player) -> Player:
    """The final round runs; there are two prizes, a first and a second."""
    with player.writing() as session:
        season = a_season(session, state=CallState.FINAL_REVIEW)
        tiers = season.final_round.tiers.model_copy(update={"prizes": 2, "ratios": {"first": 1, "second": 1}})
        season = season.model_copy(update={"final_round": season.final_round.model_copy(update={"tiers": tiers})})
        call = session.get_one(Call, 2026)
        call.rules, call.draw_seed, call.seal_key = season.model_dump_json(), "5e" * 32, ""
    return player


def scored(player: Player, *totals: int) -> list[str]:
    with player.writing() as session:
        return [a_scored_submission(session, [total] * 5) for total in totals]


def close(player: Player) -> Result:
    player.at(player.due_at(M.CLOSE_FINAL_ROUND))
    return player.play("close_final_round", closing, M.CLOSE_FINAL_ROUND)


def conclude(player: Player) -> Result:
    player.at(player.due_at(M.CLOSE_RE_REVIEW))
    return player.play("close_re_review", concluding, M.CLOSE_RE_REVIEW)


def test_while_scores_are_missing_the_stage_waits_and_names_them(reviewing: Player) -> None:
    scored(reviewing, 90)
    with reviewing.writing() as session:
        short = a_scored_submission(session, (80, 80))

    result = close(reviewing)

    assert result.outcome == "waiting"
    assert result.explanation.startswith(f"1 submission(s) lack scores: {short} (2); replace the experts")
    with reviewing.reading() as session:
        assert set(session.scalars(select(Submission.state))) == {SubmissionState.DISTRICT_REVIEWED}


def test_without_a_quorum_the_stage_waits(reviewing: Player) -> None:
    (number,) = scored(reviewing, 90)
    with reviewing.writing() as session:
        for ordinal in (6, 7, 8):
            an_assignment(session, number, ordinal)

    assert close(reviewing).explanation == "no quorum: 5 of 8 experts have scored everything"


def test_equals_at_a_cut_are_scored_again_and_settled(reviewing: Player) -> None:
    best, worse, better = scored(reviewing, 90, 80, 80)

    lines = dict(close(reviewing).lines)
    assert (lines["final reviewed"], lines["to be re-reviewed"]) == ("3", "2")
    assert len(reviewing.letters("expert_replacement")) == 5
    for ordinal in range(1, 6):
        rows = [
            {"申报编号": number, **points(reviewing.season, total)} for number, total in ((worse, 70), (better, 75))
        ]
        reviewing.deliver(f"E000{ordinal}", WorkbookKind.SCORES, rows, issue=1)
    reviewing.play("collect", collecting)
    lines = dict(conclude(reviewing).lines)

    with reviewing.reading() as session:
        placed = session.execute(select(Placing.number, Placing.tier, Placing.settled).order_by(Placing.position)).all()
    assert [(number, tier) for number, tier, _ in placed] == [(best, Tier.FIRST), (better, Tier.SECOND), (worse, None)]
    assert "复评" in placed[1].settled
    assert lines["ties settled"] == "2"


def test_the_list_lies_before_the_office_as_page_and_workbook(reviewing: Player) -> None:
    scored(reviewing, 90, 80, 70)
    close(reviewing)

    conclude(reviewing)

    with reviewing.reading() as session:
        digest = list_digest(session, 2026)
        (key,) = reviewing.letters("approval_wanted")
        message = session.get_one(Message, f"2026/{key}")
        assert digest in message.body
        assert session.get_one(Call, 2026).state is CallState.FINAL_REVIEW
        (attached,) = json.loads(message.attachments)
    newest = reviewing.home / "office" / "2026" / "拟获奖名单.xlsx"
    assert newest.read_bytes() == (reviewing.home / attached).read_bytes()
    assert not newest.samefile(reviewing.home / attached), "the letter's own, whatever is decided later"
    assert any(digest in path.read_text("utf-8") for path in (reviewing.home / "office").rglob("*.html"))
    public = {path.name for path in (reviewing.home / "site" / "2026").glob("*.html")}
    assert not public & {"notice.html", "results.html"}, "no list is public before a person approves"


@pytest.mark.parametrize("stage", ["closing", "concluding"])
def test_a_crash_before_the_end_freezes_nothing_twice(
    reviewing: Player, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored(reviewing, 90, 80, 70)
    if stage == "concluding":
        close(reviewing)
    play, trigger = (close, "freeze_scores") if stage == "closing" else (conclude, "freeze_ranking")

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(machinery, "settle_milestone", die)
    with pytest.raises(KeyboardInterrupt):
        play(reviewing)
    monkeypatch.undo()
    assert play(reviewing).outcome == "done"

    with reviewing.reading() as session:
        assert len(session.scalars(select(History).where(History.trigger == trigger)).all()) == 1
        assert session.scalars(select(Assignment).where(Assignment.round == 2)).all() == []

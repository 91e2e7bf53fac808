"""Twenty runs of the same closing or delivery at one moment, each on connections of its own: it happens once."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from config.milestones import Milestone
from flows import close_call, close_district_round, deliver_messages
from flows.run import Ending, Result, Run
from flows.stage import play
from flows.workbooks.writer.filling import submission_row
from models import Call, Delivery, History, Message
from models.database import make_engine
from models.enums import CallState, MessageState, WorkbookKind
from states.audit.verify import verify
from states.leases import LeaseTaken
from states.maintenance.stuck_messages import post_message
from tests.support.builders import UNIT, a_form, a_season, a_submission
from tests.support.playing import Player
from tests.support.threads import at_once

M = Milestone
MESSAGES = 30


def runs(
    player: Player, stage: str, body: Callable[[Run], Ending], milestone: Milestone | None
) -> Callable[[int], Result]:
    """One run of a stage on an engine of its own, as another process would have one."""
    at = player.settings.clock.now()

    def one(_: int) -> Result:
        engine = make_engine(player.settings.database)
        try:
            return play(stage, 2026, body, engine=engine, settings=player.settings, at=at, milestone=milestone)
        finally:
            engine.dispose()

    return one


def outcomes(through: list[Result]) -> list[str]:
    return sorted(result.outcome for result in through if result.outcome != "already_done")


def entries(player: Player, trigger: str) -> int:
    with player.reading() as session:
        assert verify(session) == []
        return session.scalar(select(func.count()).where(History.trigger == trigger)) or 0


def test_of_twenty_that_close_the_call_one_does(player_on_both: Player) -> None:
    player = player_on_both
    with player.writing() as session:
        season = a_season(session)
    player.issue(WorkbookKind.SUBMISSIONS, UNIT)
    player.at(season.dates.close_call)
    player.deliver(UNIT, WorkbookKind.SUBMISSIONS, [submission_row(a_form("压线成果"))])

    through, refused = at_once(runs(player, "close_call", close_call.closing, M.CLOSE_CALL))

    assert outcomes(through) == ["done"]
    assert {type(refusal) for refusal in refused} <= {LeaseTaken}
    assert all("is being worked on by another run" in str(refusal) for refusal in refused)
    assert (entries(player, "close_call"), entries(player, "submit")) == (1, 1)
    with player.reading() as session:
        assert session.get_one(Call, 2026).state is CallState.DISTRICT_REVIEW
        assert session.scalar(select(func.count()).select_from(Delivery)) == 1


def test_of_twenty_that_close_the_district_round_one_does(player_on_both: Player) -> None:
    player = player_on_both
    with player.writing() as session:
        a_season(session, state=CallState.DISTRICT_REVIEW)
        for _ in range(12):
            a_submission(session)
    player.at(player.due_at(M.CLOSE_DISTRICT_ROUND))

    through, refused = at_once(
        runs(player, "close_district_round", close_district_round.closing, M.CLOSE_DISTRICT_ROUND)
    )

    assert outcomes(through) == ["done"]
    assert {type(refusal) for refusal in refused} <= {LeaseTaken}
    assert entries(player, "archive") == 12
    assert player.letters("district_round_closed") == [f"district_round_closed/{UNIT}"]


def letters_wait(player: Player) -> None:
    with player.writing() as session:
        season = a_season(session)
        for ordinal in range(MESSAGES):
            post_message(
                session,
                key=f"2026/race/{ordinal:03d}",
                season=2026,
                recipient=f"unit-{ordinal}@example.invalid",
                subject="示例",
                body="示例\n",
                attachments="[]",
                state=MessageState.WAITING,
                written_at=season.dates.open_call,
                not_before=0.0,
                attempts=0,
                problem="",
            )
    player.at(season.dates.open_call)


class Counting:
    """Stands where the mail server stands; counts what reaches it."""

    def __init__(self, sent: list[str]) -> None:
        self.sent = sent

    def __enter__(self) -> "Counting":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send(self, envelope: deliver_messages.Envelope) -> None:
        self.sent.append(envelope.key)


@pytest.mark.parametrize("leases", ["one lease for all", "no lease in the way"])
def test_of_twenty_that_deliver_the_letters_each_goes_out_once(
    player_on_both: Player, monkeypatch: pytest.MonkeyPatch, leases: str
) -> None:
    """The lease is a courtesy; the database decides: without it, too, a letter goes out once."""
    letters_wait(player_on_both)
    sent: list[str] = []
    monkeypatch.setattr(deliver_messages, "open_transport", lambda _: Counting(sent))

    def deliver(ordinal: int) -> Result:
        stage = "deliver_messages" if leases == "one lease for all" else f"deliver_messages {ordinal}"
        return runs(player_on_both, stage, deliver_messages.delivering, None)(ordinal)

    through, refused = at_once(deliver)

    assert through
    assert {type(refusal) for refusal in refused} <= {LeaseTaken}
    assert sorted(sent) == [f"2026/race/{ordinal:03d}" for ordinal in range(MESSAGES)]
    with player_on_both.reading() as session:
        assert set(session.scalars(select(Message.state))) == {MessageState.SENT}

"""Units get what the experts wrote of their submissions: all of it, without a name, and in an order that tells nothing."""

import openpyxl
from sqlalchemy import select

from flows.publish.feedback import give_feedback, remarks_by_unit
from flows.run import Ending, Run
from models import Assignment, Expert, Message, Score
from models.enums import AssignmentState
from models.queries import by_whom_assigned
from tests.support.played import BEST, ONE
from tests.support.playing import Player


def test_each_unit_has_a_workbook_of_its_own_submissions(played: Player) -> None:
    path = played.home / "outbox" / "2026" / ONE / f"2026年评审意见-{ONE}.xlsx"

    told = [[cell.value for cell in row] for row in openpyxl.load_workbook(path).active.iter_rows(min_row=4)]

    assert {row[0] for row in told} <= {f"2026-{ONE}-{place:04d}" for place in range(1, 5)}
    assert [BEST, "示例·万州甲", "1", "示例评语1"] in told
    with played.reading() as session:
        letters = session.scalars(select(Message).where(Message.key.like("%feedback%"))).all()
    assert [letter.attachments for letter in letters if ONE in letter.key] == [f'["outbox/2026/{ONE}/{path.name}"]']


def test_names_of_the_panel_are_masked_and_who_stepped_back_is_left_out(played: Player) -> None:
    with played.writing() as session:
        rows = session.execute(
            select(Score, Expert.name)
            .join(Assignment, by_whom_assigned())
            .join(Expert, Expert.id == Score.expert)
            .where(Score.number == BEST, Assignment.state == AssignmentState.SCORED)
            .order_by(Score.expert)
        ).all()
        for place, (score, name) in enumerate(rows):
            score.comment = f"第{9 - place}条，{name}写"
        session.flush()

        (remarks,) = [one for one in remarks_by_unit(session, 2026)[ONE] if one.number == BEST]

    assert len(remarks.comments) == len(rows) >= 3
    assert list(remarks.comments) == sorted(remarks.comments)
    assert all("专家" not in comment for comment in remarks.comments)


def test_a_season_that_does_not_say_so_sends_none(played: Player) -> None:
    silent = played.season.model_copy(
        update={"final_round": played.season.final_round.model_copy(update={"feedback": False})}
    )

    def asking(run: Run) -> Ending:
        run.season = silent
        with run.step() as session:
            assert give_feedback(session, run) == 0
        return Ending()

    assert played.play("asking", asking).outcome == "done"

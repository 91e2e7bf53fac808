"""A season in its middle with something in every section of the office's page, played through the real stages."""

from datetime import timedelta

from sqlalchemy import select

from config.contacts import CONTACTS_FILE
from config.milestones import Milestone as M
from flows import draw_panel, open_call
from flows.collect import collecting
from flows.deliver_messages import delivering
from models import Duplicate, Failure, Message
from models.database import database_seconds
from models.enums import AssignmentState, MessageState, MilestoneState, PublicationKind, WorkbookKind
from models.queries import milestone_rows
from models.review import Assignment
from states.leases import hold, take
from states.machine import Act
from states.roots import record_root
from states.timeline import move_date, plan_season
from tests.support import played
from tests.support.builders import OFFICE, SYSTEM
from tests.support.playing import Player, points

FLOW_RUN = "0f0f0f0f-1111-4222-8333-444444444444"
HOSTILE = "<img src=x onerror=alert(1)>.xlsx"


def in_the_middle(player: Player) -> None:
    """Scores are coming in: some experts owe them, a unit's file came back, a letter is stuck, a stage fails."""
    rules = played.small_rules()
    player.at(rules.dates.open_call - timedelta(days=10))
    with player.writing() as session:
        plan_season(session, rules, Act(OFFICE, player.settings.clock.now()))
    (player.home / CONTACTS_FILE).write_text("单位代码,联系人,电话\n500103,示例·联络员,023-00000000\n", "utf-8")
    played._pass(player, M.OPEN_CALL, open_call.opening)
    played._submissions(player)
    played._verdicts(player)
    played._corrections(player)
    played._experts_come(player)
    played._pass(player, M.DRAW_PANEL, draw_panel.drawing)
    player.at(player.season.dates.draw_panel + timedelta(days=5))
    _some_scores(player)
    _refused(player)
    player.play("deliver_messages", delivering)
    at = player.settings.clock.now()
    with player.writing() as session:
        for row in milestone_rows(session, 2026):
            if M(row.milestone).is_reminder and row.due_at <= at:
                row.state, row.settled_at = MilestoneState.SKIPPED, row.due_at
        later = player.season.dates.close_final_round + timedelta(days=2)
        move_date(session, 2026, M.CLOSE_FINAL_ROUND, Act(OFFICE, at), to=later, reason="示例：专家出差")
        record_root(session, 2026, PublicationKind.PUBLIC_NOTICE, Act(SYSTEM, at))
        session.add(Duplicate(number="2026-500103-0001", other="2026-500101-0001", similarity=93))
        stuck = {"season": 2026, "recipient": "wrong@example.invalid", "body": "示例", "written_at": at}
        session.add(
            Message(
                key="2026/call_reminder/500107/9",
                subject="示例：申报催办",
                state=MessageState.STUCK,
                attempts=3,
                problem="550 5.1.1 no such user",
                **stuck,
            )
        )
        session.add(
            Failure(
                season=2026,
                stage="collect",
                subject=f"500101/{HOSTILE}",
                attempts=3,
                problem="示例：磁盘读不出",
                first_failed_at=at - timedelta(hours=2),
                failed_at=at,
                not_before=database_seconds(session) + 900,
            )
        )
        take(session, "clock", owner="a clock", seconds=9000)
        held = take(session, "stage/2026/deliver_messages", owner="a run", seconds=9000, flow_run=FLOW_RUN)
        hold(session, held, 17, 40)


def _some_scores(player: Player) -> None:
    """The first expert's scores, all of them; the second's first one; the others owe."""
    with player.reading() as session:
        assigned = session.execute(
            select(Assignment.expert, Assignment.number)
            .where(Assignment.state == AssignmentState.ACTIVE)
            .order_by(Assignment.expert, Assignment.number)
        ).all()
    first, second, *_ = dict.fromkeys(row.expert for row in assigned)
    for expert, most in ((first, 99), (second, 1)):
        rows = [
            {"申报编号": number, **points(player.season, played.SCORES[number]), "评语": "示例评语"}
            for other, number in assigned
            if other == expert
        ][:most]
        player.deliver(expert, WorkbookKind.SCORES, rows, name="评分.xlsx")
    player.play("collect", collecting)


def _refused(player: Player) -> None:
    (player.inbox("500107") / HOSTILE).write_bytes(b"no workbook")
    player.play("collect", collecting)

"""A district merges into another, or is called otherwise, in the middle of a season."""

from datetime import timedelta

import openpyxl
from sqlalchemy import select

from config.milestones import Milestone
from config.units import UNITS_FILE
from flows.close_call import closing
from flows.collect import collecting
from flows.home import paths
from flows.links.content import unit_page
from flows.open_call import opening
from flows.outbox.messages import addressee
from flows.remind import reminding_of_call
from flows.workbooks.writer.filling import submission_row
from models import Message, Submission
from models.enums import WorkbookKind
from states.history.read import read_entries
from states.machine import Act
from states.timeline import plan_season
from tests.support.builders import OFFICE, a_form, season_rules
from tests.support.playing import Player

GONE, HEIR = "500104", "500107"


def merged_from(player: Player, day: str) -> None:
    """The home's own list of units, in which 大渡口区 goes into 九龙坡区."""
    (player.home / "units").mkdir(exist_ok=True)
    lines = UNITS_FILE.read_text("utf-8")
    own = lines.replace(f"{GONE},大渡口区,区,,,,", f"{GONE},大渡口区,区,,{day},{HEIR},并入九龙坡区")
    (player.home / "units" / "reporting_units.csv").write_text(own, "utf-8")


def open_call(player: Player) -> None:
    player.at(season_rules().dates.open_call)
    with player.writing() as session:
        plan_season(session, season_rules(), Act(OFFICE, season_rules().dates.open_call))
    player.play("open_call", opening, Milestone.OPEN_CALL)


def test_its_letters_go_to_the_heir_who_delivers_for_it_with_its_own_workbook(player: Player) -> None:
    open_call(player)
    merged_from(player, "2026-04-01")
    player.at(season_rules().dates.open_call + timedelta(days=40))
    own = player.deliver(GONE, WorkbookKind.SUBMISSIONS, [submission_row(a_form("示例甲"))])
    own.rename(player.inbox(HEIR) / "原大渡口区.xlsx")
    player.deliver(HEIR, WorkbookKind.SUBMISSIONS, [submission_row(a_form("示例乙"))])

    player.play("collect", collecting)
    player.at(season_rules().dates.close_call - timedelta(days=3))
    player.play("remind", reminding_of_call, Milestone.REMIND_CALL, ordinal=2)

    with player.reading() as session:
        assert dict(session.execute(select(Submission.title, Submission.unit)).all()) == {
            "示例甲": GONE,
            "示例乙": HEIR,
        }
        receipts = session.scalars(select(Message).where(Message.key.contains(f"/receipt/{GONE}/"))).all()
    assert [receipt.recipient for receipt in receipts] == [season_rules().mail_of(HEIR)]
    assert "原大渡口区（现九龙坡区）" in receipts[0].body
    assert GONE in {unit.code for unit in player.season.units()}, "it stays a unit of the season that it began"


def test_until_that_day_everything_is_as_before(player: Player) -> None:
    open_call(player)
    merged_from(player, "2026-06-01")
    day = season_rules().dates.open_call + timedelta(days=40)

    assert addressee(season_rules(), GONE, day) == ("大渡口区", season_rules().mail_of(GONE))
    assert addressee(season_rules(), GONE, day + timedelta(days=60))[0] == "原大渡口区（现九龙坡区）"


def test_a_renamed_unit_bears_the_name_of_the_instant_and_what_was_said_keeps_the_old_one(player: Player) -> None:
    (player.home / "units").mkdir()
    renamed = f"{HEIR},九龙坡区,区,,2026-04-01,,\n{HEIR},九龙新区,区,2026-04-01,,,更名\n"
    own = UNITS_FILE.read_text("utf-8").replace(f"{HEIR},九龙坡区,区,,,,\n", renamed)
    (player.home / "units" / "reporting_units.csv").write_text(own, "utf-8")
    open_call(player)
    player.at(season_rules().dates.open_call + timedelta(days=10))
    player.deliver(HEIR, WorkbookKind.SUBMISSIONS, [submission_row(a_form("示例甲"))], name="一.xlsx")
    player.play("collect", collecting)
    with player.reading() as session:
        before = list(read_entries(session, 2026))

    player.at(season_rules().dates.open_call + timedelta(days=40))
    player.deliver(HEIR, WorkbookKind.SUBMISSIONS, [submission_row(a_form("示例乙"))], name="二.xlsx")
    player.play("collect", collecting)
    player.at(season_rules().dates.close_call)
    player.play("close_call", closing, Milestone.CLOSE_CALL)

    called = {"call_opened": "九龙坡区", "call_closed": "九龙新区"}
    with player.reading() as session:
        said = {
            key.split("/")[1]: body
            for key, body in session.execute(select(Message.key, Message.body).where(Message.key.contains(f"/{HEIR}")))
        }
        receipts = session.scalars(
            select(Message.body).where(Message.key.contains(f"/receipt/{HEIR}/")).order_by(Message.written_at)
        ).all()
        page = unit_page(session, player.settings, player.season, HEIR, player.settings.clock.now())
        after = list(read_entries(session, 2026))
        assert [entry for entry in before if entry not in after] == []
        assert {row.unit for row in session.scalars(select(Submission))} == {HEIR}
    for kind, name in called.items():
        assert f"{name}科协" in said[kind], kind
    assert ["九龙坡区科协" in receipts[0], "九龙新区科协" in receipts[1]] == [True, True]
    assert page["name"] == "九龙新区"
    for kind, name in ((WorkbookKind.SUBMISSIONS, "九龙坡区"), (WorkbookKind.VERDICTS, "九龙新区")):
        book = openpyxl.load_workbook(paths.issued(player.settings, 2026, HEIR, kind))
        texts = "".join(str(cell) for sheet in book for row in sheet.values for cell in row)
        assert [known for known in ("九龙坡区", "九龙新区") if known in texts] == [name], kind


def test_another_units_workbook_stays_refused(player: Player) -> None:
    """Only whoever took over delivers for a unit that is no more."""
    open_call(player)
    merged_from(player, "2026-04-01")
    player.at(season_rules().dates.open_call + timedelta(days=40))
    own = player.deliver(GONE, WorkbookKind.SUBMISSIONS, [submission_row(a_form("示例甲"))])
    own.rename(player.inbox("500101") / "原大渡口区.xlsx")

    player.play("collect", collecting)

    with player.reading() as session:
        assert session.scalars(select(Submission)).all() == []

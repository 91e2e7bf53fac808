"""Scorecards of a season that was played: every figure traces to entries of the record."""

from python_calamine import CalamineWorkbook
from sqlalchemy import select

from flows.assess_units import assessing
from models import Contributor, History, Organisation, Submission
from models.enums import SubmissionState, Tier, Trigger
from tests.support.played import ONE
from tests.support.playing import Player


def test_every_figure_of_a_played_season_is_counted_from_the_rows_and_names_entries(played: Player) -> None:
    done = played.play("assess_units", assessing)

    folder = played.home / "office" / "2026" / "scorecards"
    assert dict(done.lines)["units assessed"] == "39"
    assert len(list(folder.glob("*.html"))) == len(list(folder.glob("*.xlsx"))) == 40
    book = CalamineWorkbook.from_path(str(folder / f"{ONE}-工作考核.xlsx"))
    figures = {row[0]: row for row in book.get_sheet_by_name("考核指标").to_python()}
    proof = book.get_sheet_by_name("依据").to_python()[1:]
    with played.reading() as session:
        own = session.scalars(select(Submission).where(Submission.season == 2026, Submission.unit == ONE)).all()
        assert float(figures["申报数"][3]) == len(own)
        awarded = [row for row in own if row.tier is Tier.FIRST and row.archived_from is SubmissionState.AWARDED]
        assert float(figures["一等奖数"][3]) == len(awarded)
        for name, subject, sequence in proof:
            entry = session.get(History, (subject, int(sequence)))
            assert entry is not None, (name, subject, sequence)
            of_call = entry.subject == "call/2026" and name in ("发动单位数", "发动人数", "好经验好做法数")
            assert of_call or subject.startswith(f"submission/2026-{ONE}-")
        numbers = [row.number for row in own]
        bodies = set(session.scalars(select(Organisation.credit_code).where(Organisation.number.in_(numbers))))
        people = set(session.scalars(select(Contributor.name_key).where(Contributor.number.in_(numbers))))
        assert (float(figures["发动单位数"][3]), float(figures["发动人数"][3])) == (len(bodies), len(people))
        assert float(figures["异议成立数"][3]) == 1
        firsts = [(subject, int(sequence)) for name, subject, sequence in proof if name == "一等奖数"]
        assert all(session.get_one(History, key).trigger == Trigger.AWARD for key in firsts)
    assert played.letters("assess") == [], "nobody is written to"


def test_cards_made_twice_are_the_same(played: Player) -> None:
    played.at(played.season.dates.close_season)
    played.play("assess_units", assessing)
    page = played.home / "office" / "2026" / "scorecards" / f"{ONE}.html"
    before = page.read_bytes()

    played.play("assess_units", assessing)

    assert page.read_bytes() == before

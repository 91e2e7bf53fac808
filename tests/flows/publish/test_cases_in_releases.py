"""What a release holds of a case follows its consents: a name, a text and a picture come and go with them."""

from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import select
from sqlmodel import SQLModel

from config.milestones import Milestone
from config.units import UNITS_FILE
from flows import erase_personal_data
from flows.decide import decide
from flows.decisions import Decision
from flows.home.releases import Releases
from flows.papers.payment_list import write_payment_list
from flows.papers.putting import papers_of
from flows.publish.release import publish, wants_release
from models import Picture
from models.submission import FollowUpPicture
from states.audit.invariants import broken_invariants
from tests.support.played import BEST
from tests.support.playing import Player

NAME, ALT = "示例完成人1", "示例装置运行的情形"


def take_back(words: str) -> dict[str, object]:
    return decide.fn(2026, "示例·王主任", Decision.WITHDRAW_CONSENT, BEST, "本人来函", other=words)


def everything_released(player: Player) -> str:
    """Every file of every release that lies there, as text."""
    found = (path for path in (player.home / "releases").rglob("*") if path.is_file() and path.suffix != ".zip")
    return "\n".join(path.read_text("utf-8", "replace") for path in found)


def pictures_of(player: Player) -> list[str]:
    return sorted(path.name for path in (player.home / "site" / "pictures").glob("*"))


def encoded(player: Player) -> str:
    with player.reading() as session:
        return session.get_one(Picture, (BEST, 1)).encoded


def shown_later(player: Player) -> list[str]:
    """The pictures that came a year later, with what became of the achievement."""
    with player.reading() as session:
        return [session.get_one(FollowUpPicture, (BEST, position)).encoded for position in (1, 2)]


def files(*stems: str) -> list[str]:
    return sorted(f"{stem}{end}" for stem in stems for end in ("-small.webp", ".jpg", ".webp"))


@pytest.fixture
def released(played: Player) -> Player:
    publish(played.settings, played.engine, played.settings.clock.now(), afresh=True)
    return played


@pytest.mark.parametrize("renamed_on", ["2026-06-01", "2026-12-01"])
def test_a_unit_bears_the_name_of_the_day_that_a_page_or_list_speaks_of(played: Player, renamed_on: str) -> None:
    unit = BEST.split("-")[1]
    lines = UNITS_FILE.read_text("utf-8").splitlines()
    (own,) = (line for line in lines if line.startswith(unit))
    old, new = own.split(",")[1], "示例更名区"
    dated = [f"{unit},{old},区,,{renamed_on},,", f"{unit},{new},区,{renamed_on},,,更名"]
    (played.home / "units").mkdir()
    (played.home / "units" / "reporting_units.csv").write_text(
        "\n".join([*(line for line in lines if line != own), *dated]) + "\n", "utf-8"
    )

    publish(played.settings, played.engine, played.settings.clock.now(), afresh=True)

    site, by_then = played.home / "site", renamed_on < "2026-07"
    for page in ("2026/notice.html", "2026/results.html", f"cases/{BEST}/index.html", "cases/data/2026.js"):
        text = (site / page).read_text("utf-8")
        assert (old in text, new in text) == (not by_then, by_then), page
    assert new not in (site / "2026/call.html").read_text("utf-8"), "it was called otherwise when the call went out"
    assert ("示例更名区" in (site / "wall/data.js").read_text("utf-8")) == by_then
    with played.reading() as session:
        papers = papers_of(session, played.season, "")
    assert papers is not None
    book = load_workbook(BytesIO(write_payment_list(papers.payment_list(unit))))
    assert papers.kits[unit].where == (new if by_then else old)
    assert (new in str([*book.worksheets[0].values])) == by_then


def test_a_release_has_the_pictures_and_the_wall(released: Player) -> None:
    stem = encoded(released)
    site = released.home / "site"

    assert pictures_of(released) == files(stem, *shown_later(released))
    shown = (site / "wall" / "data.js").read_text("utf-8")
    assert all(word in shown for word in (BEST, NAME, ALT, f"pictures/{stem}.webp", '"layout":"season"'))
    assert (site / "wall" / "pictures" / f"{stem}.webp").read_bytes() == (
        site / "pictures" / f"{stem}.webp"
    ).read_bytes()
    assert (site / "wall.zip").is_file()
    assert "怎样放映" in (site / "wall" / "guide.html").read_text("utf-8")


def test_a_name_taken_back_is_in_no_release_any_more(released: Player) -> None:
    assert NAME in everything_released(released)

    lines = take_back(NAME)

    assert lines["public no more"] == "完成人1的姓名"
    assert NAME not in everything_released(released)
    assert "未同意公开姓名" in (released.home / "site" / "2026" / "results.html").read_text("utf-8")
    assert len(Releases(released.home).numbers()) == 1, "no release from before may be put back"


def test_a_picture_taken_back_is_gone_and_the_case_stays(released: Player) -> None:
    stem = encoded(released)

    take_back("图片1")

    assert pictures_of(released) == files(*shown_later(released))
    assert not list((released.home / "releases").rglob(f"{stem}*"))
    shown = (released.home / "site" / "wall" / "data.js").read_text("utf-8")
    assert (BEST in shown, NAME in shown, ALT in shown) == (True, True, False)


def test_a_published_picture_outlasts_the_attachments_and_goes_when_it_is_taken_back(released: Player) -> None:
    stem, later, store = encoded(released), shown_later(released), released.home / "pictures" / "2026"
    (store / f"{'0' * 64}.webp").write_bytes(b"of somebody who got no award")
    released.at(released.due_at(Milestone.ERASE_PERSONAL_DATA))

    released.play("erase_personal_data", erase_personal_data.erasing, Milestone.ERASE_PERSONAL_DATA)

    assert not (released.home / "attachments" / "2026").exists()
    assert sorted(path.name for path in store.iterdir()) == files(stem, *later)
    publish(released.settings, released.engine, released.settings.clock.now())
    assert stem in "".join(pictures_of(released))

    take_back("全部")

    assert NAME not in everything_released(released)
    assert pictures_of(released) == []
    assert list(store.iterdir()) == []
    with released.reading() as session:
        assert broken_invariants(session) == []
        rows = (row for table in SQLModel.metadata.sorted_tables for row in session.execute(select(table)))
        assert [row for row in rows if NAME in repr(row)] == []


def test_who_dies_before_earlier_releases_made_place_is_made_up_for(
    released: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as cut_off:
        cut_off.setattr(Releases, "prune", lambda *_: None)
        take_back(NAME)
    assert NAME in everything_released(released)
    assert wants_release(released.settings, released.engine)

    assert publish(released.settings, released.engine, released.settings.clock.now()) is None

    assert NAME not in everything_released(released)
    assert not wants_release(released.settings, released.engine)

"""What personal data is held, until when, and what of one person; after the deletion, what stays."""

import json
from pathlib import Path

from sqlalchemy import select

from models import Expert
from models.enums import CallState, Outcome, SubmissionState
from states.machine import Act
from states.maintenance.erasure import erase
from tests.flows.cli.conftest import Gangchuang
from tests.support.builders import OFFICE, a_form, a_season, a_seat, a_submission, an_expert
from tests.support.playing import Player


def test_every_kind_is_listed_with_its_date_and_goes_on_it(gangchuang: Gangchuang, player: Player) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.PUBLISHED)
        a_submission(session, SubmissionState.ARCHIVED, outcome=Outcome.NO_PRIZE)
        a_submission(session, SubmissionState.ARCHIVED, outcome=Outcome.COMPLETED)
        a_seat(session, season)
    player.at(season.dates.archive)

    before = gangchuang("privacy", 2026).out
    told = json.loads(gangchuang("privacy", 2026, "--json").out)
    with player.writing() as session:
        erase(session, season, Act(OFFICE, season.erase_personal_data_at))
    after = gangchuang("privacy", 2026).out

    assert "contacts 联系人: 2 row(s), until 2028-08-30 09:00 Asia/Shanghai" in before
    assert "contributors not published 未公开的完成人: 1 row(s), until" in before
    assert "experts on the panel 评委" in before
    contacts = next(kind for kind in told["held"] if kind["what"] == "contacts 联系人")
    assert (contacts["rows"], contacts["until"]) == (2, "2028-08-30T09:00:00+08:00")
    assert (told["erased"], told["erase_at"]) == (False, contacts["until"])
    assert "is deleted on 2028-08-30" in before
    assert "experts of the pool 专家库: " in before
    assert (told["backups"], told["backups_to_delete"]) == ([], [])
    assert "contacts" not in after
    assert "not published" not in after
    assert "experts" not in after
    with player.reading() as session:
        assert set(session.scalars(select(Expert.name))) == {"（未公开）"}
    assert "was deleted already" in after


def test_a_person_is_found_however_the_name_is_written(gangchuang: Gangchuang, player: Player) -> None:
    with player.writing() as session:
        season = a_season(session)
        number = a_submission(session, form=a_form("示例装置"))
        an_expert(session, 1, name="示例·乙")
    player.at(season.dates.close_call)

    found = gangchuang("privacy", 2026, "--name", "示例·示例裝置")
    elsewhere = gangchuang("privacy", 2026, "--name", "示例·示例装置", "--organisation", "示例另一单位")

    told = json.loads(gangchuang("privacy", 2026, "--name", "示例·示例裝置", "--json").out)

    assert [(one["key"], one["theirs"]) for one in told["found"]] == [(f"{number}/1", True), (number, False)]
    assert f"contributor 完成人: {number}/1: 示例·示例装置，示例单位示例装置，；未公开；成果《示例装置》" in found.out
    assert "(until 2028-08-30 09:00 Asia/Shanghai)" in found.out
    assert "2 place(s) and 0 file(s) name 示例·示例裝置." in found.out
    assert "contributor" not in elsewhere.out, "what others wrote says no organisation; the form does"


def test_what_a_person_is_handed_is_a_page_and_a_backup_from_before_a_deletion_is_named(
    gangchuang: Gangchuang, player: Player, tmp_path: Path
) -> None:
    with player.writing() as session:
        season = a_season(session, state=CallState.PUBLISHED)
        a_submission(session, SubmissionState.ARCHIVED, outcome=Outcome.NO_PRIZE, form=a_form("示例装置"))
    player.at(season.dates.archive)
    folder = player.home / "backups"
    folder.mkdir()

    gangchuang("privacy", 2026, "--name", "示例·示例装置", "--extract", tmp_path / "extract.html")
    assert gangchuang("backup", folder / "a.zip").status == 0
    done = gangchuang(
        "decide",
        "erase_person",
        2026,
        "示例·示例装置",
        "--other",
        "示例单位示例装置",
        "--by",
        OFFICE.name,
        "--reason",
        "本人来函",
    )
    named = gangchuang("privacy", 2026).out
    gone = gangchuang("backup", folder / "b.zip").out

    page = (tmp_path / "extract.html").read_text("utf-8")
    assert "示例·示例装置，示例单位示例装置" in page
    assert "示例摘要" not in page
    assert done.status == 0, done.err
    assert "backups/a.zip: holds what was deleted since: delete it" in named
    assert "a.zip is deleted" in gone
    assert [path.name for path in folder.iterdir()] == ["b.zip"]

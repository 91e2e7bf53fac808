"""What personal data is held, until when, and what of one person; after the deletion, what stays."""

import json

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
    assert "contacts" not in after
    assert "not published" not in after
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

    assert [one["key"] for one in told["found"]] == [f"{number} no. 1"]
    assert f"contributor 完成人: {number} no. 1: 示例·示例装置, 示例单位示例装置" in found.out
    assert "1 place(s) name 示例·示例裝置." in found.out
    assert "0 place(s)" in elsewhere.out

"""Those who fill workbooks: what they send can be sent again as the same file, and is read as they meant it."""

import zipfile
from pathlib import Path

import pytest

from config.season import load_season
from config.settings import Settings
from flows.demo.cast import Cast, cast_of
from flows.demo.clerks import Clerks, NothingIssued
from flows.demo.script import Deed, Scene, script_of
from flows.demo.world import World
from flows.home import paths
from flows.home.files import digest_of
from flows.kinds.table import layout_of, read_delivery
from flows.workbooks.columns.mark import Mark
from flows.workbooks.writer.template import write_template
from models.enums import WorkbookKind

SEASON = load_season(2026)


@pytest.fixture(scope="module")
def cast() -> Cast:
    return cast_of(SEASON)


@pytest.fixture
def clerks(home_settings: Settings, cast: Cast) -> Clerks:
    return Clerks(World(home_settings, cast))


def _issue(own: Settings, unit: str) -> None:
    target = paths.issued(own, SEASON.year, unit, WorkbookKind.SUBMISSIONS)
    target.parent.mkdir(parents=True)
    write_template(
        target,
        mark=Mark(SEASON.year, unit, WorkbookKind.SUBMISSIONS, 1),
        key=own.signing_key(),
        layout=layout_of(WorkbookKind.SUBMISSIONS, SEASON),
        season=SEASON,
        recipient_name=unit,
        deadline=SEASON.dates.close_call,
        created_at=SEASON.dates.open_call,
    )


def _sending(cast: Cast, unit: str) -> Scene:
    return next(scene for scene in script_of(cast) if scene.deed is Deed.SEND_SUBMISSIONS and scene.subject == unit)


def _inbox(clerks: Clerks, unit: str) -> list[Path]:
    return list((paths.inbox(clerks.world.settings) / unit).iterdir())


def test_a_scene_repeated_after_a_crash_sends_the_same_file(clerks: Clerks, cast: Cast) -> None:
    scene = _sending(cast, cast.plot.changed.split("/")[0])
    _issue(clerks.world.settings, scene.subject)

    clerks.send(clerks.unsent(scene))
    [before] = [(path.name, digest_of(path)) for path in _inbox(clerks, scene.subject)]
    assert len(clerks.unsent(scene)) == 1
    clerks.send(clerks.unsent(scene))

    assert [(path.name, digest_of(path)) for path in _inbox(clerks, scene.subject)] == [before]


def test_zipped_delivery_is_read_with_its_attachments_as_it_was_meant(clerks: Clerks, cast: Cast) -> None:
    own, scene = clerks.world.settings, _sending(cast, cast.plot.zipped_units[0])
    _issue(own, scene.subject)

    clerks.send(clerks.unsent(scene))
    [path] = _inbox(clerks, scene.subject)
    reading = read_delivery(path, season=SEASON, sender=scene.subject, key=own.signing_key(), newest_issue=None)

    rows = scene.details["delivery"].rows
    assert zipfile.is_zipfile(path)
    assert reading.all_problems == ()
    assert [row.form for row in reading.rows] == [row.form for row in rows]
    assert {attachment.name for attachment in reading.attachments} == {name for row in rows for name in row.form.files}


def test_sending_what_was_never_issued_says_so(clerks: Clerks, cast: Cast) -> None:
    with pytest.raises(NothingIssued, match="申报汇总表"):
        clerks.unsent(_sending(cast, cast.units[0].code))

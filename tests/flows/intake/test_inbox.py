"""The inbox: slow writers, sealed copies, what lies where nobody takes it, what the office hands in."""

import errno
import fcntl
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import select

from config.clock import Clock
from config.settings import Settings
from flows.home import paths
from flows.intake import inbox as module
from flows.intake.inbox import is_open_for_writing, sealed, strays, unfinished, waiting_files
from flows.office.doctor_files import FILE_INVARIANTS
from flows.workbooks.writer.filling import submission_row
from models import History, Message, Submission
from models.enums import DeliveryState, WorkbookKind
from states.audit.invariants import INVARIANTS
from tests.flows.test_collect import OTHER, an_open_call, collect, deliveries, send
from tests.support import libreoffice
from tests.support.builders import UNIT, a_form
from tests.support.playing import Player
from tests.support.workbooks import Workshop, typed


@pytest.fixture
def opened(player: Player) -> Player:
    return an_open_call(player)


def broken(player: Player) -> list[str]:
    """What the doctor would say of deliveries and files."""
    watched = {"no_orphan_file", "every_delivery_is_answered", "taken_as_they_came", "attachments_are_kept"}
    found = []
    with player.reading() as session:
        for invariant in (*INVARIANTS, *FILE_INVARIANTS):
            if invariant.name in watched or "deliver" in invariant.name or "orphan" in invariant.name:
                found += [f"{invariant.name}: {offender}" for offender in invariant.offenders(session, player.home)]
    return found


@pytest.fixture
def real(home_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A home with the real clock, whose files can be made to have rested."""
    (home_settings.home / "inbox" / UNIT).mkdir(parents=True)
    assert not home_settings.clock.stepped
    return home_settings


def rested(path: Path, seconds: float) -> None:
    at = Clock(path.parent).now().timestamp() - seconds
    os.utime(path, (at, at))


def whole(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("a", b"x" * 5000)
    return path.read_bytes()


def test_a_file_that_is_open_or_cut_off_or_new_is_left_alone(real: Settings) -> None:
    path = paths.inbox(real) / UNIT / "申报.xlsx"
    content = whole(path)
    assert list(waiting_files(real)) == [], "it came just now"
    rested(path, 30)
    assert list(waiting_files(real)) == [(UNIT, path)]
    with path.open("r+b"):
        assert list(waiting_files(real)) == [], "somebody has it open to write, however long ago they wrote"
    with path.open("rb"):
        assert list(waiting_files(real)) == [(UNIT, path)], "reading does no harm"
    path.write_bytes(content[:-30])
    rested(path, 60)
    assert list(waiting_files(real)) == [], "a zip without its end is still on its way"
    rested(path, 700)
    assert list(waiting_files(real)) == [(UNIT, path)], "unless nothing more ever comes"


@pytest.mark.skipif(libreoffice.PROGRAM is None, reason=libreoffice.MISSING)
def test_an_old_workbook_and_a_picture_show_whether_they_are_whole(real: Settings, tmp_path: Path) -> None:
    saved = libreoffice.convert(Workshop(tmp_path).filled(typed()), tmp_path / "saved", "xls:MS Excel 97")
    pdf, text = b"%PDF-1.7 " + b"x" * 900 + b"%%EOF", b"a,b\n1,2\n"
    for name, content in (("申报.xls", saved.read_bytes()), ("说明.pdf", pdf)):
        path = paths.inbox(real) / UNIT / name
        for share in (0.02, 0.3, 0.6, 0.9, 0.97):
            path.write_bytes(content[: int(len(content) * share)])
            rested(path, 60)
            assert list(waiting_files(real)) == [], f"{share} of {name} is still on its way"
        path.write_bytes(content)
        rested(path, 5)
        assert list(waiting_files(real)) == [(UNIT, path)]
        path.unlink()
    unknown = paths.inbox(real) / UNIT / "表.csv"
    unknown.write_bytes(text)
    for seconds, taken in ((20, []), (31, [(UNIT, unknown)])):
        rested(unknown, seconds)
        assert list(waiting_files(real)) == taken, "what shows no end rests longer"


def test_a_date_in_the_future_keeps_nothing_waiting_for_ever(real: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    path = paths.inbox(real) / UNIT / "申报.xlsx"
    whole(path)
    rested(path, -86400)
    assert list(waiting_files(real)) == []
    later = Clock(real.home).now().timestamp() + 60
    monkeypatch.setattr("config.clock.time.time", lambda: later)
    assert list(waiting_files(real)) == [(UNIT, path)]


def test_where_no_lease_is_to_be_had_the_open_files_of_processes_tell(
    real: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = paths.inbox(real) / UNIT / "申报.xlsx"
    whole(path)

    def refused(*_: object) -> None:
        raise OSError(errno.EACCES, "not yours")

    monkeypatch.setattr(fcntl, "fcntl", refused)
    assert not is_open_for_writing(path)
    with path.open("rb"):
        assert not is_open_for_writing(path)
    with path.open("ab"):
        assert is_open_for_writing(path)


def test_what_is_written_on_after_the_taking_is_a_new_delivery(opened: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    send(opened, "一号成果")
    path = opened.inbox(UNIT) / "申报.xlsx"
    first = path.read_bytes()
    put_away, writers = module.put_away, []

    def late(*arguments: object) -> None:
        put_away(*arguments)  # type: ignore[arg-type]
        if not writers:
            writers.append(path.open("ab"))
            writers[0].write(b"more")

    monkeypatch.setattr("flows.intake.deliveries.put_away", late)
    collect(opened)
    (delivery,) = deliveries(opened)
    lies = paths.taken(opened.settings, 2026, UNIT, delivery.digest, delivery.file_name)
    assert lies.read_bytes() == first
    assert path.is_file(), "whoever writes goes on writing where they began"
    assert collect(opened)["taken"] == "0", "they are not done"
    writers[0].close()

    assert collect(opened)["taken"] == "1"
    assert list(opened.inbox(UNIT).iterdir()) == []
    assert len(deliveries(opened)) == 2
    assert lies.read_bytes() == first
    assert broken(opened) == []


def test_what_was_taken_is_sealed_and_the_doctor_looks_at_every_byte(opened: Player) -> None:
    send(opened, "一号成果")
    collect(opened)
    (delivery,) = deliveries(opened)
    lies = paths.taken(opened.settings, 2026, UNIT, delivery.digest, delivery.file_name)
    assert lies.stat().st_mode & 0o777 == 0o400
    assert broken(opened) == []

    lies.chmod(0o600)
    lies.write_bytes(b"another")
    assert [finding for finding in broken(opened) if "is not what came" in finding]
    lies.unlink()
    assert [finding for finding in broken(opened) if "is gone" in finding]


def test_a_folder_is_a_delivery_that_the_doctor_knows(opened: Player) -> None:
    send(opened, "一号成果")
    folder = opened.inbox(UNIT) / "资料"
    folder.mkdir()
    (opened.inbox(UNIT) / "申报.xlsx").rename(folder / "申报.xlsx")
    (folder / "Thumbs.db").write_bytes(b"x")

    assert collect(opened)["rows in"] == "1"
    assert broken(opened) == []

    shutil.copytree(next((opened.home / "taken" / "2026" / UNIT).iterdir()), opened.inbox(UNIT) / "再来")
    assert collect(opened)["taken before"] == "1"
    assert broken(opened) == []
    assert list(opened.inbox(UNIT).iterdir()) == []


def test_drafts_of_a_run_that_died_go(opened: Player) -> None:
    dead = opened.home / "taken" / ".sealing-999999999-abcdef12"
    dead.mkdir(parents=True)
    (dead / "申报.xlsx").write_bytes(b"x")
    send(opened, "一号成果")

    collect(opened)

    assert not dead.exists()


def test_a_sealed_copy_holds_what_was_there_links_and_all(opened: Player) -> None:
    folder = opened.inbox(UNIT) / "资料"
    folder.mkdir()
    (folder / "a").write_bytes(b"x")
    (folder / "b").symlink_to("/nowhere")
    os.mkfifo(folder / "c")
    with sealed(opened.settings, folder) as copy:
        assert copy.digest == module.digest_of(folder) == module.digest_of(copy.path)
        assert sorted(path.name for path in copy.path.iterdir()) == ["a", "b", "c"]
    assert not copy.path.exists()


def test_what_lies_in_no_folder_or_is_never_whole_is_named(real: Settings) -> None:
    stray, part = paths.inbox(real) / "申报.xlsx", paths.inbox(real) / UNIT / "申报.xlsx.filepart"
    for path in (stray, part):
        path.write_bytes(b"x")
    assert (strays(real), unfinished(real)) == ([stray], [])
    rested(part, 700)
    assert unfinished(real) == [part]


@pytest.mark.parametrize("packed", [False, True], ids=["workbook", "zip"])
def test_the_office_hands_in_for_whoever_the_mark_names(opened: Player, packed: bool) -> None:
    send(opened, "一号成果")
    workbook, office = opened.inbox(UNIT) / "申报.xlsx", opened.inbox(paths.OFFICE)
    if packed:
        with zipfile.ZipFile(office / "微信.zip", "w") as package:
            package.write(workbook, "申报.xlsx")
        workbook.unlink()
    else:
        workbook.rename(office / "微信.xlsx")

    assert collect(opened)["rows in"] == "1"

    (row,) = deliveries(opened)
    assert (row.sender, row.handed_in_by, row.state) == (UNIT, "office", DeliveryState.ACCEPTED)
    with opened.reading() as session:
        entry = session.scalars(select(History).where(History.trigger == "submit")).one()
        assert json.loads(entry.facts)["handed_in_by"] == "office"
        assert session.scalars(select(Message.recipient)).all() == [opened.season.mail_of(UNIT)]
        assert session.scalars(select(Submission.unit)).all() == [UNIT]
    assert broken(opened) == []


def test_what_the_office_hands_in_without_a_genuine_mark_comes_back_to_the_office(opened: Player) -> None:
    (opened.inbox(paths.OFFICE) / "微信.xlsx").write_bytes(b"x")

    collect(opened)

    (row,) = deliveries(opened)
    assert (row.sender, row.handed_in_by, row.state) == (paths.OFFICE, "", DeliveryState.REFUSED)


def test_the_same_row_twice_names_the_line_of_the_sheet(opened: Player) -> None:
    send(opened, "一号成果", "一号成果", unit=OTHER)

    collect(opened)

    (row,) = deliveries(opened)
    assert (row.rows_in, row.rows_back) == (1, 1)
    assert "与本表第5行为同一成果" in row.problems
    with opened.reading() as session:
        assert len(session.scalars(select(Submission)).all()) == 1


def test_an_older_sheet_does_not_take_back_a_newer_one_unless_it_is_meant(opened: Player) -> None:
    first, other = submission_row(a_form("一号成果")), submission_row(a_form("二号成果"))
    newer = {**first, "创新性": "示例：补充了对比试验"}
    sheets = {"一": [first], "二": [newer], "三": [first, other], "四": [{**first, "撤回": "改回"}]}
    for name, rows in sheets.items():
        opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, rows, name=f"{name}.xlsx")
        collect(opened)

    found = {row.file_name: row for row in deliveries(opened)}
    assert [(found[f"{name}.xlsx"].rows_in, found[f"{name}.xlsx"].rows_back) for name in sheets] == [
        (1, 0),
        (1, 0),
        (1, 1),
        (1, 0),
    ]
    assert "第1版相同，现有更新的第2版，可能用了旧表" in found["三.xlsx"].problems
    with opened.reading() as session:
        assert session.get_one(Submission, f"2026-{UNIT}-0001").version == 3


def receipt_of(player: Player, name: str) -> str:
    """Everything that stands on the first sheet of a delivery's receipt."""
    row = next(delivery for delivery in deliveries(player) if delivery.file_name == name)
    sheet = openpyxl.load_workbook(player.home / row.receipt).worksheets[0]
    return "\n".join(str(cell) for line in sheet.iter_rows(values_only=True) for cell in line if cell)


def test_a_corrected_title_beside_the_old_one_is_shown_as_probably_the_same(opened: Player) -> None:
    send(opened, "车间自动送料装置节能改造", "二号成果", name="一.xlsx")
    collect(opened)
    send(opened, "车间自动送料装置的节能改造", "二号成果", name="二.xlsx")
    collect(opened)

    assert f"与已接收的编号 2026-{UNIT}-0001“车间自动送料装置节能改造”很可能是同一成果" in receipt_of(opened, "二.xlsx")
    assert "很可能是同一成果" not in receipt_of(opened, "一.xlsx")


def test_two_alike_in_one_sheet_are_meant(opened: Player) -> None:
    send(opened, "车间自动送料装置节能改造", "二号成果", name="一.xlsx")
    collect(opened)
    send(opened, "车间自动送料装置节能改造", "车间自动送料装置的节能改造", name="二.xlsx")
    collect(opened)

    assert "很可能是同一成果" not in receipt_of(opened, "二.xlsx")


def test_a_withdrawn_entry_sent_again_says_that_it_was_withdrawn(opened: Player) -> None:
    row = submission_row(a_form("一号成果"))
    number = f"2026-{UNIT}-0001"
    withdrawn = {"申报编号": number, "撤回": "撤回"}
    numbered = {**row, "申报编号": number}
    again = [row, submission_row(a_form("二号成果"))]
    for name, rows in (("一", [row]), ("二", [withdrawn]), ("三", [numbered]), ("四", again)):
        opened.deliver(UNIT, WorkbookKind.SUBMISSIONS, rows, name=f"{name}.xlsx")
        collect(opened)

    assert f"编号 {number} 已撤回，不能再修改；要重新申报的，请将“申报编号”留空" in receipt_of(opened, "三.xlsx")
    assert f"同一成果的编号 {number} 已撤回" in receipt_of(opened, "四.xlsx")

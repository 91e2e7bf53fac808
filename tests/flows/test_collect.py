"""Deliveries: each content is taken once a sender, answered with a receipt, and put aside as it came."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from config.settings import HomeNotWritable, Settings, settings
from flows.collect import collecting
from flows.decide import decide
from flows.decisions import Decision
from flows.intake import deliveries as module
from flows.intake.inbox import Sealed
from flows.run import Result, StageFailed
from flows.stage import play
from flows.workbooks.writer.filling import submission_row
from models import Delivery, Message, Submission
from models.database import make_engine, reading
from models.enums import CallState, DeliveryState, WorkbookKind
from states.audit.verify import verify
from states.leases import LeaseTaken
from states.machine import Act
from states.timeline import move_date
from tests.support.builders import OFFICE, UNIT, a_form, a_season
from tests.support.databases import TEMPLATE, Postgres
from tests.support.playing import Player
from tests.support.threads import at_once

OTHER = "500101"
SECOND = timedelta(seconds=1)


@pytest.fixture
def opened(player_on_both: Player) -> Player:
    """The call is open; two units have their workbooks; the clock stands in April."""
    return an_open_call(player_on_both)


def an_open_call(player: Player) -> Player:
    with player.writing() as session:
        season = a_season(session, state=CallState.OPEN)
    player.at(season.dates.open_call.replace(month=4))
    for unit in (UNIT, OTHER):
        player.issue(WorkbookKind.SUBMISSIONS, unit)
    return player


def send(player: Player, *titles: str, unit: str = UNIT, name: str = "申报.xlsx") -> None:
    rows = [submission_row(a_form(title)) for title in titles]
    player.deliver(unit, WorkbookKind.SUBMISSIONS, rows, name=name)


def collect(player: Player) -> dict[str, str]:
    return dict(player.play("collect", collecting).lines)


def deliveries(player: Player) -> list[Delivery]:
    with player.reading() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.taken_at, Delivery.sender, Delivery.digest)))


def test_a_delivery_is_taken_answered_and_put_aside(opened: Player) -> None:
    send(opened, "一号成果", "二号成果")

    lines = collect(opened)

    (row,) = deliveries(opened)
    assert (lines["taken"], lines["rows in"], lines["rows back"], lines["messages written"]) == ("1", "2", "0", "1")
    assert (row.state, row.kind, row.sender, row.file_name) == (
        DeliveryState.ACCEPTED,
        WorkbookKind.SUBMISSIONS,
        UNIT,
        "申报.xlsx",
    )
    assert (opened.home / row.receipt).is_file()
    assert list(opened.inbox(UNIT).iterdir()) == []
    assert (opened.home / "taken" / "2026" / UNIT / f"{row.digest[:16]}-申报.xlsx").is_file()
    with opened.reading() as session:
        message = session.scalars(select(Message)).one()
        assert json.loads(message.attachments) == [row.receipt]
        assert f"2026-{UNIT}-0001" in message.body


def test_the_same_content_under_another_name_is_taken_once(opened: Player) -> None:
    send(opened, "一号成果")
    content = (opened.inbox(UNIT) / "申报.xlsx").read_bytes()
    collect(opened)
    (opened.inbox(UNIT) / "又一份.xlsx").write_bytes(content)

    lines = collect(opened)

    assert (lines["taken"], lines["taken before"]) == ("0", "1")
    assert len(deliveries(opened)) == 1
    assert list(opened.inbox(UNIT).iterdir()) == []
    first, again = opened.letters("receipt")
    with opened.reading() as session:
        letters = [session.get_one(Message, f"2026/{key}") for key in (first, again)]
        assert letters[0].body == letters[1].body
        assert letters[0].attachments == letters[1].attachments


def test_half_copied_files_and_traces_of_programs_wait(opened: Player) -> None:
    partial = ("part", "FilePart", "tmp", "crdownload", "partial", "OPDOWNLOAD", "download")
    traces = (".hidden.xlsx", "~$申报.xlsx", "._申报.xlsx", ".DS_Store", "desktop.ini", "Thumbs.DB", "__MACOSX")
    names = (*traces, *(f"申报.xlsx.{ending}" for ending in partial))
    for name in names:
        (opened.inbox(UNIT) / name).write_bytes(b"x")
    (opened.inbox(UNIT) / "资料").mkdir()
    (opened.inbox(UNIT) / "资料" / "附件.pdf.filepart").write_bytes(b"x")

    assert collect(opened)["taken"] == "0"
    assert len(list(opened.inbox(UNIT).iterdir())) == len(names) + 1


def test_a_workbook_of_another_unit_is_refused_and_nothing_of_it_comes_in(opened: Player) -> None:
    send(opened, "一号成果", unit=OTHER)
    stray = opened.inbox(OTHER) / "申报.xlsx"
    stray.rename(opened.inbox(UNIT) / "申报.xlsx")

    lines = collect(opened)

    (row,) = deliveries(opened)
    assert (row.state, row.sender, lines["rows in"]) == (DeliveryState.REFUSED, UNIT, "0")
    assert "万州区" in row.problems or OTHER in row.problems
    with opened.reading() as session:
        assert session.scalars(select(Submission)).all() == []


@pytest.mark.parametrize("folder", ["999999", "500105", "E9999"])
def test_an_unknown_folder_is_answered_to_the_office(opened: Player, folder: str) -> None:
    (opened.inbox(folder) / "申报.xlsx").write_bytes(b"x")

    collect(opened)

    (row,) = deliveries(opened)
    assert row.state is DeliveryState.REFUSED
    with opened.reading() as session:
        assert session.scalars(select(Message.recipient)).all() == [opened.season.office.mail]


def test_one_bad_file_does_not_stop_the_next(opened: Player) -> None:
    (opened.inbox(OTHER) / "坏.xlsx").write_bytes(b"PK\x03\x04 no zip at all")
    send(opened, "一号成果")

    lines = collect(opened)

    assert (lines["taken"], lines["rows in"]) == ("2", "1")
    assert {delivery.sender: delivery.state for delivery in deliveries(opened)} == {
        OTHER: DeliveryState.REFUSED,
        UNIT: DeliveryState.ACCEPTED,
    }


def test_what_is_too_large_is_not_even_hashed(opened: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    giant = opened.inbox(UNIT) / "申报.zip"
    with giant.open("wb") as file:
        file.truncate(6 << 30)
    folder = opened.inbox(UNIT) / "文件夹"
    folder.mkdir()
    for name in ("一", "二"):
        with (folder / name).open("wb") as file:
            file.truncate(200 << 20)
    monkeypatch.setattr("flows.intake.inbox.digest_of", lambda path: pytest.fail(f"{path} was hashed"))

    with pytest.raises(StageFailed, match="is larger than any delivery may be"):
        collect(opened)

    assert giant.exists()
    assert folder.exists()
    assert deliveries(opened) == []


def test_whatever_lies_in_an_inbox_is_answered_and_put_aside(player: Player) -> None:
    """A dangling link, a pipe, a name that is no UTF-8, one too long for the disk beside its digest, a folder."""
    an_open_call(player)
    inbox = player.inbox(OTHER)
    (inbox / "link.xlsx").symlink_to("/nowhere")
    os.mkfifo(inbox / "pipe.xlsx")
    (inbox / os.fsdecode("申报.xlsx".encode("gb18030"))).write_bytes(b"x")
    (inbox / f"{'长' * 83}.xlsx").write_bytes(b"y")
    (inbox / "a\nb.xlsx").write_bytes(b"z")
    (inbox / "空").mkdir()
    send(player, "一号成果")

    lines = collect(player)

    assert (lines["taken"], lines["rows in"]) == ("7", "1")
    assert list(inbox.iterdir()) == []
    names = {row.file_name for row in deliveries(player) if row.sender == OTHER}
    assert names == {"link.xlsx", "pipe.xlsx", "申报.xlsx", f"{'长' * 83}.xlsx", "a_b.xlsx", "空"}
    assert len(list((player.home / "taken" / "2026" / OTHER).iterdir())) == 6


@pytest.mark.parametrize(("offset", "rows"), [(-SECOND, "1"), (0 * SECOND, "1"), (SECOND, "0")])
def test_what_arrives_around_the_deadline(opened: Player, offset: timedelta, rows: str) -> None:
    opened.at(opened.season.dates.close_call + offset)
    send(opened, "一号成果")

    assert collect(opened)["rows in"] == rows


def test_a_units_own_date_counts_for_it_alone(opened: Player) -> None:
    own = opened.season.dates.close_call + timedelta(days=8)
    with opened.writing() as session:
        move_date(
            session, 2026, "close_call", Act(OFFICE, opened.settings.clock.now()), to=own, reason="示例", unit=UNIT
        )
    opened.at(own)
    send(opened, "一号成果")
    send(opened, "二号成果", unit=OTHER)

    collect(opened)

    assert {delivery.sender: delivery.state for delivery in deliveries(opened)} == {
        OTHER: DeliveryState.REFUSED,
        UNIT: DeliveryState.ACCEPTED,
    }


@pytest.mark.parametrize("known_row", [False, True], ids=["refused", "partly accepted"])
def test_a_late_delivery_is_taken_after_the_office_admitted_it(player: Player, known_row: bool) -> None:
    an_open_call(player)
    if known_row:
        send(player, "一号成果")
        collect(player)
    player.at(player.season.dates.close_call + timedelta(hours=3))
    send(player, *(["一号成果"] if known_row else []), "迟到成果", name="补.xlsx")
    collect(player)
    late = deliveries(player)[-1]
    assert late.state is (DeliveryState.PARTLY if known_row else DeliveryState.REFUSED)
    first = player.settings.home / late.receipt
    before = first.read_bytes()

    decide.fn(2026, OFFICE.name, Decision.ADMIT_LATE, late.digest[:8], "邮路中断")
    lines = collect(player)

    assert lines["taken"] == "1"
    assert deliveries(player)[-1].state is DeliveryState.ACCEPTED
    with player.reading() as session:
        titles = session.scalars(select(Submission.title).order_by(Submission.number)).all()
        assert titles == (["一号成果"] if known_row else []) + ["迟到成果"]
    assert len(player.letters("receipt")) == 2 + known_row
    # The first letter, should it go out again, still carries what it was written for.
    assert first.read_bytes() == before
    assert (player.settings.home / deliveries(player)[-1].receipt).is_file()
    assert deliveries(player)[-1].receipt != late.receipt


def test_a_file_that_vanishes_is_named_and_the_others_are_taken(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_open_call(player)
    send(player, "一号成果")
    send(player, "二号成果", unit=OTHER)
    clear = module.clear

    def full(path: Path, copy: Sealed) -> None:
        if OTHER in str(path):
            raise HomeNotWritable(player.home, "No space left on device")
        clear(path, copy)

    monkeypatch.setattr(module, "clear", full)
    with pytest.raises(StageFailed, match=f"{OTHER}/申报.xlsx: .*No space left"):
        collect(player)
    monkeypatch.undo()

    lines = collect(player)

    assert (lines["taken"], lines["taken before"]) == ("0", "1")
    assert len(player.letters("receipt")) == 2, "it is the same arrival: no second receipt"
    with player.reading() as session:
        assert len(session.scalars(select(Submission)).all()) == 2


def test_where_no_copy_can_be_sealed_nothing_is_taken_until_it_can(
    opened: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(opened, "一号成果")
    monkeypatch.setattr(shutil, "copyfileobj", lambda *_: 1 / 0)
    with pytest.raises(StageFailed, match="stays in the inbox"):
        collect(opened)
    monkeypatch.undo()
    assert deliveries(opened) == []
    assert len(list(opened.inbox(UNIT).iterdir())) == 1

    assert collect(opened)["taken"] == "1"
    assert list((opened.home / "taken").glob(".*")) == []


@pytest.fixture
def racing(postgres: Postgres, fresh_home: object) -> Iterator[tuple[Engine, Settings]]:
    engine = make_engine(postgres.create("gangchuang_collect", TEMPLATE))
    yield engine, settings()
    engine.dispose()
    postgres.drop("gangchuang_collect")


def test_of_twenty_collectors_one_takes_each_delivery(racing: tuple[Engine, Settings]) -> None:
    engine, own = racing
    player = an_open_call(Player(own, engine))
    send(player, "一号成果", "二号成果")
    send(player, "三号成果", unit=OTHER)
    at = own.clock.now()
    plays: Callable[[int], Result] = lambda _: play(  # noqa: E731
        "collect", 2026, collecting, engine=engine, settings=own, at=at
    )

    through, refused = at_once(plays)

    assert {type(refusal) for refusal in refused} <= {LeaseTaken}
    assert sum(int(dict(result.lines)["taken"]) for result in through) == 2
    with reading(engine) as session:
        assert len(session.scalars(select(Submission)).all()) == 3
        assert verify(session) == []


def test_of_twenty_who_take_the_same_file_without_a_lease_one_keeps_it(racing: tuple[Engine, Settings]) -> None:
    """The lease is a courtesy; the database decides: stages that collect at their end run beside the collector."""
    engine, own = racing
    player = an_open_call(Player(own, engine))
    send(player, "一号成果")
    at = own.clock.now()

    def take(ordinal: int) -> Result:
        return play(f"stage {ordinal}", 2026, collecting, engine=engine, settings=own, at=at)

    through, refused = at_once(take)

    assert sum(int(dict(result.lines)["taken"]) for result in through) + len(refused) >= 1
    with reading(engine) as session:
        assert len(session.scalars(select(Submission)).all()) == 1
        assert len(session.scalars(select(Delivery)).all()) == 1
        assert verify(session) == []
        assert len(session.scalars(select(Message)).all()) == 1

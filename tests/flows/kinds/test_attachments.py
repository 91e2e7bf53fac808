"""Files that come with submissions are kept apart, once by content, bound by digest, and never lost."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select

from flows.collect import collecting
from flows.intake import deliveries as module
from flows.workbooks.writer.filling import submission_row
from models import Attachment, Consent, Delivery, History, Message, Picture, Submission
from models.enums import CallState, ConsentKind, WorkbookKind
from models.forms import PictureForm
from states.audit.verify import verify
from tests.support.builders import UNIT, a_form, a_season
from tests.support.played import a_picture
from tests.support.playing import Player

PROOF, PHOTO = b"%PDF example", b"\xff\xd8\xff example"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def opened(player_on_both: Player) -> Player:
    with player_on_both.writing() as session:
        season = a_season(session, state=CallState.OPEN)
    player_on_both.at(season.dates.open_call.replace(month=4))
    player_on_both.issue(WorkbookKind.SUBMISSIONS, UNIT)
    return player_on_both


def send(player: Player, name: str, files: dict[str, bytes], **changes: object) -> None:
    """A zip with one row that names its attachments; without files the workbook alone."""
    form = a_form("一号成果", **{"attachments": ("证明.pdf", "照片.jpg"), **changes})
    book = player.deliver(UNIT, WorkbookKind.SUBMISSIONS, [submission_row(form)], name="申报.xlsx")
    if files:
        with zipfile.ZipFile(player.inbox(UNIT) / f"{name}.zip", "w") as package:
            package.writestr("材料/申报.xlsx", book.read_bytes())
            for part, content in files.items():
                package.writestr(part, content)
        book.unlink()
    else:
        book.rename(book.with_name(f"{name}.xlsx"))


def collect(player: Player) -> None:
    player.play("collect", collecting)


def kept(player: Player) -> dict[int, list[tuple[str, str]]]:
    """(name, digest) of the files by version."""
    found: dict[int, list[tuple[str, str]]] = {}
    with player.reading() as session:
        for row in session.scalars(select(Attachment).order_by(Attachment.version, Attachment.position)):
            found.setdefault(row.version, []).append((row.name, row.digest))
    return found


def stored(player: Player) -> list[str]:
    return sorted(path.name for path in (player.home / "attachments" / "2026").iterdir())


def test_files_lie_apart_and_the_record_is_bound_to_them(opened: Player) -> None:
    send(opened, "一", {"材料/证明.pdf": PROOF, "材料/照片.jpg": PHOTO, "材料/没有写到.txt": b"x"})

    collect(opened)

    assert kept(opened) == {1: [("材料/证明.pdf", digest(PROOF)), ("材料/照片.jpg", digest(PHOTO))]}
    assert stored(opened) == sorted([f"{digest(PROOF)}.pdf", f"{digest(PHOTO)}.jpg"])
    for path in (opened.home / "attachments" / "2026").iterdir():
        assert digest(path.read_bytes()) == path.stem
    with opened.reading() as session:
        facts = session.scalars(select(History.facts).where(History.trigger == "submit")).one()
        assert json.loads(facts)["attachments"] == [digest(PROOF), digest(PHOTO)]
        assert "证明" not in facts
        assert verify(session) == []


def test_a_changed_file_is_a_new_version_and_the_same_again_is_none(opened: Player) -> None:
    send(opened, "一", {"证明.pdf": PROOF, "照片.jpg": PHOTO})
    collect(opened)
    send(opened, "同样的", {"夹/证明.pdf": PROOF, "夹/照片.jpg": PHOTO})
    collect(opened)
    assert sorted(kept(opened)) == [1]
    send(opened, "单独的表", {})
    collect(opened)
    assert sorted(kept(opened)) == [1]

    send(opened, "换了证明", {"证明.pdf": PROOF + b" new", "照片.jpg": PHOTO})
    collect(opened)
    send(opened, "只改文字", {}, abstract="改过的摘要")
    collect(opened)

    changed = [("证明.pdf", digest(PROOF + b" new")), ("照片.jpg", digest(PHOTO))]
    assert kept(opened) == {1: [("证明.pdf", digest(PROOF)), ("照片.jpg", digest(PHOTO))], 2: changed, 3: changed}
    assert len(stored(opened)) == 3
    with opened.reading() as session:
        assert session.scalars(select(Submission)).one().version == 3
        entries = session.scalars(select(History.facts).where(History.trigger == "amend")).all()
        assert [json.loads(facts)["attachments"] for facts in entries] == [[digest for _, digest in changed]] * 2


def test_a_file_named_but_not_packed_is_told_by_its_cell_and_nothing_is_kept(opened: Player) -> None:
    send(opened, "一", {"证明.pdf": PROOF})

    collect(opened)

    with opened.reading() as session:
        (problem,) = json.loads(session.scalars(select(Delivery.problems)).one())
    assert (problem[1], problem[2]) == ("AT5", "“附件文件名”写了“照片.jpg”，但压缩包（文件夹）里没有，请核对文件名。")
    assert kept(opened) == {}
    assert not (opened.home / "attachments").exists()


def test_a_crash_after_the_files_were_written_leaves_nothing_over(
    opened: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(opened, "一", {"证明.pdf": PROOF, "照片.jpg": PHOTO})

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "keep_answer", die)
    with pytest.raises(KeyboardInterrupt):
        collect(opened)
    monkeypatch.undo()
    assert (len(stored(opened)), kept(opened)) == (2, {})

    collect(opened)

    assert len(stored(opened)) == 2
    assert {digest for _, digest in kept(opened)[1]} == {Path(name).stem for name in stored(opened)}


def test_a_folder_is_taken_whole_once_and_put_aside(opened: Player) -> None:
    send(opened, "一", {"证明.pdf": PROOF, "照片.jpg": PHOTO})
    package, folder = opened.inbox(UNIT) / "一.zip", opened.home / "又一份"
    zipfile.ZipFile(package).extractall(folder)
    package.unlink()
    for name in ("一", "又一份", "一"):
        shutil.copytree(folder, opened.inbox(UNIT) / name)
        collect(opened)

    with opened.reading() as session:
        (row,) = session.scalars(select(Delivery))
        assert (row.rows_in, row.file_name) == (1, "一")
    assert list(opened.inbox(UNIT).iterdir()) == []
    (aside,) = [path for path in (opened.home / "taken" / "2026" / UNIT).iterdir() if path.name.endswith("-一")]
    assert sorted(path.name for path in aside.rglob("*") if path.is_file()) == ["照片.jpg", "申报.xlsx", "证明.pdf"]


def test_a_broken_picture_is_named_in_the_receipt_and_the_row_is_taken(opened: Player) -> None:
    """Given one good picture, one cut off and one that is only for the experts, when taken, then one is made ready."""
    shown, whole = {"portrait": False, "alt": "示例装置运行的情形"}, a_picture(2400, 1200, "JPEG")
    pictures = (
        PictureForm(name="好.jpg", consent=True, **shown),
        PictureForm(name="坏.jpg", consent=True, **shown),
        PictureForm(name="不公开.jpg", consent=False, **shown),
    )
    files = {"好.jpg": whole, "坏.jpg": whole[:3000], "不公开.jpg": a_picture(90, 60, "JPEG")}
    send(opened, "一", files, attachments=(), pictures=pictures)

    collect(opened)

    with opened.reading() as session:
        (row,) = session.scalars(select(Picture))
        assert (row.position, row.digest, row.width, row.height) == (1, digest(whole), 1920, 960)
        given = session.execute(select(Consent.position, Consent.given).where(Consent.kind == ConsentKind.PICTURE))
        assert sorted(map(tuple, given)) == [(1, True), (2, True), (3, False)]
        letter = session.scalars(select(Message).where(Message.key.like("%receipt%"))).one()
    assert "“图片2文件名”写的“坏.jpg”已损坏或不完整，读不出来，这张图片没有采用" in letter.body
    lying = sorted(path.name for path in (opened.home / "pictures" / "2026").iterdir())
    assert lying == [f"{row.encoded}-small.webp", f"{row.encoded}.jpg", f"{row.encoded}.webp"]
    assert len(stored(opened)) == 3, "the files themselves are kept for the office"

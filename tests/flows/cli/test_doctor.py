"""`doctor` and `health` as an administrator uses them."""

from pathlib import Path

import pytest
from sqlalchemy import text

from states.failures import keep_failures
from states.leases import take
from tests.flows.cli.conftest import Answer, Gangchuang
from tests.support.playing import Player


@pytest.fixture
def whole(gangchuang: Gangchuang, player: Player, played_backup: Path) -> Player:
    """The home of a season that was played to its end, brought back from its backup."""
    assert gangchuang("restore", played_backup).status == 0
    return player


def test_the_doctor_names_every_invariant_in_a_line(gangchuang: Gangchuang, whole: Player) -> None:
    answer = gangchuang("doctor")

    *lines, last = answer.out.splitlines()
    assert (answer.status, last) == (0, "Everything holds.")
    assert all(line.startswith("ok      ") for line in lines)
    assert len(lines) >= 28
    assert "ok      gapless_sequences: The entries of every subject are numbered 1, 2, 3 without a gap." in lines


def test_the_doctor_names_what_breaks_an_invariant(gangchuang: Gangchuang, whole: Player) -> None:
    with whole.writing() as session:
        session.execute(text("UPDATE submission SET field = '示例' WHERE number = '2026-500101-0001'"))
    for name in ("taken/2026/500103/0000000000000000-表.xlsx", "mail/strange.eml", "releases/1/2026/old.html"):
        (whole.home / name).parent.mkdir(parents=True, exist_ok=True)
        (whole.home / name).write_text("orphan")
    (whole.home / "receipts" / "2019").mkdir(parents=True)
    (attachment,) = (whole.home / "attachments" / "2026").glob("*.pdf")
    attachment.rename(attachment.with_name("0" * 64 + ".pdf"))

    answer = gangchuang("doctor")

    assert answer.status == 1
    found = broken(answer.out)
    pages = found.pop("pages_as_published")
    assert "releases/1/2026/old.html/belongs to no release" in pages
    assert any("cases/2026-500101-0001/index.html/is not what" in page for page in pages), "the field is on its page"
    assert found == {
        "rows_follow_the_record": ["submission/2026-500101-0001/field"],
        "no_orphan_file": ["taken/2026/500103/0000000000000000-表.xlsx"],
        "attachments_are_kept": [
            f"2026-500101-0001/{attachment.stem} is gone",
            f"attachments/2026/{'0' * 64}.pdf",
        ],
        "no_orphan_letter": ["mail/strange.eml"],
        "no_strange_season": ["receipts/2019"],
    }
    assert answer.err == "6 invariant(s) do not hold.\n"


def test_the_doctor_misses_a_published_page(gangchuang: Gangchuang, whole: Player) -> None:
    site = (whole.home / "site").resolve()
    (site / "2026" / "notice.html").unlink()
    page = (site / "2026" / "index.html").read_text("utf-8")
    (site / "2026" / "index.html").write_text(page.replace("2026", "2027"), "utf-8")

    found = broken(gangchuang("doctor").out)["pages_as_published"]
    assert gangchuang("site", "publish", "--afresh").out == "Release 2 is out.\n"
    (whole.home / "site").unlink()
    (whole.home / "site").symlink_to("releases/1")
    led_astray = broken(gangchuang("doctor").out)["pages_as_published"]

    afresh = "`gangchuang site publish --afresh` writes it again"
    assert found == [f"releases/1/2026/index.html/was altered ({afresh})", "releases/1/2026/notice.html/is gone"]
    assert led_astray[0] == "site/does not lead to the newest release, 2"
    assert gangchuang("site", "publish").out == "Nothing public has changed; no release was made.\n"
    assert (whole.home / "site").readlink().name == "2", "what was whole and not out is out again"


def broken(said: str) -> dict[str, list[str]]:
    """What the doctor found, by invariant."""
    found: dict[str, list[str]] = {}
    for line in said.splitlines():
        if line.startswith("BROKEN "):
            found[line.split()[1].rstrip(":")] = []
        elif line.startswith("        - "):
            found[list(found)[-1]].append(line.removeprefix("        - "))
    return found


def test_health_status_and_doctor_say_when_somebody_must_act(gangchuang: Gangchuang, opened: Player) -> None:
    with opened.writing() as session:
        take(session, "clock", owner="a clock", seconds=90)
    assert gangchuang("health") == Answer(0, "All is well.\n", "")

    with opened.writing() as session:
        opened_at = opened.settings.clock.now()
        keep_failures(session, 2026, "collect", {"500103/坏.xlsx": "no space"}, at=opened_at, seconds=60)
    assert gangchuang("health").status == 1
    assert gangchuang("status").status == 0

    with opened.writing() as session:
        keep_failures(session, 2026, "collect", {"500103/坏.xlsx": "no space"}, at=opened_at, seconds=60)
    answers = {command: gangchuang(command) for command in ("health", "status", "doctor")}
    assert {command: answer.status for command, answer in answers.items()} == {"health": 2, "status": 1, "doctor": 1}
    assert all("collect 2026, 500103/坏.xlsx failed 2 time(s)" in answer.out for answer in answers.values())
    assert "ATTENTION" in answers["status"].out

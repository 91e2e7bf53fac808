"""Where there are no link pages, what experts may see goes out beside their score sheets, in parts that a mail can carry."""

import hashlib
import json
import zipfile
from pathlib import Path

from sqlalchemy import select

from flows.home import paths
from flows.kinds.review_material import material_of
from flows.kinds.scores import issue_sheet
from flows.outbox.letters import LetterKind
from flows.run import Ending, Run
from models import Attachment, Expert, Message, SubmissionVersion
from models.enums import CallState
from states.panel.aliases import Aliases
from tests.support.builders import UNIT, a_form, a_season
from tests.support.panel import an_assignment, an_eligible_submission
from tests.support.playing import Player

_MB = 1_000_000


def a_sheet(player: Player, sizes: list[int]) -> tuple[str, str]:
    """Issue a score sheet over one submission with marked files of some sizes, and one that is not marked."""
    with player.writing() as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        number = an_eligible_submission(session, form=a_form("一种示例装置"))
        expert = an_assignment(session, number, 1)
        names = [f"示例·一种示例装置图{place}.bin" for place, _ in enumerate(sizes)]
        version = session.get_one(SubmissionVersion, (number, 1))
        version.content = json.dumps(json.loads(version.content) | {"review_attachments": names})
        for place, (name, size) in enumerate([*zip(names, sizes, strict=True), ("盖章页.bin", 10)], start=1):
            content = bytes([place]) * size
            digest = hashlib.sha256(content).hexdigest()
            (paths.attachments(player.settings, 2026) / f"{digest}.bin").write_bytes(content)
            session.add(
                Attachment(number=number, version=1, position=place, name=name, digest=digest, size=len(content))
            )
    player.at(player.season.dates.draw_panel)

    def issuing(run: Run) -> Ending:
        with run.step() as session:
            rows = material_of(session, run.season, [number]).rows
            issue_sheet(
                session, run, session.get_one(Expert, expert), rows, letter=LetterKind.EXPERT_INVITATION, occasion=""
            )
        return Ending()

    player.play("draw_panel", issuing)
    return number, expert


def packages(player: Player, expert: str) -> list[Path]:
    return sorted((player.home / "outbox" / "2026" / expert).glob("材料*.zip"))


def test_marked_files_go_out_under_aliases_in_parts_that_a_mail_carries(player: Player) -> None:
    number, expert = a_sheet(player, [6 * _MB, 6 * _MB, 6 * _MB])
    with player.reading() as session:
        alias = Aliases(session, player.season).of(number)
        letters = [
            row for row in session.scalars(select(Message).order_by(Message.key)) if "/expert_material/" in row.key
        ]

    found = packages(player, expert)

    assert [path.name for path in found] == ["材料-1.zip", "材料-2.zip"]
    assert max(path.stat().st_size for path in found) * 4 / 3 < 20 * _MB
    held = [name for path in found for name in zipfile.ZipFile(path).namelist()]
    assert held == [f"{alias}/附件{place}-■■图{place - 1}.bin" for place in (1, 2, 3)]
    assert [json.loads(letter.attachments) for letter in letters] == [
        [str(path.relative_to(player.home))] for path in found
    ]
    assert not {number, UNIT} & {word for letter in letters for word in (number, UNIT) if word in letter.body}


def test_one_part_is_called_plainly_and_what_is_too_large_is_named(player: Player) -> None:
    _, expert = a_sheet(player, [_MB, 15 * _MB])

    assert [path.name for path in packages(player, expert)] == ["材料.zip"]
    with player.reading() as session:
        (letter,) = [row for row in session.scalars(select(Message)) if "/expert_material/" in row.key]
    assert "附件2-■■图1.bin" in letter.body

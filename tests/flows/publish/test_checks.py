"""The page that a certificate's code leads to: valid, replaced or revoked, and a name only as far as it was released."""

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from flows.decide import decide
from flows.decisions import Decision
from flows.publish.release import publish
from models import Certificate
from models.enums import Holder
from states.roots import newest_publication
from tests.support.builders import OFFICE
from tests.support.played import BEST, HIDDEN
from tests.support.playing import Player


def published(player: Player) -> Path:
    publish(player.settings, player.engine, player.settings.clock.now())
    return player.home / "site"


def first_of(player: Player, number: str, holder: Holder = Holder.CONTRIBUTOR) -> Certificate:
    with player.reading() as session:
        query = select(Certificate).where(Certificate.number == number, Certificate.holder == holder)
        return session.scalars(query.order_by(Certificate.ordinal)).first()  # type: ignore[return-value]


def page(site: Path, ordinal: int) -> str:
    return (site / "check" / f"2026-{ordinal:04d}" / "index.html").read_text("utf-8")


def test_every_number_has_its_page_and_shows_no_name_that_was_not_released(played: Player) -> None:
    shown, hidden = first_of(played, BEST), first_of(played, HIDDEN)
    site = published(played)

    with played.reading() as session:
        ordinals = session.scalars(select(Certificate.ordinal)).all()
    assert {path.name for path in (site / "check").glob("*/")} == {f"2026-{ordinal:04d}" for ordinal in ordinals}
    for ordinal in ordinals:
        assert f'href="2026-{ordinal:04d}/index.html"' in (site / "check" / "index.html").read_text("utf-8")
    for word in ("有效。", shown.name, BEST, "一等奖", "岗创〔2026〕第"):
        assert word in page(site, shown.ordinal), word
    assert hidden.name not in page(site, hidden.ordinal)
    assert "未同意公开" in page(site, hidden.ordinal)
    firm = first_of(played, HIDDEN, Holder.ORGANISATION)
    assert firm.name not in page(site, firm.ordinal)
    for target in re.findall(r'href="(\.\./[^"]+)"', page(site, shown.ordinal)):
        assert (site / "check" / "2026-0001" / target.partition("?")[0]).resolve().is_file(), target


def test_a_corrected_and_a_revoked_certificate_say_so_and_can_be_proved(played: Player, tmp_path: Path) -> None:
    played.at(played.season.dates.close_season + timedelta(days=9))
    corrected, revoked = first_of(played, BEST), first_of(played, HIDDEN)
    decide.fn(2026, OFFICE.name, Decision.CORRECT_NAME, f"2026-{corrected.ordinal:04d}", "笔误", "示例·䶮")
    decide.fn(2026, OFFICE.name, Decision.REVOKE, HIDDEN, "示例：失实")
    site = published(played)

    with played.reading() as session:
        successor = session.get_one(Certificate, (2026, corrected.ordinal)).successor
        root = newest_publication(session, 2026).root
    assert "已换发，本编号作废" in page(site, corrected.ordinal)
    assert f'href="../2026-{successor:04d}/index.html"' in page(site, corrected.ordinal)
    assert corrected.name not in page(site, corrected.ordinal)
    assert "示例·䶮" in page(site, successor or 0)
    assert "已撤销，本编号作废" in page(site, revoked.ordinal)
    assert "示例：失实" not in page(site, revoked.ordinal)
    for ordinal, state in ((corrected.ordinal, "replaced"), (successor, "valid"), (revoked.ordinal, "revoked")):
        command = re.search(r'<pre class="hash">(.+?)</pre>', page(site, ordinal or 0))
        assert command is not None
        typed = [sys.executable, *command[1].replace("根值", root).split()[1:]]
        answer = subprocess.run(typed, cwd=site / "2026", capture_output=True, text=True, check=True).stdout
        assert f"Certificate 2026-{ordinal:04d}: {state}" in answer


def test_another_certificates_change_writes_no_page_again(played: Player) -> None:
    site, corrected, other = published(played), first_of(played, BEST), first_of(played, HIDDEN)
    before = (site / "check" / f"2026-{other.ordinal:04d}" / "index.html").stat().st_ino
    decide.fn(2026, OFFICE.name, Decision.CORRECT_NAME, f"2026-{corrected.ordinal:04d}", "笔误", "示例·䶮")

    site = published(played)

    assert (site / "check" / f"2026-{other.ordinal:04d}" / "index.html").stat().st_ino == before

"""Releases as the year makes them: by themselves, of one instant, put back on the record."""

import json
from pathlib import Path

import pytest

from config.settings import HomeNotWritable
from flows import stage
from flows.decide import decide
from flows.decisions import Decision
from flows.home.releases import Releases
from flows.publish.release import PARTS, publish, wants_release
from models import Submission
from models.enums import Outcome, Tier
from states.audit.export import checked_export
from states.audit.recompute import recompute
from states.audit.replay import replay
from tests.support.played import BEST
from tests.support.playing import Player

OFFICER = "示例·王主任"


def ask(decision: Decision, subject: str) -> dict[str, object]:
    return decide.fn(2026, OFFICER, decision, subject, "示例：经核查")


def test_a_decision_makes_a_release_whose_page_and_export_agree(played: Player) -> None:
    before = Releases(played.home).newest()

    lines = ask(Decision.REVOKE, BEST)

    releases = Releases(played.home)
    made, site = releases.newest(), played.home / "site"
    assert before is not None
    assert made is not None
    assert (lines["release"], made.number, releases.out()) == (str(before.number + 1), before.number + 1, made.number)
    entries = list(checked_export(site / "2026" / "history.jsonl"))
    standing = {subject.partition("/")[2]: found for subject, found in replay(entries)}
    assert (standing[BEST].outcome, standing[BEST].tier) == (Outcome.REVOKED, Tier.FIRST)
    assert recompute(entries) == []
    page = (site / "2026" / "results.html").read_text("utf-8")
    awarded = {number for number, found in standing.items() if found.tier and found.outcome != Outcome.REVOKED}
    listed = page.partition('id="list"')[2].partition("<h2")[0]
    assert {number for number in standing if f">{number}<" in listed} == awarded
    assert "release.json" not in made.files
    told = json.loads((site / "release.json").read_bytes())
    assert told["instant"].startswith(f"{played.settings.clock.now():%Y-%m-%d}")
    assert not wants_release(played.settings, played.engine)


def test_a_disk_that_refuses_does_not_undo_the_decision(played: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise HomeNotWritable(Path("releases"), "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(stage, "publish", refused)
        lines = ask(Decision.REVOKE, BEST)

    with played.reading() as session:
        assert session.get_one(Submission, BEST).outcome is Outcome.REVOKED
    assert "No space left" in str(lines["pages not published"])
    assert wants_release(played.settings, played.engine)
    assert publish(played.settings, played.engine, played.settings.clock.now()) is not None
    assert not wants_release(played.settings, played.engine)


def test_every_part_is_there_once() -> None:
    assert len(set(PARTS)) == len(PARTS)

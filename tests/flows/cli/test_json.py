"""Every command that lists has its facts for programs too."""

import inspect
import json
from collections.abc import Iterator
from typing import Any

import click
import pytest
import typer
from sqlalchemy import text

from flows.cli.commands import app
from tests.flows.cli.conftest import Gangchuang
from tests.support.office import in_the_middle
from tests.support.playing import Player

# The first words of what a command that lists says of itself.
LISTS = ("List", "Tell", "Show the history", "Print a season's calendar", "Check", "Say", "Recompute")


def commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield from commands(command, *path, name) if hasattr(command, "commands") else [((*path, name), command)]


def test_every_command_that_lists_takes_json() -> None:
    lacking = [
        path
        for path, command in commands(typer.main.get_command(app))
        if inspect.cleandoc(command.help or "").startswith(LISTS)
        and not any("--json" in option.opts for option in command.params)
    ]

    assert lacking == []


@pytest.fixture
def middle(player: Player) -> Player:
    in_the_middle(player)
    return player


def test_what_is_listed_is_the_same_in_json(gangchuang: Gangchuang, middle: Player) -> None:
    def told(*words: object) -> Any:
        return json.loads(gangchuang(*words, "--json").out)

    (letter,) = told("mail", 2026)
    assert (letter["state"], letter["attempts"], letter["next_try_at"]) == ("stuck", 3, None)
    assert "wrong@example.invalid" not in json.dumps(letter)
    pool = told("experts", "list", 2026)
    assert len(pool) == 9
    assert {"id", "name", "this_season"} <= pool[0].keys()
    checked = told("season", "check", 2026)
    assert checked["dates"][0]["milestone"] == "open_call"
    assert checked["dates"][0]["due_at"] == "2026-03-02T09:00:00+08:00"
    assert told("season", "calendar", 2026)["years"]["2026"]["provisional"] is False
    assert told("verify")["findings"] == []
    assert told("recompute", 2026)["differences"] == []
    assert told("site", "list")["releases"] is not None
    health = gangchuang("health", "--json")
    assert (health.status, json.loads(health.out)["level"]) == (2, 2)
    doctor = gangchuang("doctor", "--json")
    assert json.loads(doctor.out)["troubles"][0]["kind"] == "delivery_held"
    assert [one["name"] for one in json.loads(doctor.out)["invariants"] if one["name"] == "gapless_sequences"]
    assert doctor.status == 1


def test_a_changed_record_is_told_in_json(gangchuang: Gangchuang, middle: Player) -> None:
    with middle.writing() as session:
        session.execute(text("DROP TRIGGER history_no_update"))
        session.execute(text("UPDATE history SET actor = 'office:x' WHERE subject = 'submission/2026-500101-0001'"))

    answer = gangchuang("verify", "--json")

    assert answer.status == 1
    assert "submission/2026-500101-0001" in {finding["subject"] for finding in json.loads(answer.out)["findings"]}

"""A helper does what the stage would do, with nothing but what the database and the season say."""

from functools import partial
from typing import Any

import pytest

from config.milestones import Milestone
from flows import open_call, sharing
from flows.engine.environment import FORM_MODULES, form_modules
from flows.help_along import FORMS, PARTS, NoHelpWanted, help_along
from flows.sharing import share
from flows.year import stage_named
from models.enums import CallState
from tests.support.builders import a_season
from tests.support.playing import Player


def test_a_helper_calls_every_unit_as_the_stage_would(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    helped: list[Any] = []
    monkeypatch.setattr(sharing, "current_flow_run_id", lambda: "a run")
    monkeypatch.setattr(
        open_call, "share", partial(share, call=lambda _name, given, _: helped.append(help_along.fn(**given)))
    )
    helping = Player(player.settings.model_copy(update={"helpers": 1}), player.engine)
    with player.writing() as session:
        season = a_season(session, state=CallState.PLANNED)
    player.at(season.dates.open_call)

    done = helping.play("open_call", open_call.opening, Milestone.OPEN_CALL)

    units = season.units()
    assert done.outcome == "done"
    assert dict(done.lines)["done by helpers"] == dict(done.lines)["units called"] == str(len(units))
    assert [result["explanation"] for result in helped] == [f"{len(units)} of {len(units)} done here"]
    assert [key for key in player.letters("call_opened")] == [f"call_opened/{unit.code}" for unit in units]


def test_only_stages_with_parts_can_be_helped_and_helpers_have_a_form_only_where_there_are_some(player: Player) -> None:
    with pytest.raises(NoHelpWanted, match="collect is no stage that can be helped; it may be one of open_call"):
        help_along.fn(2026, "collect", 1, ["500101"])

    assert all(stage_named(name) for name in PARTS)
    assert [form.name for form in FORMS] == [sharing.HELP]
    assert form_modules(player.settings) == FORM_MODULES

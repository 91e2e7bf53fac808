"""Aliases lead back to numbers, without those of the whole season being made for every sheet."""

from sqlalchemy import Engine, event

from models.database import writing
from models.enums import CallState
from states.panel.aliases import Aliases
from tests.support.builders import a_season, season_rules
from tests.support.panel import an_eligible_submission


def test_a_known_alias_is_looked_up_once_and_a_later_one_is_found(engine: Engine) -> None:
    season, asked = season_rules(), list[str]()
    with writing(engine) as session:
        a_season(session, state=CallState.FINAL_REVIEW)
        first = an_eligible_submission(session)
        event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        alias = Aliases(session, season).of(first)

        assert [Aliases(session, season).number_of(word) for word in (alias, f" {alias.lower()} ")] == [first, first]
        assert sum("FROM submission" in statement for statement in asked) == 1
        assert Aliases(session, season).number_of(first) == first, "a number is no alias"
        assert Aliases(session, season).number_of("P-AAAAAAAA") == "P-AAAAAAAA"

        later = an_eligible_submission(session)
        assert Aliases(session, season).number_of(Aliases(session, season).of(later)) == later

"""What the dashboard's forms say of their fields."""

import pytest

from flows.engine.forms import FIELDS, form_of
from flows.year import STAGES, Stage


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_field_of_every_form_is_explained(stage: Stage) -> None:
    properties = form_of(stage.flow)["properties"]

    said = {name: (field["title"], field["description"]) for name, field in properties.items()}

    assert said == {name: FIELDS[name] for name in properties}


def test_no_words_are_kept_for_a_field_that_no_form_has() -> None:
    asked = {name for stage in STAGES for name in form_of(stage.flow)["properties"]}

    assert set(FIELDS) == asked

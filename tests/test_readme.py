"""The made parts of the README say what the code says."""

from tests.support.readme import README, written


def test_made_parts_are_fresh() -> None:
    text = README.read_text("utf-8")

    assert written(text) == text, "run `make docs`"

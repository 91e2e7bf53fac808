"""Cells parsed many at once say the same as one by one, and no value makes a parser raise."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.kinds.table import layout_of
from flows.workbooks.columns import cells
from models.enums import WorkbookKind
from tests.support.workbooks import season

PARSERS = [
    pytest.param(column.parse, id=f"{kind.value}.{column.key}")
    for kind in WorkbookKind
    for column in layout_of(kind, season()).columns
    if not column.key.startswith(("contributors.1", "contributors.2", "contributors.3", "contributors.4"))
]
ODD = st.sampled_from(
    ["　", " ", "\n", "\t", "\xa0", "\u200b", "\ufeff", "Ａ", "９", "_x000D_", "\ufffd", "\ue000", "", "示例", "a1"]
)
TEXTS = st.one_of(st.text(max_size=12), st.lists(ODD, max_size=4).map("".join))
VALUES = st.one_of(
    TEXTS,
    st.floats(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.timedeltas(),
    st.none(),
    st.sampled_from(["2025.13", "２０２５年", "1e5", "0x1", "１２．５万", "-", "。", "同意"]),
)


@given(values=st.lists(TEXTS, min_size=1, max_size=6), parser=st.sampled_from([cells.line(8), cells.prose(8)]))
def test_column_of_texts_says_what_its_cells_say(values: list[str], parser: cells.Text) -> None:
    column = parser.column(values)

    assert column is None or column == [parser(value) for value in values]


@pytest.mark.parametrize("parse", PARSERS)
@given(value=VALUES)
def test_parser_never_raises(parse: cells.Parser, value: Any) -> None:
    found = parse(value)

    if isinstance(found, cells.WrongCell):
        assert found.message


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3.0, "3"),
        (2.5, "2.5"),
        (True, "TRUE"),
        (None, ""),
        (date(2025, 3, 5), "2025-03-05"),
        (datetime(2025, 3, 5), "2025-03-05"),
        (datetime(2025, 3, 5, 9, 30), "2025-03-05 09:30:00"),
        (time(9, 30), "09:30:00"),
        (timedelta(hours=30), "1 day, 6:00:00"),
        (1e20, "100000000000000000000"),
    ],
)
def test_cell_is_shown_as_people_see_it(value: Any, shown: str) -> None:
    assert cells.as_text(value) == shown

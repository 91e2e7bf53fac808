"""Names as keys: what two people typed differently and meant alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.rules.names import name_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("输电线路 巡检机器人", "输电线路巡检机器人"),
        ("ＡＢＣ１２３", "abc123"),
        ("A-B_C", "ABC"),
        ("《果蔬保鲜盒》（改进型）", "果蔬保鲜盒(改进型)"),
        ("示例·甲", "示例•甲"),
        ("一种\n装置。", "一种装置"),
        ("㎡级传感器", "m2级传感器"),
    ],
)
def test_meant_alike(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("装置一", "装置二"), ("C", "C+"), ("甲乙", "乙甲")])
def test_meant_differently(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@given(st.text())
def test_blanks_around_a_name_say_nothing(text: str) -> None:
    key = name_key(text)

    assert name_key(f" {text} ") == key

"""Names as keys: what two people typed differently and meant alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from states.rules.names import name_key, plain_key, recorded_key


@pytest.mark.parametrize(
    ("spelling", "other"),
    [
        ("输电线路 巡检机器人", "输电线路巡检机器人"),
        ("ＡＢＣ１２３", "abc123"),
        ("A-B_C", "ABC"),
        ("《果蔬保鲜盒》（改进型）", "果蔬保鲜盒(改进型)"),
        ("示例·甲", "示例•甲"),
        ("一种\n装置。", "一种装置"),
        ("㎡级传感器", "m2级传感器"),
        ("智能巡检装置", "智能巡檢裝置"),
        ("黑发", "黒髪"),
        ("示例\u200b装置\ufe0f", "示例装置"),
        ("10KV开关", "1\u041eKV开关"),  # a letter O, of Cyrillic
        ("王工二号", "王\u30a8\u30cb号"),  # katakana
        ("ABC型", "\u0410\u0412\u0421型"),  # Cyrillic
        ("一号", "\u30fc号"),
    ],
)
def test_meant_alike(spelling: str, other: str) -> None:
    assert name_key(spelling) == name_key(other)


@pytest.mark.parametrize(("spelling", "other"), [("装置一", "装置二"), ("C", "C+"), ("甲乙", "乙甲"), ("未来", "末来")])
def test_meant_differently(spelling: str, other: str) -> None:
    assert name_key(spelling) != name_key(other)


@given(st.text())
def test_blanks_around_a_name_say_nothing(text: str) -> None:
    key = name_key(text)

    assert name_key(f" {text} ") == key


@given(st.text())
def test_a_key_is_its_own_key(text: str) -> None:
    key = name_key(text)

    assert name_key(key) == key


@pytest.mark.parametrize("word", ["研究院", "分公司", "实验室", "附属医院", "科学技术协会", "有限责任", "土家族自治县"])
def test_words_that_are_looked_for_in_keys_stay_as_they_are(word: str) -> None:
    assert plain_key(word) == word


def test_the_key_of_the_record_never_changes() -> None:
    assert recorded_key("《示例》 裝置·ＡＩ０１") == "示例裝置ai01"

"""Names in a blind text are found however they are written, and nothing else is touched."""

import pytest

from states.rules.reviewers.blind import MASK, Blindfold, Trace

FOLD = Blindfold(
    ["示例·赵一", "欧阳示例", "李"], ["重庆示例甲机械制造有限公司", "示例丙(集团)有限公司", "国网", "个人"]
)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("由示例·赵一牵头完成", f"由{MASK}牵头完成"),
        ("示例赵一提出", f"{MASK}提出"),
        ("示 例 赵　一提出", f"{MASK}提出"),
        ("歐陽示例提出", f"{MASK}提出"),
        ("示\u200b例赵\ufe0f\u30fc提出", f"{MASK}提出"),
        ("重慶示例甲機械制造有限公司一车间", f"{MASK}一车间"),
        ("重庆示例甲机械制造有限公司一车间", f"{MASK}一车间"),
        ("示例甲机械制造有限公司一车间", f"{MASK}一车间"),
        ("重庆示例甲机械制造的一车间", f"{MASK}的一车间"),
        ("示例甲机械制造的产线", f"{MASK}的产线"),
        ("示例丙（集团）有限公司", MASK),
        ("在示例丙(集团)推广", f"在{MASK}推广"),
        ("甲机械制造业普遍采用", "甲机械制造业普遍采用"),
        ("李工和国网人员、个人用户", "李工和国网人员、个人用户"),
        ("", ""),
    ],
)
def test_what_gives_somebody_away_is_masked(text: str, masked: str) -> None:
    assert FOLD.mask(text)[0] == masked


def test_each_find_says_whose_name_and_how_it_is_written() -> None:
    _, found = FOLD.mask("示 例·赵一在示例甲机械制造，欧阳示例参加")

    assert found == (
        Trace("示例·赵一", "示 例·赵一"),
        Trace("重庆示例甲机械制造有限公司", "示例甲机械制造"),
        Trace("欧阳示例", "欧阳示例"),
    )


def test_nobody_to_look_for_masks_nothing() -> None:
    assert Blindfold([], ["", "无"]).mask("示例·赵一") == ("示例·赵一", ())


def test_folding_a_ligature_does_not_shift_the_mask() -> None:
    assert Blindfold(["示例·赵一"], []).mask("㎏㈱示例赵一㎏") == (f"㎏㈱{MASK}㎏", (Trace("示例·赵一", "示例赵一"),))


def test_a_text_that_names_nobody_costs_no_pattern() -> None:
    nobody, somebody = Blindfold(["示例·赵一"], []), Blindfold(["示例·赵一"], [])

    nobody.mask("示例车间自动送料装置")
    somebody.mask("示例\u3000赵 一的装置")

    assert ("_pattern" in vars(nobody), "_pattern" in vars(somebody)) == (False, True)

"""Affinity: bounded, the same every time, higher where field and words agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from states.rules.reviewers.affinity import ExpertProfile, SubmissionProfile, affinity

FIELDS = ["机械制造", "电子信息", "医药卫生"]
WORDS = ["数控车床夹具", "焊接工装", "留置针固定", "护理操作台", "电路板检测", "单片机控制", ""]

submissions = st.lists(
    st.builds(
        SubmissionProfile,
        number=st.text("0123456789", min_size=1, max_size=4),
        field=st.sampled_from(FIELDS),
        category=st.just("invention"),
        text=st.sampled_from(WORDS),
    ),
    max_size=6,
)
experts = st.lists(
    st.builds(
        ExpertProfile,
        identifier=st.text("abc", min_size=1, max_size=4),
        fields=st.lists(st.sampled_from(FIELDS), unique=True, max_size=3).map(tuple),
        text=st.sampled_from(WORDS),
    ),
    max_size=6,
)


def a_submission(text="", *, field="机械制造"):
    return SubmissionProfile(number="示例1", field=field, category="improvement", text=text)


def an_expert(text="", *, fields=("机械制造",)):
    return ExpertProfile(identifier="示例", fields=fields, text=text)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(submissions, experts)
def test_affinity_is_a_table_of_numbers_from_0_to_1_and_repeatable(some, others):
    found = affinity(some, others)

    assert found.shape == (len(some), len(others))
    assert found.dtype == np.float64
    assert ((found >= 0) & (found <= 1)).all()
    assert np.array_equal(found, affinity(some, others))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(submissions, experts)
def test_affinity_turns_with_its_rows_and_columns(some, others):
    assert np.array_equal(affinity(some[::-1], others[::-1]), affinity(some, others)[::-1, ::-1])


def test_same_field_counts_more_than_other_field():
    found = affinity([a_submission()], [an_expert(), an_expert(fields=("医药卫生",))])

    assert found[0, 0] > found[0, 1]


def test_main_field_counts_at_least_as_much_as_a_further_one():
    found = affinity(
        [a_submission()],
        [an_expert(fields=("机械制造", "医药卫生")), an_expert(fields=("医药卫生", "机械制造")), an_expert(fields=())],
    )

    assert found[0, 0] >= found[0, 1] > found[0, 2]


def test_shared_words_count_within_one_field():
    found = affinity(
        [a_submission("数控车床快速夹具")], [an_expert("从事数控车床加工"), an_expert("从事建筑施工"), an_expert("")]
    )

    assert found[0, 0] > found[0, 1] >= found[0, 2]


def test_rare_words_count_more_than_words_that_all_share():
    others = [an_expert("装置设计,静脉留置针"), an_expert("装置设计,齿轮箱"), an_expert("装置设计,电路板")]

    found = affinity([a_submission("静脉留置针装置设计")], others)

    assert found[0].argmax() == 0


def test_width_and_case_of_letters_do_not_matter():
    wide, narrow = an_expert("PLC控制系统"), an_expert("plc控制系统")

    found = affinity([a_submission("plc控制系统")], [wide, narrow])

    assert found[0, 0] == found[0, 1]


@pytest.mark.parametrize("text", ["", " ", "。,!", "针"])
def test_texts_without_any_pair_of_signs_leave_the_field_alone(text):
    found = affinity([a_submission(text)], [an_expert(text)])

    assert found[0, 0] == affinity([a_submission("")], [an_expert("")])[0, 0]
    assert np.isfinite(found).all()

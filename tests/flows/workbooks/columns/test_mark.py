"""The mark of an issued workbook: only what the server signed, for whom and when it counts."""

import pytest

from flows.workbooks.columns.mark import Mark, MarkRefused, MarkUnusable, find_tokens, require_mark, sign, verify
from models.enums import WorkbookKind
from tests.support.workbooks import KEY

MARK = Mark(2026, "500101", WorkbookKind.SUBMISSIONS, 3)
TOKEN = sign(MARK, KEY)


def test_signed_mark_is_verified() -> None:
    assert verify(TOKEN, KEY) == MARK
    assert verify(f"  {TOKEN}\n", KEY) == MARK


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_mark_with_any_letter_changed_is_refused(place: int) -> None:
    other = "B" if TOKEN[place] != "B" else "C"

    with pytest.raises(MarkRefused):
        verify(TOKEN[:place] + other + TOKEN[place + 1 :], KEY)


def test_mark_of_another_key_is_refused() -> None:
    with pytest.raises(MarkRefused, match="核验不通过"):
        verify(TOKEN, bytes(32))


@pytest.mark.parametrize("key", [b"", KEY[:-1], KEY + b"x"])
def test_key_of_another_length_cannot_sign(key: bytes) -> None:
    with pytest.raises(MarkUnusable, match="instead of 32"):
        sign(MARK, key)


@pytest.mark.parametrize("recipient", ["", "a b", "示例", "a.b", "x" * 33])
def test_recipient_that_no_mark_can_hold_is_an_error(recipient: str) -> None:
    with pytest.raises(MarkUnusable, match="recipient"):
        Mark(2026, recipient, WorkbookKind.SCORES, 1)


@pytest.mark.parametrize("issue", [0, -1, 10**9])
def test_issue_out_of_range_is_an_error(issue: int) -> None:
    with pytest.raises(MarkUnusable, match="issue"):
        Mark(2026, "500101", WorkbookKind.SCORES, issue)


def test_tokens_are_found_within_texts_and_once() -> None:
    assert find_tokens(["模板标识", f"编号：{TOKEN}。", TOKEN, 3.5, None]) == [TOKEN]


@pytest.mark.parametrize(
    ("newest", "refused"),
    [
        (None, False),
        (3, False),
        (2, False),
        (4, True),
        ({}, False),
        ({WorkbookKind.SUBMISSIONS: 4}, True),
        ({WorkbookKind.VERDICTS: 9}, False),
    ],
)
def test_stale_issue_is_told_from_the_newest(newest: object, refused: bool) -> None:
    wanted = {"season": 2026, "sender": "500101", "newest_issue": newest}

    if refused:
        with pytest.raises(MarkRefused, match="第3版申报汇总表，现在使用的是第4版"):
            require_mark([TOKEN], KEY, **wanted)
    else:
        assert require_mark([TOKEN, TOKEN], KEY, **wanted) == MARK

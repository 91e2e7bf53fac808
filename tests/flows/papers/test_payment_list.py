"""The payment list as a cashier opens it: sums that are formulas, with the values that any reader shows."""

from datetime import datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from config.local_time import ZONE
from config.season import Season
from config.season_parts import Payment
from flows.papers.payment_list import PaymentList, write_payment_list
from models.enums import Tier
from states.final_round.payment import Payee, Prize, Recovery
from states.rules.payment import shares
from tests.support.builders import season_rules
from tests.support.libreoffice import convert

AT = datetime(2026, 8, 31, 9, tzinfo=ZONE)


def prize(unit: str, place: int, amount: int, *weights: str | None, why: str = "", title: str = "=示例装置") -> Prize:
    parts = shares(amount, [None if weight is None else Decimal(weight) for weight in weights])
    payees = tuple(
        Payee(f"示例·{n}", "" if weight is None else f"{weight}%", part)
        for n, (weight, part) in enumerate(zip(weights, parts, strict=True), start=1)
    )
    return Prize(f"2026-{unit}-{place:04d}", title, unit, Tier.THIRD, amount, payees, why)


PRIZES = [
    prize("500101", 1, 300_000, "33.3", "33.3", "33.4"),
    prize("500103", 1, 100_000, None, None, None),
    prize("500103", 2, 100_000, "60", "40", why="撤销获奖，不予发放", title="示" * 60),
    prize("500101", 2, 200_000, None, why="异议核查中，暂缓发放"),
]
RECOVERIES = [Recovery(PRIZES[2], AT, "成果权属存在争议", (4, 5, 6))]


def written(season: Season | None = None, unit: str = "") -> bytes:
    chosen = [one for one in PRIZES if not unit or one.unit == unit]
    return write_payment_list(PaymentList(season or season_rules(), chosen, RECOVERIES, AT, unit))


def sheets(content: bytes | Path, *, values: bool = True) -> dict[str, list[tuple[Any, ...]]]:
    book = load_workbook(content if isinstance(content, Path) else BytesIO(content), data_only=values)
    return {sheet.title: [row for row in sheet.iter_rows(values_only=True)] for sheet in book}


def test_every_payee_stands_with_their_fen_and_who_gets_nothing_with_the_reason() -> None:
    rows = sheets(written())["奖补发放表"]

    lines = [(row[1], row[6], row[7], row[8], row[12]) for row in rows[3:12]]
    assert lines == [
        ("万州区", "示例·1", "33.3%", 999, None),
        ("万州区", "示例·2", "33.3%", 999, None),
        ("万州区", "示例·3", "33.4%", 1002, None),
        ("渝中区", "示例·1", None, 333.34, None),
        ("渝中区", "示例·2", None, 333.33, None),
        ("渝中区", "示例·3", None, 333.33, None),
        ("渝中区", "示例·1", "60%", 0, "撤销获奖，不予发放"),
        ("渝中区", "示例·2", "40%", 0, "撤销获奖，不予发放"),
        ("万州区", "示例·1", None, 0, "异议核查中，暂缓发放"),
    ]
    assert rows[12][0] == "合计"
    assert (rows[12][5], rows[12][8], rows[12][10]) == (4000, 4000, 4000)
    assert rows[13][0] == "应发合计（大写）：人民币肆仟元整"
    words = {str(cell) for sheet in sheets(written()).values() for row in sheet for cell in row}
    assert "=示例装置" in words, "a title is text, whatever it begins with"
    assert not [word for word in words if "开户" in word]


def test_sums_are_formulas_and_tax_is_left_to_finance_without_a_rule() -> None:
    rows = sheets(written(), values=False)["奖补发放表"]

    assert [row[9] for row in rows[3:12]] == [None] * 9
    assert rows[3][10] == "=I4-J4"
    assert [rows[12][column] for column in (5, 8, 9, 10)] == [f"=SUM({c}4:{c}12)" for c in "FIJK"]
    assert sheets(written(), values=False)["汇总"][3][2] == "=SUMIF(奖补发放表!$B$4:$B$12,A4,奖补发放表!$F$4:$F$12)"


def test_a_rule_for_tax_is_worked_out_for_each_payee() -> None:
    season = season_rules().model_copy(update={"payment": Payment(tax_percent=Decimal(20))})

    told, formulas = (sheets(written(season), values=values)["奖补发放表"] for values in (True, False))

    assert [row[9] for row in told[3:9]] == [199.8, 199.8, 200.4, 66.67, 66.67, 66.67]
    assert told[12][9:11] == (800.01, 3199.99)
    assert formulas[3][9] == "=ROUND(I4*20%,2)"


def test_what_is_to_be_got_back_has_a_list_of_its_own() -> None:
    rows = sheets(written())["追回表"]

    assert rows[3][4:9] == (
        "2026-08-31",
        "成果权属存在争议",
        "示例·1",
        600,
        "、".join(f"岗创〔2026〕第{n:04d}号" for n in (4, 5, 6)),
    )
    assert (rows[4][7], rows[5][7]) == (400, 1000)


def test_a_district_has_its_own_without_a_summary() -> None:
    told = sheets(written(unit="500103"))

    assert list(told) == ["奖补发放表", "追回表"]
    assert "（渝中区）" in str(told["奖补发放表"][0][0])
    assert {row[1] for row in told["奖补发放表"][3:8]} == {"渝中区"}


def test_the_same_list_is_the_same_bytes() -> None:
    assert written() == written()


@pytest.mark.libreoffice
def test_a_spreadsheet_program_works_out_the_same_and_prints_it_on_a4(tmp_path: Path) -> None:
    season = season_rules().model_copy(update={"payment": Payment(tax_percent=Decimal(20))})
    (tmp_path / "list.xlsx").write_bytes(written(season))

    # Saved again, the values are those that the program worked out.
    again = sheets(convert(tmp_path / "list.xlsx", tmp_path / "again"))

    ours = sheets(written(season))
    for name in ours:
        assert [[_number(cell) for cell in row] for row in again[name]] == [
            [_number(cell) for cell in row] for row in ours[name]
        ]


def _number(cell: Any) -> Any:
    return round(cell, 2) if isinstance(cell, int | float) else cell

"""The eligibility check says everything that is wrong with a form, in words for the unit."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from models.forms import ContributorForm, OrganisationForm
from states.rules.eligibility import shortcomings
from tests.support.builders import a_form, season_rules

COMPANY = OrganisationForm(name="示例公司", credit_code="91500000MA5U000010")


def person(name: str = "示例·甲", share: str | None = None, organisation: str = "示例公司") -> ContributorForm:
    return ContributorForm(name=name, organisation=organisation, share=Decimal(share) if share else None)


def found(**changes: Any) -> list[str]:
    form = a_form(**{"organisations": (COMPANY,), "contributors": (person(),), **changes})
    return shortcomings(form, season_rules())


def test_a_form_in_order_passes() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"organisations": (COMPANY, OrganisationForm(name="示例学院"))}, "第2申报单位缺少统一社会信用代码"),
        ({"contributors": (person(), person("示例·乙", organisation="别处"))}, "第2完成人的单位不在申报单位之列"),
        ({"contributors": (person(share="60"), person("示例·乙", "40.5"))}, "完成人贡献率合计100.5%，超过100%"),
        ({"completed_on": date(2024, 12, 31)}, "完成日期2024-12-31不在征集范围内"),
    ],
)
def test_each_shortcoming_is_named(changes: dict[str, Any], words: str) -> None:
    assert found(**changes) == [words]


def test_shares_of_a_hundred_are_in_order() -> None:
    assert found(contributors=(person(share="60"), person("示例·乙", "40"))) == []


def test_all_shortcomings_at_once() -> None:
    assert len(found(organisations=(OrganisationForm(name="示例公司"),), completed_on=date(2020, 1, 1))) == 2

"""The eligibility check (形式审查): what a form must have before the panel sees it. Pure."""

from decimal import Decimal

from config.season import Season
from models.forms import SubmissionForm


def shortcomings(form: SubmissionForm, season: Season) -> list[str]:
    """What is wrong with a complete form, in words for the unit; empty when it passes."""
    found = []
    # By their places: the record says this, and names nobody.
    without_code = [str(place) for place, body in enumerate(form.organisations, start=1) if not body.credit_code]
    if without_code:
        found.append(f"第{'、'.join(without_code)}申报单位缺少统一社会信用代码")
    names = {organisation.name for organisation in form.organisations}
    strangers = [contributor.name for contributor in form.contributors if contributor.organisation not in names]
    if strangers:
        found.append(f"第{_places(form, strangers)}完成人的单位不在申报单位之列")
    shares = [contributor.share for contributor in form.contributors if contributor.share is not None]
    if shares and sum(shares, Decimal(0)) > 100:
        found.append(f"完成人贡献率合计{sum(shares, Decimal(0))}%，超过100%")
    if form.completed_on.year not in season.covered_years:
        found.append(f"完成日期{form.completed_on}不在征集范围内")
    return found


def _places(form: SubmissionForm, names: list[str]) -> str:
    return "、".join(
        str(position) for position, contributor in enumerate(form.contributors, start=1) if contributor.name in names
    )

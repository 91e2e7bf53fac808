"""What an expert reads of a submission: its texts, in a blind season without the names and numbers behind them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.season import Season
from config.units import all_units
from flows.workbooks.writer.material_sheet import MATERIAL_TEXTS
from models import Submission, SubmissionVersion
from models.forms import SubmissionForm
from models.queries import version_in_force
from states.panel.aliases import Aliases
from states.rules.reviewers.blind import Blindfold

_KIND_OF_DISTRICT = re.compile(r"(?:土家族|苗族)*自治县$|经开区$|新区$|[区县]$")
_WORDS = frozenset({"长寿", "南岸", "石柱", "高新", "经开"})  # 长寿命刀具 gives no district away
_TEXTS = {"title": "成果名称"} | {key: heading for key, heading, _ in MATERIAL_TEXTS}


@dataclass(frozen=True)
class NameInText:
    """A name that was masked in a submission's text: for the office, who may have picked too much."""

    number: str
    heading: str
    name: str
    written: str


@dataclass(frozen=True)
class Material:
    """Rows by column key as a score workbook wants them, by number, and the names that had to be masked."""

    by_number: Mapping[str, dict[str, Any]]
    names: tuple[NameInText, ...]

    @property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """All rows, in the order in which experts see them."""
        return tuple(sorted(self.by_number.values(), key=lambda row: row["number"]))


def material_of(session: Session, season: Season, numbers: Sequence[str]) -> Material:
    """The material of some submissions; where the season is blind, under aliases and with every name masked."""
    aliases = Aliases(session, season)
    found = session.execute(
        select(Submission.number, Submission.unit, SubmissionVersion.content)
        .join(SubmissionVersion, version_in_force())
        .where(Submission.number.in_(numbers))
        .order_by(Submission.number)
    )
    rows: dict[str, dict[str, Any]] = {}
    names: list[NameInText] = []
    for number, unit, content in found:
        form = SubmissionForm.model_validate(json.loads(content))
        row = _row(aliases.of(number), form)
        if season.final_round.blind:
            names += _masked(row, number, blindfold_of(unit, form))
        else:
            row |= _named(form)
        rows[number] = row
    return Material(rows, tuple(names))


def blindfold_of(unit: str, form: SubmissionForm) -> Blindfold:
    """Masks who stands behind a submission: its people, its organisations, its district."""
    return Blindfold(
        [*(person.name for person in form.contributors), form.contact.name, *_names_of(unit)],
        [*(body.name for body in form.organisations), *(person.organisation for person in form.contributors)],
    )


def _names_of(unit: str) -> list[str]:
    """What people call a district: 渝中区, and 渝中 where that is no word of other texts."""
    name = all_units()[unit].name if unit in all_units() else ""
    parts = [name, *re.split("(?=重庆)", name)]
    return [*parts, *(short for part in parts if (short := _KIND_OF_DISTRICT.sub("", part)) not in _WORDS)]


def _row(number: str, form: SubmissionForm) -> dict[str, Any]:
    economic = f"经济效益{form.benefit_economic}万元" if form.benefit_economic else ""
    return {
        "number": number,
        "title": form.title,
        "category": form.category.label,
        "field": form.field,
        "abstract": form.abstract,
        "innovation": form.innovation,
        "practicality": form.practicality,
        "benefit": "；".join(filter(None, (economic, form.benefit_social))),
        "spread": form.spread,
    }


def _named(form: SubmissionForm) -> Mapping[str, str]:
    return {
        "organisations": "、".join(body.name for body in form.organisations),
        "contributors": "、".join(person.name for person in form.contributors),
        "attachments": "、".join(dict.fromkeys((*form.attachments, *form.review_attachments))),
    }


def _masked(row: dict[str, Any], number: str, blindfold: Blindfold) -> list[NameInText]:
    """Mask the names in a row's texts; returns them."""
    names = []
    for key, heading in _TEXTS.items():
        row[key], mentions = blindfold.mask(row[key])
        names += [NameInText(number, heading, mention.name, mention.written) for mention in mentions]
    return names

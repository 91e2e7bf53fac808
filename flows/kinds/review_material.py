"""What an expert reads of a submission: its texts, in a blind season without the names behind them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.season import Season
from flows.workbooks.writer.material_sheet import MATERIAL_TEXTS
from models import Submission, SubmissionVersion
from models.forms import SubmissionForm
from states.rules.reviewers.blind import Blindfold

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
    """Rows by column key as a score workbook wants them, and the names that had to be masked."""

    rows: tuple[dict[str, Any], ...]
    names: tuple[NameInText, ...]

    def by_number(self) -> dict[str, dict[str, Any]]:
        """The rows by the number of their submission."""
        return {row["number"]: row for row in self.rows}


def material_of(session: Session, season: Season, numbers: Sequence[str]) -> Material:
    """The material of some submissions, by number; where the season is blind, every name in it is masked."""
    found = session.execute(
        select(Submission.number, SubmissionVersion.content)
        .join(
            SubmissionVersion,
            (SubmissionVersion.number == Submission.number) & (SubmissionVersion.version == Submission.version),
        )
        .where(Submission.number.in_(numbers))
        .order_by(Submission.number)
    )
    rows: list[dict[str, Any]] = []
    names: list[NameInText] = []
    for number, content in found:
        form = SubmissionForm.model_validate(json.loads(content))
        row = _row(number, form)
        if season.final_round.blind:
            names += _masked(row, form)
        else:
            row |= _named(form)
        rows.append(row)
    return Material(tuple(rows), tuple(names))


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
        "attachments": "、".join(form.attachments),
    }


def _masked(row: dict[str, Any], form: SubmissionForm) -> list[NameInText]:
    """Mask the names in a row's texts; returns them."""
    blindfold = Blindfold(
        [*(person.name for person in form.contributors), form.contact.name],
        [*(body.name for body in form.organisations), *(person.organisation for person in form.contributors)],
    )
    names = []
    for key, heading in _TEXTS.items():
        row[key], mentions = blindfold.mask(row[key])
        names += [NameInText(row["number"], heading, mention.name, mention.written) for mention in mentions]
    return names

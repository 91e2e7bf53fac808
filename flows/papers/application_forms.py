"""The form of a submission (申报表): one page of A4 to be signed and stamped, set by Typst from what was accepted.

It shows the version in force and nothing else, so that what is stamped is what is judged. A sign that no font has is set
as 〓 and the page asks to write it in.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from config import overrides
from config.local_time import ZONE, local_day
from config.units import name_on
from flows.home import paths
from flows.papers.typesetting import TEMPLATES, PaperNotSet, Typesetter, chinese_day
from flows.run import Run
from models import Submission, SubmissionVersion
from models.forms import SubmissionForm

DESIGN = "application.typ"
_PAGES = 50  # of one PDF: setting it takes some five megabytes of memory a page, and a larger one fits no letter
_GAP = "〓"  # what printers set for a sign that they do not have


def put_forms(session: Session, run: Run, unit: str, numbers: Collection[str]) -> tuple[Path, ...]:
    """The forms of some of a unit's submissions as PDFs for a letter, a page each; none where there are none."""
    rows = session.execute(
        select(Submission.number, SubmissionVersion)
        .join(
            SubmissionVersion,
            (SubmissionVersion.number == Submission.number) & (SubmissionVersion.version == Submission.version),
        )
        .where(Submission.season == run.year, Submission.unit == unit, Submission.number.in_(numbers))
        .order_by(Submission.number)
    ).all()
    kept = [version for _, version in rows if version.content]
    parts = [kept[start : start + _PAGES] for start in range(0, len(kept), _PAGES)]
    return tuple(
        _put_part(run, unit, part, "申报表.pdf" if len(parts) == 1 else f"申报表{place}.pdf")
        for place, part in enumerate(parts, start=1)
    )


def _put_part(run: Run, unit: str, kept: Sequence[SubmissionVersion], name: str) -> Path:
    forms = [page_of(unit, version) for version in kept]
    # Dated by the day of its newest version, whenever it is set: set once more, it is the same paper.
    dated = datetime.combine(max(local_day(version.kept_at) for version in kept), time.min, ZONE)
    pdf = set_forms({"programme": run.season.title, "office": run.season.office.name, "forms": forms}, dated)
    path = paths.paper(run.settings, run.year, unit, name, hashlib.sha256(pdf).hexdigest())
    run.write(path, pdf)
    return path


def set_forms(given: dict[str, Any], dated: datetime) -> bytes:
    """The pages as PDF. Raises PaperNotSet for a design that cannot be set."""
    text, gaps = json.dumps(given, ensure_ascii=False), ""
    while True:
        try:
            data = {**json.loads(text), "gaps": gaps}
            return _typesetter().compiled(data, dated, "申报表", pages=len(data["forms"]))
        except PaperNotSet as problem:
            if not any(sign in text for sign in problem.signs):
                raise
            text, gaps = text.translate(dict.fromkeys(map(ord, problem.signs), _GAP)), _GAP


def _typesetter() -> Typesetter:
    design = overrides.winning(TEMPLATES / DESIGN, overrides.PAPERS, DESIGN)
    return _kept_typesetter(design, design.stat().st_mtime_ns, overrides.in_home(overrides.PAPERS))


@lru_cache(maxsize=1)
def _kept_typesetter(_design: Path, _changed_ns: int, _own_fonts: Path) -> Typesetter:
    """Loading the fonts takes longer than a page; another design, or a changed one, is loaded anew."""
    return Typesetter(DESIGN)


def page_of(unit: str, version: SubmissionVersion) -> dict[str, Any]:
    """What one page shows; `texts` are (heading, text), empty ones left out."""
    form = SubmissionForm.model_validate(json.loads(version.content))
    economic = f"{form.benefit_economic:f}万元" if form.benefit_economic is not None else ""
    texts = (
        ("成果简介", form.abstract),
        ("创新性", form.innovation),
        ("实用性", form.practicality),
        ("经济效益", economic),
        ("社会效益", form.benefit_social),
        ("推广性", form.spread),
        ("应用情况", form.adoption),
        ("曾获奖励", form.earlier_prizes),
        ("合作方", form.external_partners),
        ("附件", "、".join(form.files)),
    )
    licence = {True: "授权", False: "不授权", None: "未答复"}[form.text_consent]
    return {
        "number": version.number,
        "version": str(version.version),
        "kept_at": chinese_day(version.kept_at),
        "digest": version.digest[:16],
        "unit": name_on(unit, local_day(version.kept_at)),
        "title": form.title,
        "facts": [
            ("类别", form.category.label),
            ("载体", form.carrier.label),
            ("领域", form.field),
            ("完成日期", form.completed_on.isoformat()),
            ("来源", form.origin.label),
            ("成果授权", licence),
        ],
        "organisations": [
            body.name + (f"（{body.credit_code}）" if body.credit_code else "") for body in form.organisations
        ],
        "people": [
            {
                "name": person.name,
                "organisation": person.organisation,
                "role": person.role,
                "share": f"{person.share:f}%" if person.share is not None else "",
                "consent": {True: "同意", False: "不同意", None: ""}[person.consent],
            }
            for person in form.contributors
        ],
        "texts": [(heading, text) for heading, text in texts if text],
    }

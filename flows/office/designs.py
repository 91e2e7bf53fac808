"""What is wrong with the home's own designs of papers: each is filled in once with a sample marked 示例, and thrown away.

A design that cannot be filled in would be noticed by the stage that needs it, months later.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import chain

from config import overrides
from config.season import Season
from flows.home.templates import OR_DELETE, OwnFault
from flows.outbox.letters import faults_of_own_letters
from flows.papers import application_forms, certificates, evidence, press_kit
from flows.papers.typesetting import Typesetter
from flows.personal_data import extract_page
from flows.publish.pages.rendering import faults_of_own_pages
from flows.reports import yearly
from flows.reports.rendering import faults_of_own_reports
from models import SubmissionVersion
from models.enums import Carrier, Category, CertificateState, Holder, Outcome, SubmissionState, Tier, Use
from models.forms import ContributorForm, OrganisationForm, SubmissionForm
from states.audit.evidence import About, Evidence, EvidenceCase, SubjectKind
from states.maintenance.personal_data import Mention
from states.scorecard.yearly import Bars, Section, Yearly
from states.submissions.certificates import CertificateNumber

_DESIGNS = {".typ", ".docx", ".j2"}
_PERSON, _FIRM, _TITLE, _DIGEST = "示例·完成人", "示例单位", "示例项目", "0" * 64
_TIER = next(iter(Tier))
_SITE = "https://example.org"
_BARS = Bars("示例图", "项", (("示例甲", 10.0), ("示例乙", 5.0)))


def faults_of_own_files(season: Season) -> Iterator[OwnFault]:
    """What is wrong with the home's own letters, pages, reports and designs."""
    yield from chain(faults_of_own_letters(), faults_of_own_pages(), faults_of_own_reports())
    yield from faults_of_own_designs(season)


def faults_of_own_designs(season: Season) -> Iterator[OwnFault]:
    """The home's own designs that cannot be filled in; each sentence has the way out."""
    for path in overrides.own_files(overrides.PAPERS):
        fill = _FILLED.get(path.name)
        try:
            if fill is not None:
                fill(season)
            elif path.suffix in _DESIGNS - {".typ"}:  # other Typst files may be parts of a design
                there = ", ".join(_FILLED)
                said = f"takes the place of nothing: no design is called so; there are {there}"
                yield OwnFault(path, said, f"没有同名的自带版式，这个文件不起作用：请核对文件名，有{there}")
        except Exception as problem:  # whatever a file of somebody else's can do wrong
            said = " ".join(str(problem).split()).replace(f"{path}", path.name)
            words = f"cannot be filled in: {said}. Mend it, or delete it: the shipped design holds then"
            yield OwnFault(path, words, f"用示例填不出来（{said}）：请改正，{OR_DELETE}")


def _certificate(season: Season) -> None:
    at = season.dates.publish_results
    number = CertificateNumber(season.year, 1)
    said = (_PERSON, _TITLE, _TIER.label, season.title, season.office.name, at, f"{_SITE}/check/{number.short}/")
    press = certificates.Press()
    for holder in Holder:
        press.set(certificates.Printed(number, f"{season.year}-500103-0001", "500103", holder.value, 1, *said))


def _application(season: Season) -> None:
    form = SubmissionForm(
        title=_TITLE,
        category=Category.INVENTION,
        carrier=Carrier.TEAM,
        field=season.fields[0],
        abstract="示例简介",
        innovation="示例创新性",
        practicality="示例实用性",
        benefit_economic=Decimal("12.5"),
        spread="示例推广性",
        completed_on=season.dates.open_call.date(),
        organisations=(OrganisationForm(name=_FIRM),),
        contributors=(
            ContributorForm(name=_PERSON, organisation=_FIRM, role="示例分工", share=Decimal(100), consent=True),
        ),
        text_consent=True,
    )
    version = SubmissionVersion(
        number=f"{season.year}-500103-0001",
        version=1,
        content=form.model_dump_json(),
        salt="",
        delivery=_DIGEST,
        digest=_DIGEST,
        kept_at=season.dates.open_call,
    )
    page = application_forms.page_of("500103", version)
    given = {"programme": season.title, "office": season.office.name, "forms": [page]}
    application_forms.set_forms(given, season.dates.open_call)


def _evidence(season: Season) -> None:
    at, number = season.dates.publish_results, f"{season.year}-500103-0001"
    record = {
        **{
            "state": SubmissionState.ARCHIVED,
            "outcome": Outcome.COMPLETED,
            "recommended": True,
            "final_reviewed": True,
        },
        **{"tier": _TIER, "awarded_at": at.isoformat(), "revoked_at": None, "open_objections": 0},
        "contributors": 2,
        "certificates": [
            {
                "holder": Holder.CONTRIBUTOR,
                "position": 1,
                "ordinal": 1,
                "state": CertificateState.VALID,
                "successor": None,
            }
        ],
        "follow_up": {"use": Use.IN_USE, "since": f"{at.date()}", "benefit_economic": "12.5", "places": 3},
    }
    said = {"title": _TITLE, "unit_name": "示例区", "organisation": _FIRM, "role": "示例分工", "public": "同意公开"}
    case = EvidenceCase(number, {**said, "holder": Holder.CONTRIBUTOR, "position": 1}, record, {})
    published = {
        "season": season.year,
        "kind": "results",
        "ordinal": 1,
        "published_at": at.isoformat(),
        "root": _DIGEST,
    }
    about = About(SubjectKind.PERSON, _PERSON, (_FIRM,))
    made = Evidence(about, at, season.office.name, [{**published, "page": _SITE}], ["示例说明"], [case])
    Typesetter(evidence.DESIGN).compiled(evidence.given_of(made, _DIGEST, _SITE), at, "示例证明")


def _kit(season: Season) -> press_kit.PressKit:
    return press_kit.PressKit(
        programme=season.title,
        where="示例区",
        lead="示例导语。",
        figures=(press_kit.QuotedFigure("申报", "10项", "示例来源"),),
        awards=(press_kit.KitAward(_TIER.label, f"{season.year}-500103-0001", _TITLE, _FIRM),),
        day=f"{season.dates.publish_results.date()}",
        page=_SITE,
        root=_DIGEST,
        office=season.office.name,
        contact=season.office.mail,
    )


def _report(season: Season) -> None:
    section = Section("示例部分", ("示例句子。",), ("指标", f"{season.year}年"), (("申报数", "10"),), (_BARS,))
    yearly.word(season, Yearly((section,), ()), season.dates.close_season)


def _extract(season: Season) -> None:
    at = season.dates.close_season
    found = [Mention("示例", f"{season.year}-500103-0001", _TITLE, "示例用途", at)]
    extract_page(season, _PERSON, _FIRM, found, at)


_FILLED: Mapping[str, Callable[[Season], object]] = {
    certificates.DESIGN: _certificate,
    application_forms.DESIGN: _application,
    evidence.DESIGN: _evidence,
    press_kit.WORD: lambda season: press_kit.as_word(_kit(season)),
    press_kit.MARKDOWN: lambda season: press_kit.as_markdown(_kit(season)),
    yearly.WORD: _report,
    yearly.CHART: lambda season: yearly.draw(_BARS),
    "extract.html.j2": _extract,
}

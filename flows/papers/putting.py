"""Puts papers where the office finds them, and sends each unit its own: after the results, and whenever an award changes.

Everything is a function of the database and of the designs, byte for byte; what a letter brings lies under a name that
has its digest, and stays. A certificate that cannot be set is left out and named; the others are made.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from config.season import Season
from flows.engine.tasks import PieceKind
from flows.home import paths
from flows.outbox.letters import LetterKind
from flows.outbox.messages import post_to_office, post_to_unit
from flows.papers.certificates import Press, Printed, printed
from flows.papers.payment_list import PaymentList, write_payment_list
from flows.papers.press_kit import KitNotMade, PressKit, as_markdown, as_word, press_kit
from flows.papers.same_bytes import packed
from flows.papers.typesetting import PaperNotSet
from flows.run import Run
from models import Publication
from models.enums import PublicationKind
from states.final_round.payment import Prize, Recovery, prizes, recoveries
from states.history.read import is_erased
from states.rules.payment import FEN
from states.submissions.certificates import has_certificates

CERTIFICATES, BOOK, PAYMENT, KIT = "证书", "证书整册（印刷用）.pdf", "奖补发放表.xlsx", "宣传材料"
OFFICE_FILES = (BOOK, PAYMENT, f"{KIT}.docx", f"{KIT}.md")
_AT_ONCE = 50
_MARKS = ".made.json"  # what each file was made from, and its digest: what has not changed is not made again


@dataclass(frozen=True)
class Papers:
    """All that a season's papers say."""

    season: Season
    results: Publication
    certificates: Sequence[Printed]
    prizes: Sequence[Prize]
    recoveries: Sequence[Recovery]
    kits: Mapping[str, PressKit]  # by unit, and the city's under ""

    @property
    def units(self) -> list[str]:
        """Those that have a prize on the approved list."""
        return sorted({prize.unit for prize in self.prizes})

    def payment_list(self, unit: str = "") -> bytes:
        """A unit's payment list, or the city's."""
        return write_payment_list(
            PaymentList(
                self.season,
                [prize for prize in self.prizes if not unit or prize.unit == unit],
                [one for one in self.recoveries if not unit or one.prize.unit == unit],
                self.results.published_at,
                unit,
            )
        )


def papers_of(session: Session, season: Season, site_url: str) -> Papers | None:
    """What a season's papers say now; None before the results, and once the personal data are deleted."""
    results = session.get(Publication, (season.year, PublicationKind.RESULTS, 1))
    if results is None or not has_certificates(session, season.year) or is_erased(session, season.year):
        return None
    base = site_url.rstrip("/")
    page, on_list = f"{base}/{season.year}/" if base else "", prizes(session, season)
    kits = {
        unit: press_kit(session, season, results, page, on_list, unit)
        for unit in ("", *sorted({prize.unit for prize in on_list}))
    }
    certificates, back = printed(session, season, site_url), recoveries(session, season)
    return Papers(season, results, certificates, on_list, back, kits)


@dataclass(frozen=True)
class Made:
    """Papers as files: the office's by their names in its folder, each unit's by name; what could not be made, and why."""

    office: Mapping[str, bytes]
    units: Mapping[str, Mapping[str, bytes]]
    problems: Mapping[str, str]


def make_papers(papers: Papers, press: Press, set_one: Callable[[Printed], bytes]) -> Made:
    """Every file. `set_one` sets a certificate, or has it from before; raises what it raises but PaperNotSet."""
    pdfs, problems = dict[Printed, bytes](), dict[str, str]()
    for one in papers.certificates:
        try:
            pdfs[one] = set_one(one)
        except PaperNotSet as problem:
            problems[one.number.short] = str(problem)
    units = {unit: dict(_unit_files(papers, unit, pdfs, problems)) for unit in papers.units}
    office = {f"{CERTIFICATES}/{one.file_name}": pdf for one, pdf in pdfs.items()}
    try:
        office |= {BOOK: press.set_all(list(pdfs))} if pdfs else {}
    except PaperNotSet as problem:
        problems[BOOK] = str(problem)
    office |= {PAYMENT: papers.payment_list(), **dict(_kit_files(papers, "", problems))}
    return Made(office, units, problems)


def put_papers(run: Run) -> None:
    """Make what changed, put it in its place, tell whom it concerns; nothing in a season without certificates.

    Everything comes out the same when it is done again.
    """
    with run.step() as session:
        papers = papers_of(session, run.season, run.settings.site_url)
    if papers is None or run.dry_run:
        return
    folder, press = paths.office_folder(run.settings, run.year), Press()
    known = _known(folder / _MARKS)
    fresh: dict[str, list[str]] = {}

    def set_one(one: Printed) -> bytes:
        """The file that lies there, unless it was made from something else or is not what was made.

        A design that cannot be set takes nobody's certificate away: what lies there stays until it can.
        """
        mark, lying = press.mark_of(one), b""
        with suppress(OSError):
            lying = (folder / CERTIFICATES / one.file_name).read_bytes()
        made_of, digest = known.get(one.file_name, ("", ""))
        if digest == _digest(lying) and made_of == mark:
            fresh[one.file_name] = known[one.file_name]
            return lying
        try:
            pdf = press.set(one)
        except PaperNotSet as problem:
            if digest != _digest(lying):
                raise
            stale[one.number.short] = str(problem)
            fresh[one.file_name] = known[one.file_name]
            return lying
        fresh[one.file_name] = [mark, _digest(pdf)]
        return pdf

    def set_some(some: Sequence[Printed]) -> None:
        with run.step():
            pass  # setting thousands takes longer than a silent stage is waited for
        for one in some:
            try:
                pdfs[one] = set_one(one)
            except PaperNotSet as problem:
                not_set[one] = problem

    def set_before(one: Printed) -> bytes:
        if one in not_set:
            raise not_set[one]
        return pdfs[one]

    pdfs, not_set, stale = dict[Printed, bytes](), dict[Printed, PaperNotSet](), dict[str, str]()
    for start in range(0, len(papers.certificates), _AT_ONCE):
        some = papers.certificates[start : start + _AT_ONCE]
        run.piece(PieceKind.CERTIFICATES, f"{some[0].number.short}–{some[-1].number.short}", partial(set_some, some))
    made = make_papers(papers, press, set_before)
    in_force = {one.file_name for one in papers.certificates}
    for path in (folder / CERTIFICATES).glob("*.pdf"):
        if path.name not in in_force:
            path.unlink(missing_ok=True)  # void; who had it has it in their letter
    for name, content in made.office.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            run.write(path, content)
    run.write(folder / _MARKS, json.dumps(fresh, sort_keys=True).encode())
    _tell(run, papers, made, stale)
    run.tell("certificates made", len(fresh) - len(stale))
    run.tell("not made", "; ".join({**made.problems, **stale}.values()) or 0)


def _tell(run: Run, papers: Papers, made: Made, stale: Mapping[str, str]) -> None:
    """A letter to each unit with what is its own, and one to the office; once for what they bring.

    `stale`: why a certificate still has its earlier design, which concerns the office alone.
    """
    problems = {**made.problems, **stale}
    for unit, files in made.units.items():
        own = [one for one in papers.certificates if one.unit == unit]
        lacking = [made.problems[one.number.short] for one in own if one.number.short in made.problems]
        kept = [_kept(run, unit, name, content) for name, content in files.items()]
        with run.step() as session:
            post_to_unit(
                session,
                run,
                LetterKind.PAPERS,
                unit,
                key=_digest("".join([*(path.name for path in kept), *lacking]).encode())[:16],
                attachments=kept,
                count=len(own) - len(lacking),
                amount=_yuan(prize for prize in papers.prizes if prize.unit == unit),
                problems=lacking,
            )
    brought = [
        _kept(run, "office", name, made.office[name]) for name in (PAYMENT, f"{KIT}.docx") if name in made.office
    ]
    everything = [f"{name} {_digest(content)}" for name, content in made.office.items()]
    with run.step() as session:
        post_to_office(
            session,
            run,
            LetterKind.PAPERS_MADE,
            key=_digest("\n".join([*everything, *problems.values()]).encode())[:16],
            attachments=brought,
            folder=paths.office_folder(run.settings, run.year).relative_to(run.settings.home.absolute()).as_posix(),
            count=len(papers.certificates) - sum(one.number.short in problems for one in papers.certificates),
            amount=_yuan(papers.prizes),
            problems=list(problems.values()),
        )


def _unit_files(
    papers: Papers, unit: str, pdfs: Mapping[Printed, bytes], problems: dict[str, str]
) -> Iterator[tuple[str, bytes]]:
    own = {f"{one.number.short} {_file_name(one.name)}.pdf": pdf for one, pdf in pdfs.items() if one.unit == unit}
    if own:
        yield f"{CERTIFICATES}.zip", packed(own)
    yield PAYMENT, papers.payment_list(unit)
    yield from _kit_files(papers, unit, problems)


def _kit_files(papers: Papers, unit: str, problems: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    try:
        yield f"{KIT}.docx", as_word(papers.kits[unit])
        yield f"{KIT}.md", as_markdown(papers.kits[unit]).encode()
    except KitNotMade as problem:
        problems[KIT] = str(problem)


def _known(path: Path) -> dict[str, list[str]]:
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return {}


def _kept(run: Run, recipient: str, name: str, content: bytes) -> Path:
    """A file as a letter brings it: its name has its digest, and it stays as it is."""
    path = paths.paper(run.settings, run.year, recipient, name, _digest(content))
    if not path.is_file():
        run.write(path, content)
    return path


def _file_name(name: str) -> str:
    """A person's or firm's name as part of a file's name."""
    return "".join(sign if sign.isalnum() or sign in "·（）-" else "_" for sign in name)[:60]


def _yuan(prizes_of: Iterable[Prize]) -> str:
    return f"{sum(prize.paid for prize in prizes_of) / FEN:,.2f}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""Puts papers where the office finds them, and sends each unit its own: after the results, and whenever an award changes.

Everything is a function of the database and of the designs, byte for byte; what a letter brings lies under a name that
has its digest, and stays. A certificate that cannot be set is left out and named; the others are made.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import version
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
_MARKS = ".made.json"  # what each file follows from, and its digest
# Whose a file is (a unit's code, nothing for the office), its name, all that it follows from, and how it is made.
Once = Callable[[str, str, str, Callable[[], bytes]], bytes]


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

    def payment_list(self, unit: str = "") -> PaymentList:
        """What a unit's payment list says, or the city's."""
        return PaymentList(
            self.season,
            [prize for prize in self.prizes if not unit or prize.unit == unit],
            [one for one in self.recoveries if not unit or one.prize.unit == unit],
            self.results.published_at,
            unit,
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


def _anew(_unit: str, _name: str, _follows: str, make: Callable[[], bytes]) -> bytes:
    return make()


def make_papers(papers: Papers, press: Press, set_one: Callable[[Printed], bytes], once: Once = _anew) -> Made:
    """Every file. `set_one` sets a certificate, or has it from before; raises what it raises but PaperNotSet.

    `once` makes every other file, or has it from before: whose it is, its name, all that it follows from, and how.
    """
    pdfs, problems = dict[Printed, bytes](), dict[str, str]()
    for one in papers.certificates:
        try:
            pdfs[one] = set_one(one)
        except PaperNotSet as problem:
            problems[one.number.short] = str(problem)
    follows = f"{press.mark} {_sources()} {papers.season.model_dump_json()}"
    units = {unit: dict(_unit_files(papers, unit, pdfs, problems, follows, once)) for unit in papers.units}
    office = {_name_of(one): pdf for one, pdf in pdfs.items()}
    try:
        office |= {BOOK: once("", BOOK, f"{follows} {[*pdfs]}", partial(press.set_all, [*pdfs]))} if pdfs else {}
    except PaperNotSet as problem:
        problems[BOOK] = str(problem)
    office |= dict(_common_files(papers, "", problems, follows, once))
    return Made(office, units, problems)


def put_papers(run: Run) -> None:
    """Make what changed, put it in its place, tell whom it concerns; nothing in a season without certificates.

    Everything comes out the same when it is done again.
    """
    with run.step() as session:
        papers = papers_of(session, run.season, run.settings.site_url)
    if papers is None or run.dry_run:
        return
    press, shelf = Press(), _Shelf(run)
    pdfs, not_set, stale = dict[Printed, bytes](), dict[Printed, PaperNotSet](), dict[str, str]()

    def set_one(one: Printed) -> bytes:
        """A design that cannot be set takes nobody's certificate away: what lies there stays until it can."""
        try:
            return shelf.once("", _name_of(one), press.mark_of(one), partial(press.set, one))
        except PaperNotSet as problem:
            lying = shelf.kept("", _name_of(one))
            if lying is None:
                raise
            stale[one.number.short] = str(problem)
            return lying

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

    for one in papers.certificates:
        kept = shelf.kept("", _name_of(one), press.mark_of(one))
        if kept is not None:
            pdfs[one] = kept
    wanted = [one for one in papers.certificates if one not in pdfs]
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        run.piece(PieceKind.CERTIFICATES, f"{some[0].number.short}–{some[-1].number.short}", partial(set_some, some))
    made = make_papers(papers, press, set_before, shelf.once)
    in_force = {one.file_name for one in papers.certificates}
    for path in (shelf.folder / CERTIFICATES).glob("*.pdf"):
        if path.name not in in_force:
            path.unlink(missing_ok=True)  # void; who had it has it in their letter
    shelf.close()
    _tell(run, papers, made, stale)
    run.tell("certificates made", len(pdfs) - len(stale))
    run.tell("not made", "; ".join({**made.problems, **stale}.values()) or 0)


class _Shelf:
    """Where papers lie: what follows from the same as before, and still is what was made of it, is not made again."""

    def __init__(self, run: Run) -> None:
        self.run, self.folder = run, paths.office_folder(run.settings, run.year)
        self.known, self.asked = _known(self.folder / _MARKS), dict[str, list[str]]()

    def once(self, unit: str, name: str, follows: str, make: Callable[[], bytes]) -> bytes:
        """A file of the office (of no unit) or for a unit's letter. Raises what making it raises."""
        content = self.kept(unit, name, follows)
        if content is None:
            content = make()
            digest = _digest(content)
            self.run.write(_place(self.run, unit, name, digest), content)
            self.asked[f"{unit}/{name}"] = [_digest(follows.encode()), digest]
        return content

    def kept(self, unit: str, name: str, follows: str | None = None) -> bytes | None:
        """The file as it was made of the same, or of whatever; None where it was not, is gone, or was altered."""
        mark, digest = self.known.get(f"{unit}/{name}", ("", ""))
        if follows is not None and mark != _digest(follows.encode()):
            return None
        with suppress(OSError):
            content = _place(self.run, unit, name, digest).read_bytes()
            if _digest(content) == digest:
                self.asked[f"{unit}/{name}"] = [mark, digest]
                return content
        return None

    def close(self) -> None:
        """Remember what was asked for."""
        if self.asked != self.known:
            self.run.write(self.folder / _MARKS, json.dumps(self.asked, sort_keys=True).encode())


def _place(run: Run, unit: str, name: str, digest: str) -> Path:
    """Where a file lies; as a letter brings it, its name has its digest, and it stays as it is."""
    return (
        paths.paper(run.settings, run.year, unit, name, digest)
        if unit
        else paths.office_folder(run.settings, run.year) / name
    )


def _tell(run: Run, papers: Papers, made: Made, stale: Mapping[str, str]) -> None:
    """A letter to each unit with what is its own, and one to the office; once for what they bring.

    `stale`: why a certificate still has its earlier design, which concerns the office alone.
    """
    problems = {**made.problems, **stale}
    for start in range(0, len(papers.units), _AT_ONCE):
        with run.step() as session:
            for unit in papers.units[start : start + _AT_ONCE]:
                _tell_unit(session, run, papers, made, unit)
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


def _tell_unit(session: Session, run: Run, papers: Papers, made: Made, unit: str) -> None:
    own = [one for one in papers.certificates if one.unit == unit]
    lacking = [made.problems[one.number.short] for one in own if one.number.short in made.problems]
    kept = [_place(run, unit, name, _digest(content)) for name, content in made.units[unit].items()]
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


def _unit_files(
    papers: Papers, unit: str, pdfs: Mapping[Printed, bytes], problems: dict[str, str], follows: str, once: Once
) -> Iterator[tuple[str, bytes]]:
    own = {f"{one.number.short} {_file_name(one.name)}.pdf": pdf for one, pdf in pdfs.items() if one.unit == unit}
    if own:
        told = json.dumps([[name, _digest(pdf)] for name, pdf in own.items()])
        yield f"{CERTIFICATES}.zip", once(unit, f"{CERTIFICATES}.zip", f"{follows} {told}", partial(packed, own))
    yield from _common_files(papers, unit, problems, follows, once)


def _common_files(
    papers: Papers, unit: str, problems: dict[str, str], follows: str, once: Once
) -> Iterator[tuple[str, bytes]]:
    """The payment list and the press kit of a unit, or the city's."""
    payment, kit = papers.payment_list(unit), papers.kits[unit]
    named = {
        prize.unit: payment.name_of(prize.unit)
        for prize in (*payment.prizes, *(one.prize for one in payment.recoveries))
    }
    yield PAYMENT, once(unit, PAYMENT, f"{follows} {named} {payment}", partial(write_payment_list, payment))
    try:
        yield f"{KIT}.docx", once(unit, f"{KIT}.docx", f"{follows} {kit}", partial(as_word, kit))
        yield f"{KIT}.md", once(unit, f"{KIT}.md", f"{follows} {kit}", lambda: as_markdown(kit).encode())
    except KitNotMade as problem:
        problems[KIT] = str(problem)


@lru_cache
def _sources() -> str:
    """What papers are made with beside designs: this room, and what writes Word and Excel."""
    digest = hashlib.sha256(" ".join(map(version, ("docxtpl", "python-docx", "xlsxwriter"))).encode())
    for path in sorted(Path(__file__).parent.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


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


def _name_of(one: Printed) -> str:
    return f"{CERTIFICATES}/{one.file_name}"


def _file_name(name: str) -> str:
    """A person's or firm's name as part of a file's name."""
    return "".join(sign if sign.isalnum() or sign in "·（）-" else "_" for sign in name)[:60]


def _yuan(prizes_of: Iterable[Prize]) -> str:
    return f"{sum(prize.paid for prize in prizes_of) / FEN:,.2f}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""Those who fill workbooks: clerks of the units, the office with its pool, the experts.

Each keeps an own copy of what was sent, below `people/` in the home folder. Whoever repeats a
scene after a crash sends the same copy again, and the system knows it by its content.
"""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

from config.errors import GangchuangError
from flows.demo.afterwards import good_practice, what_became
from flows.demo.drawings import draw
from flows.demo.opinions import district_verdicts, drawn, expert_score, recusal
from flows.demo.script import Deed, Scene
from flows.demo.sent_workbooks import SentWorkbook
from flows.demo.ways import Way, Ways
from flows.demo.world import World
from flows.home import paths
from flows.home.files import digest_of
from flows.kinds.table import layout_of
from flows.workbooks.writer.filling import fill_template, submission_row
from models.enums import WorkbookKind
from models.forms import ExpertForm, RecusalForm, ScoreForm, VerdictForm

RECUSING = 2
_EPOCH = (1980, 1, 1, 0, 0, 0)


class NothingIssued(GangchuangError):
    """Somebody has to send a workbook that was never issued to them."""

    def __init__(self, who: str, kind: WorkbookKind) -> None:
        self.who, self.kind = who, kind
        super().__init__(f"No workbook {kind.label} was issued to {who}: there is nothing in outbox/ to fill.")


@dataclass(frozen=True)
class Paper:
    """One file that somebody sends: whose it is, from which own copy, and how it is filled.

    `typed`: what an expert types on their page instead, of which the copy is only a note.
    """

    folder: str
    copy: Path
    fill: Callable[[Path], object]
    typed: tuple[Mapping[str, Any], ...] = ()


class Clerks:
    """Everybody who sends files."""

    def __init__(self, world: World) -> None:
        self.world, self.cast, self.season, self.ways = world, world.cast, world.season, Ways(world)
        self._papers: dict[Deed, Callable[[Scene], Iterable[Paper]]] = {
            Deed.SEND_SUBMISSIONS: self._submissions,
            Deed.SEND_CORRECTION: self._correction,
            Deed.SEND_VERDICTS: self._verdicts,
            Deed.SEND_EXPERTS: self._experts,
            Deed.SEND_SCORES: self._scores,
            Deed.SEND_PRACTICE: self._practice,
            Deed.SEND_FOLLOW_UP: self._follow_up,
        }

    def sends(self, scene: Scene) -> bool:
        """Whether a scene is one of sending files."""
        return scene.deed in self._papers

    def unsent(self, scene: Scene) -> list[Paper]:
        """The files of a scene that the system does not have yet."""
        return [paper for paper in self._papers[scene.deed](scene) if not self._is_taken(paper)]

    def send(self, papers: Iterable[Paper]) -> None:
        """Fill own copies where there are none, then send all together, each by its sender's way."""
        ready = {paper.copy: paper for paper in papers}
        for paper in ready.values():
            if not paper.copy.exists():
                paper.copy.parent.mkdir(parents=True, exist_ok=True)
                draft = paper.copy.with_name(f".{paper.copy.stem}.part{paper.copy.suffix}")
                paper.fill(draft)
                draft.replace(paper.copy)
        for paper in ready.values():
            if paper.typed:
                self.ways.type_scores(paper.folder, paper.typed)
            else:
                self.ways.send(paper.folder, paper.copy)

    def on_the_way(self, papers: Iterable[Paper]) -> list[str]:
        """What was sent and is not taken yet, in words."""
        sent = {(digest_of(paper.copy), paper.folder): paper for paper in papers if not paper.typed}
        taken = self.world.delivered(sent)
        return [f"{paper.copy.name} of {paper.folder}" for key, paper in sent.items() if key not in taken]

    def silent_expert(self) -> str:
        """The one of the first panel who never delivers; always the same one."""
        return drawn(self.cast, "silent", self.world.first_panel(), 1)[0]

    def _is_taken(self, paper: Paper) -> bool:
        return paper.copy.exists() and bool(self.world.delivered([(digest_of(paper.copy), paper.folder)]))

    def _copy(self, who: str, name: str) -> Path:
        return self.world.settings.home.absolute() / "people" / who / name

    def _template(self, who: str, kind: WorkbookKind) -> Path:
        """The newest workbook of a kind issued to somebody. Raises NothingIssued."""
        issued = self.world.issued_to(who, kind.label)
        if not issued:
            raise NothingIssued(who, kind)
        return issued[-1]

    def _submissions(self, scene: Scene) -> Iterator[Paper]:
        delivery: SentWorkbook = scene.details["delivery"]
        template = self._template(delivery.unit, WorkbookKind.SUBMISSIONS)
        name = f"{delivery.name}-{delivery.unit}.{'zip' if delivery.attachments else 'xlsx'}"
        copy = self._copy(delivery.unit, name)
        yield Paper(delivery.unit, copy, lambda target: _fill_submissions(template, target, delivery))

    def _correction(self, scene: Scene) -> Iterator[Paper]:
        entry = self.cast.entries[scene.subject]
        template = self._template(entry.unit, WorkbookKind.SUBMISSIONS)
        number = self.world.numbers().get(scene.subject)
        if number is not None:
            row = submission_row(entry.form.model_copy(update={"number": number}))
            copy = self._copy(entry.unit, f"补正-{number}.xlsx")
            yield Paper(entry.unit, copy, lambda target: fill_template(template, target, [row]))

    def _verdicts(self, scene: Scene) -> Iterator[Paper]:
        """Nothing from a unit that has nothing to judge."""
        issued = self.world.issued_to(scene.subject, WorkbookKind.VERDICTS.label)
        if not issued:
            return
        template = issued[-1]
        beyond = bool(scene.details["beyond_quota"])
        name = f"初评结果表{'（首次）' if beyond else ''}-{scene.subject}.xlsx"
        yield Paper(
            scene.subject,
            self._copy(scene.subject, name),
            lambda target: fill_template(template, target, self._verdict_rows(scene.subject, template, beyond)),
        )

    def _verdict_rows(self, unit: str, template: Path, beyond: bool) -> list[dict[str, Any]]:
        listed = set(_given_numbers(template)) & self.world.open_numbers()
        own = {entry.key for entry in self.cast.of_unit(unit)}
        numbers = {key: number for key, number in self.world.numbers().items() if key in own and number in listed}
        layout = layout_of(WorkbookKind.VERDICTS, self.season, unit)
        headings = {column.key: column.heading for column in layout.columns}
        forms = district_verdicts(self.cast, unit, numbers, beyond_quota=beyond)
        return [_named(headings, _verdict_values(form)) for form in forms]

    def _experts(self, scene: Scene) -> Iterator[Paper]:
        template = self._template(paths.OFFICE, WorkbookKind.EXPERTS)
        headings = {column.key: column.heading for column in layout_of(WorkbookKind.EXPERTS, self.season).columns}
        rows = [_named(headings, _expert_values(form)) for form in self.cast.experts]
        copy = self._copy(paths.OFFICE, f"专家库-{scene.at:%Y%m%d}.xlsx")
        yield Paper(paths.OFFICE, copy, lambda target: fill_template(template, target, rows))

    def _scores(self, scene: Scene) -> Iterator[Paper]:
        """Every score sheet that a share of the experts holds; one of them never answers."""
        first, names, silent = self.world.first_panel(), self.world.expert_names(), self.silent_expert()
        share = first[: len(first) // 2] if scene.subject == "first" else sorted(names)
        owed, keys = self.world.open_assignments(), {number: key for key, number in self.world.numbers().items()}
        recusing = self._recusing()
        for expert in share:
            if expert == silent:
                continue
            rounds = owed.get(expert, {})
            called = self.world.called_before(expert, rounds)
            forms: dict[str, ScoreForm | RecusalForm] = {
                alias: expert_score(self.cast, names[expert], keys[number], alias, round=rounds[number])
                for alias, number in sorted(called.items(), key=lambda pair: pair[1])
            }
            if forms and scene.subject == "first" and expert in recusing:
                alias = next(iter(forms))
                forms[alias] = recusal(alias)
            yield from (
                self._typing(scene, expert, forms) if self.ways.of(expert) is Way.PAGE else self._filling(expert, forms)
            )

    def _typing(self, scene: Scene, expert: str, forms: Mapping[str, ScoreForm | RecusalForm]) -> Iterator[Paper]:
        typed = tuple(map(_typed, forms.values()))
        if typed:
            note = self._copy(expert, f"网页打分-{scene.at:%Y%m%d%H}.json")
            yield Paper(expert, note, _noted(typed), typed)

    def _filling(self, expert: str, forms: Mapping[str, ScoreForm | RecusalForm]) -> Iterator[Paper]:
        for sheet in self.world.issued_to(expert, WorkbookKind.SCORES.label):
            copy = self._copy(expert, sheet.name)
            given = () if copy.exists() else _given_numbers(sheet)
            own = [form for alias, form in forms.items() if alias in given]
            if own or copy.exists():
                yield Paper(expert, copy, self._scoring(sheet, own))

    def _practice(self, scene: Scene) -> Iterator[Paper]:
        """A unit's own report and, every other unit, one of an employer; every sixth does not agree to publication."""
        template = self._template(scene.subject, WorkbookKind.PRACTICE)
        headings = {column.key: column.heading for column in layout_of(WorkbookKind.PRACTICE, self.season).columns}
        rows = [_named(headings, said) for said in good_practice(self.cast, scene.subject, scene.details["place"])]
        copy = self._copy(scene.subject, f"好经验好做法-{scene.subject}.xlsx")
        yield Paper(scene.subject, copy, lambda target: fill_template(template, target, rows))

    def _follow_up(self, scene: Scene) -> Iterator[Paper]:
        """What became of a unit's awards, with a picture where they are in use; nothing from a unit without awards."""
        issued = self.world.issued_to(scene.subject, WorkbookKind.FOLLOW_UP.label)
        if issued:
            layout = layout_of(WorkbookKind.FOLLOW_UP, self.season)
            headings = {column.key: column.heading for column in layout.columns}
            numbers, template = _given_numbers(issued[-1]), issued[-1]
            said = what_became(self.cast, numbers, self.season.dates.follow_up)
            rows = [_named(headings, values) for values in said]
            pictures = {name: draw(name) for values in said if (name := str(values.get("pictures.0.name", "")))}
            copy = self._copy(scene.subject, f"成果转化-{scene.subject}.zip")
            yield Paper(scene.subject, copy, lambda target: _fill_package(template, target, rows, pictures))

    def _scoring(self, sheet: Path, forms: list[ScoreForm | RecusalForm]) -> Callable[[Path], object]:
        columns = layout_of(WorkbookKind.SCORES, self.season).columns
        headings = {column.key: column.heading for column in columns}
        return lambda target: fill_template(sheet, target, [_named(headings, _score_values(form)) for form in forms])

    def _recusing(self) -> list[str]:
        first = self.world.first_panel()
        willing = set(first[: len(first) // 2]) - {self.silent_expert()}
        return drawn(self.cast, "recusing", willing, RECUSING)


def _fill_submissions(template: Path, target: Path, delivery: SentWorkbook) -> None:
    rows = [submission_row(row.form) for row in delivery.rows]
    if not delivery.attachments:
        fill_template(template, target, rows)
        return
    book = target.with_suffix(".xlsx")
    fill_template(template, book, rows)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"{delivery.name}.xlsx", _EPOCH), book.read_bytes())
        for name, content in delivery.attachments.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    book.unlink()


def _fill_package(template: Path, target: Path, rows: list[dict[str, Any]], files: Mapping[str, bytes]) -> None:
    book = target.with_suffix(".xlsx")
    fill_template(template, book, rows)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"{target.stem}.xlsx", _EPOCH), book.read_bytes())
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    book.unlink()


def _given_numbers(sheet: Path) -> list[str]:
    """The numbers that an issued workbook asks about, in its order: what stands below 申报编号."""
    rows = CalamineWorkbook.from_path(str(sheet)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    bare = [[str(cell).removesuffix("*") for cell in row] for row in rows]
    heading = next(line for line, row in enumerate(bare) if "申报编号" in row)
    column = bare[heading].index("申报编号")
    return [row[column] for row in bare[heading + 1 :] if row[column]]


def _named(headings: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    return {headings[key]: value for key, value in values.items() if key in headings and value not in (None, "")}


def _points(form: VerdictForm | ScoreForm) -> dict[str, Any]:
    return {f"points.{key}": points for key, points in form.points.items()}


def _verdict_values(form: VerdictForm) -> dict[str, Any]:
    return {
        "number": form.number,
        "verdict": form.verdict.label,
        "rank": form.rank,
        "comment": form.comment,
        **_points(form),
    }


def _score_values(form: ScoreForm | RecusalForm) -> dict[str, Any]:
    if isinstance(form, RecusalForm):
        return {"number": form.number, "recusal": "回避", "recusal_reason": form.reason}
    return {"number": form.number, "comment": form.comment, **_points(form)}


def _typed(form: ScoreForm | RecusalForm) -> dict[str, Any]:
    """The same in the fields of an expert's page."""
    if isinstance(form, RecusalForm):
        return {"number": form.number, "recusal": "1", "reason": form.reason}
    return {"number": form.number, "comment": form.comment, **form.points}


def _noted(typed: Sequence[Mapping[str, Any]]) -> Callable[[Path], object]:
    return lambda target: target.write_text(json.dumps(typed, ensure_ascii=False, default=str), "utf-8")


def _expert_values(form: ExpertForm) -> dict[str, Any]:
    plain = form.model_dump(exclude={"fields", "declared"})
    return {**plain, "fields": "、".join(form.fields), "declared": "、".join(form.declared)}

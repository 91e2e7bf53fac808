"""Which unit sends which workbook of submissions when, and what is wrong with some rows. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from types import MappingProxyType
from typing import Any

from config.local_time import ZONE, local_day
from config.season import Season
from flows.demo.cast import Achievement, Cast
from flows.demo.drawings import draw
from models.forms import OrganisationForm, SubmissionForm


@dataclass(frozen=True)
class TypedRow:
    """One row as it is typed; a flawed one holds what no valid form may (see `_FLAWS`)."""

    key: str
    form: SubmissionForm

    def but(self, **cells: object) -> "TypedRow":
        """The same row with other values in some cells."""
        return TypedRow(self.key, self.form.model_copy(update=cells))


@dataclass(frozen=True)
class SentWorkbook:
    """One workbook that a unit puts into its inbox folder; with attachments it comes as a zip."""

    unit: str
    at: datetime
    name: str
    rows: tuple[TypedRow, ...]
    attachments: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Waves:
    """The instants at which workbooks come in: few, so that a stepped clock stops seldom."""

    first: datetime
    second: datetime
    third: datetime
    last: datetime
    late: datetime
    moved: datetime
    extended: datetime
    extended_deadline: datetime

    @classmethod
    def of(cls, season: Season) -> "Waves":
        opens, closes = season.dates.open_call, season.dates.close_call
        return cls(
            first=day_of(opens + (closes - opens) / 2),
            second=day_of(closes, -10),
            third=day_of(closes, -2),
            last=closes - timedelta(hours=2),
            late=closes + timedelta(hours=3),
            moved=day_of(closes, -3, 15),
            extended=day_of(closes, 7),
            extended_deadline=closes + timedelta(days=8),
        )


def day_of(instant: datetime, days: int = 0, hour: int = 10) -> datetime:
    """An hour of the local day that lies so many days after an instant's."""
    return datetime.combine(local_day(instant) + timedelta(days=days), time(hour), ZONE)


def deliveries_of(cast: Cast) -> list[SentWorkbook]:
    """Every workbook of submissions of the call, in the order of arrival."""
    waves, plot = Waves.of(cast.season), cast.plot
    rng = Random(f"deliveries/{cast.seed}")
    found: list[SentWorkbook] = []
    for unit in cast.units:
        at = _wave(rng, cast, waves, unit.code)
        found += _of_unit(cast, waves, unit.code, at)
    late = [_plain(cast.entries[key]) for key in plot.late]
    found.append(_delivery(plot.late_unit, waves.late, "补充申报", late))
    return sorted(found, key=lambda delivery: (delivery.at, delivery.unit))


def _wave(rng: Random, cast: Cast, waves: Waves, unit: str) -> datetime:
    """When a unit sends its workbook: early what has a sequel, later what repeats another unit's."""
    plot = cast.plot
    early = {cast.entries[key].unit for key in (*plot.incomplete, plot.changed)}
    early |= {cast.entries[pair.first].unit for pair in (plot.copied_across, plot.near_same)}
    chosen = rng.choices((waves.first, waves.second, waves.third, waves.last), weights=(3, 4, 4, 2))[0]
    if unit == plot.admitted_unit:
        return waves.late
    if unit == plot.extended_unit:
        return waves.extended
    if unit in early:
        return waves.first
    return waves.third if unit in (plot.copied_across.unit, plot.near_same.unit) else chosen


def _of_unit(cast: Cast, waves: Waves, unit: str, at: datetime) -> list[SentWorkbook]:
    plot = cast.plot
    rows = [_plain(entry) for entry in cast.of_unit(unit) if entry.key not in plot.late]
    rows = [_uncoded(row) if row.key in plot.uncoded() else row for row in rows]
    again = [row for row in rows if row.key in plot.incomplete]
    rows = [_flawed(plot.incomplete.index(row.key), row) if row in again else row for row in rows]
    again += [_changed(row) for row in rows if row.key == plot.changed]
    for pair in (plot.copied_within, plot.copied_across):
        if pair.unit == unit:
            rows.append(_copied(cast.entries[pair.first], pair.second))
    attachments = _attachments(rows) if unit in plot.zipped_units else {}
    if attachments:
        rows = [_with_attachment(row, name) for row, name in zip(rows, attachments, strict=True)]
    found = [_delivery(unit, at, "申报汇总表", rows, attachments)]
    return found + ([_delivery(unit, waves.second, "申报汇总表（更正）", again)] if again else [])


def _delivery(
    unit: str, at: datetime, name: str, rows: list[TypedRow], attachments: Mapping[str, bytes] | None = None
) -> SentWorkbook:
    pictures = {picture.name: draw(picture.name) for row in rows for picture in row.form.pictures}
    return SentWorkbook(unit, at, name, tuple(rows), MappingProxyType({**(attachments or {}), **pictures}))


def _plain(entry: Achievement) -> TypedRow:
    return TypedRow(entry.key, entry.form)


# What people leave out or get wrong, in turn: no abstract; no contributor; a code with a wrong
# check digit; an achievement of years ago.
_FLAWS: tuple[Mapping[str, Any], ...] = (
    {"abstract": ""},
    {"contributors": ()},
    {"organisations": "wrong code"},
    {"completed_on": "too old"},
)


def _flawed(turn: int, row: TypedRow) -> TypedRow:
    flaw = dict(_FLAWS[turn % len(_FLAWS)])
    if "organisations" in flaw:
        first, *others = row.form.organisations
        flaw["organisations"] = (_miscoded(first), *others)
    if "completed_on" in flaw:
        flaw["completed_on"] = date(row.form.completed_on.year - 4, row.form.completed_on.month, 1)
    return row.but(**flaw)


def _uncoded(row: TypedRow) -> TypedRow:
    first, *others = row.form.organisations
    bare = (first.model_copy(update={"credit_code": ""}), *others)
    return row.but(organisations=bare)


def _miscoded(organisation: OrganisationForm) -> OrganisationForm:
    code = organisation.credit_code
    wrong = "1" if code[-1] != "1" else "2"
    return organisation.model_copy(update={"credit_code": code[:-1] + wrong})


def _changed(row: TypedRow) -> TypedRow:
    more = f"{row.form.abstract}报送后又补充了一轮现场数据，结论不变。"
    return row.but(abstract=more)


def _copied(entry: Achievement, key: str) -> TypedRow:
    """The same achievement typed again: blanks around the title make no other title of it."""
    return TypedRow(key, entry.form.model_copy(update={"title": f"　{entry.form.title} "}))


def _attachments(rows: list[TypedRow]) -> dict[str, bytes]:
    return {f"佐证材料{number:02d}.pdf": _page(number) for number, _ in enumerate(rows, start=1)}


def _with_attachment(row: TypedRow, name: str) -> TypedRow:
    return row.but(attachments=(name,))


def _page(number: int) -> bytes:
    """A PDF of one empty page; the number makes each file another one."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
    )
    body, offsets = b"%%PDF-1.4\n%% example %d\n" % number, []
    for serial, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (serial, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(body))
    return body + head + table + tail

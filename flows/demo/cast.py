"""The cast of the demo: who submits what in a season, from a fixed seed. Pure.

Titles of `titles.csv` are real and published; every organisation and every person is invented
and marked 示例.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from random import Random

from config.season import Season
from config.units import Unit
from flows.demo.people import Employer, Employers, Registry, contact_of, experts_of, short_name
from flows.demo.plot import Plot, cast_parts, unit_parts
from flows.demo.vocabulary import Work
from flows.demo.wording import invent_title, invent_work, tell_story
from models.enums import Carrier, Category, Origin
from models.forms import ContributorForm, ExpertForm, OrganisationForm, PictureForm, SubmissionForm

TITLES = Path(__file__).parent / "titles.csv"
SEED = 2026
# Submissions a unit sends, in turn; one unit sends more than its quota.
_A_UNIT = (7, 8, 9, 10)
_OVER_QUOTA = 2
_WINNER, _CONTENDER, _HOPELESS = 0.97, 0.78, 0.45
_SHOWN = 0.84  # from which merit an entry brings a picture


@dataclass(frozen=True)
class Achievement:
    """One achievement as it ought to stand in the end; `merit` in 0..1 is what a just judge would see."""

    key: str
    unit: str
    form: SubmissionForm
    merit: float


@dataclass(frozen=True)
class Cast:
    """Everybody and everything that takes part. Entries by key, in the order of the units."""

    seed: int
    season: Season
    units: tuple[Unit, ...]
    entries: Mapping[str, Achievement]
    experts: tuple[ExpertForm, ...]
    plot: Plot

    def of_unit(self, code: str) -> list[Achievement]:
        return [entry for entry in self.entries.values() if entry.unit == code]


def cast_of(season: Season, *, seed: int = SEED) -> Cast:
    """The cast of a season: the same seed and season give the same cast."""
    units = season.units()
    rng = Random(f"gangchuang/{seed}/{season.year}")
    registry = Registry(rng)
    maker = _Maker(season, rng, Employers(rng, registry), units)
    taken = unit_parts(rng, [unit.code for unit in units])
    sizes = _sizes(rng, season, units, taken["over_quota_unit"])
    entries = {entry.key: entry for unit in units for entry in maker.entries_of(unit, sizes[unit.code])}
    keys_of = {unit.code: [key for key in entries if entries[key].unit == unit.code] for unit in units}
    plot = cast_parts(rng, keys_of, taken, longest=_longest_titles(keys_of, entries))
    experts = experts_of(rng, season, registry, _colleagues(rng, entries))
    entries = {key: _with_picture(season, entry) for key, entry in _with_parts(entries, plot).items()}
    return Cast(seed, season, tuple(units), entries, experts, plot)


def _sizes(rng: Random, season: Season, units: list[Unit], over_quota: str) -> dict[str, int]:
    sizes = [_A_UNIT[turn % len(_A_UNIT)] for turn in range(len(units))]
    rng.shuffle(sizes)
    by_code = {unit.code: size for unit, size in zip(units, sizes, strict=True)}
    return by_code | {over_quota: season.quota_of(over_quota) + _OVER_QUOTA}


def _longest_titles(keys_of: Mapping[str, list[str]], entries: Mapping[str, Achievement]) -> dict[str, str]:
    """Each unit's achievement with the longest title: a small change leaves it nearly the same."""
    return {unit: max(keys, key=lambda key: len(entries[key].form.title)) for unit, keys in keys_of.items()}


def _with_parts(entries: dict[str, Achievement], plot: Plot) -> dict[str, Achievement]:
    """The near copies join; those with a part get the merit that it needs."""
    for pair, change in ((plot.near_same, "{}及应用"), (plot.near_distinct, "{}二代")):
        entries[pair.second] = _near_copy(entries[pair.first], pair.second, pair.unit, change)
    for keys, merit in (
        (plot.contenders(), _CONTENDER),
        (plot.winners(), _WINNER),
        ((plot.no_prize, plot.not_recommended), _HOPELESS),
    ):
        for key in keys:
            better = max(merit, entries[key].merit) if merit > _HOPELESS else merit
            entries[key] = replace(entries[key], merit=better)
    return entries


def _with_picture(season: Season, entry: Achievement) -> Achievement:
    """The best bring a picture; of one in six, it is only for the experts."""
    if entry.merit < _SHOWN or not season.call.max_pictures:
        return entry
    name = f"示例图片{entry.key.replace('/', '-')}.jpg"
    told = PictureForm(
        name=name,
        alt=f"示例图片：{entry.form.title[:60]}的示意图，由程序绘制",
        portrait=False,
        consent=Random(f"picture/{name}").random() < 5 / 6,
    )
    return replace(entry, form=entry.form.model_copy(update={"pictures": (told,)}))


def _near_copy(entry: Achievement, key: str, unit: str, change: str) -> Achievement:
    form = entry.form
    text = form.abstract.replace("完成人", "我们").replace("，并", "，还")
    near = form.model_copy(update={"title": change.format(form.title), "abstract": text})
    return Achievement(key, unit, near, entry.merit - 0.03)


def _colleagues(rng: Random, entries: Mapping[str, Achievement], count: int = 4) -> list[tuple[str, OrganisationForm]]:
    """Names and homes of experts who may not judge everything.

    Half of them work where a submission comes from, the others are contributors themselves.
    """
    chosen = [entries[key].form for key in rng.sample(list(entries), count)]
    return [
        ("" if index < count // 2 else form.contributors[0].name, form.organisations[0])
        for index, form in enumerate(chosen)
    ]


class _Maker:
    """Makes the entries of one unit after the other from one stream of chance."""

    def __init__(self, season: Season, rng: Random, employers: Employers, units: list[Unit]) -> None:
        self.season, self.rng, self.employers = season, rng, employers
        self.real = _real_titles(rng, units)
        self.used = [row["title"] for rows in self.real.values() for row in rows]
        self.serial = 0

    def entries_of(self, unit: Unit, size: int) -> list[Achievement]:
        published = self.real.get(unit.code, [])
        return [
            self._entry(unit, ordinal, published[ordinal - 1] if ordinal <= len(published) else None)
            for ordinal in range(1, size + 1)
        ]

    def _entry(self, unit: Unit, ordinal: int, published: dict[str, str] | None) -> Achievement:
        rng, fields = self.rng, self.season.fields
        self.serial += 1
        field = published["field"] if published else fields[(self.serial + rng.randrange(3)) % len(fields)]
        field = field if field in fields else fields[self.serial % len(fields)]
        category = Category(published["category"]) if published else rng.choice(list(Category))
        work = invent_work(rng, field)
        title = published["title"] if published else invent_title(rng, field, work, category, self.used)
        merit = min(0.95, max(0.42, rng.gauss(0.72, 0.09)))
        form = self._form(unit, field, work, category, title)
        return Achievement(f"{unit.code}/{ordinal:02d}", unit.code, form, merit)

    def _form(self, unit: Unit, field: str, work: Work, category: Category, title: str) -> SubmissionForm:
        rng, story = self.rng, tell_story(self.rng, field, work, title)
        carrier = rng.choices(list(Carrier), weights=(4, 5, 2))[0]
        organisations, contributors = self._people(unit, field, carrier)
        has_income = rng.random() < 0.8 or not story.benefit_social
        economic = Decimal(rng.randint(3, 900)) / 10 if has_income else None
        honours = ("", "", "", f"{short_name(unit)}合理化建议优秀奖", "单位技术革新二等奖")
        return SubmissionForm(
            title=title,
            category=category,
            carrier=carrier,
            field=field,
            abstract=story.abstract,
            innovation=story.innovation,
            practicality=story.practicality,
            benefit_economic=economic,
            benefit_social=story.benefit_social,
            spread=story.spread,
            adoption=story.adoption,
            completed_on=self._completed_on(),
            organisations=organisations,
            contributors=contributors,
            earlier_prizes=rng.choice(honours),
            external_partners="示例·渝州职业技术学院" if carrier is Carrier.ALLIANCE else "",
            origin=rng.choices(list(Origin), weights=(6, 2, 1, 1))[0],
            contact=contact_of(self.serial, contributors[0].name),
            text_consent=rng.random() < 0.95,
        )

    def _completed_on(self) -> date:
        year = self.rng.choice(self.season.covered_years)
        return date(year, self.rng.randint(1, 12), self.rng.randint(1, 28))

    def _people(
        self, unit: Unit, field: str, carrier: Carrier
    ) -> tuple[tuple[OrganisationForm, ...], tuple[ContributorForm, ...]]:
        most = self.season.call.max_contributors
        homes = [self.employers.of(unit, field)]
        if carrier is Carrier.ALLIANCE and self.season.call.max_organisations > 1:
            other = self.rng.choice([name for name in self.season.fields if name != field] or [field])
            homes.append(self.employers.of(unit, other))
        wanted = {Carrier.INDIVIDUAL: 1, Carrier.TEAM: self.rng.randint(3, 5), Carrier.ALLIANCE: 4}[carrier]
        people = self._named(homes, min(wanted, most))
        return tuple(home.form for home in homes), self._shared(people)

    def _named(self, homes: list[Employer], wanted: int) -> list[tuple[str, str]]:
        """People in turn from each organisation, as (name, organisation)."""
        staffs = [self.rng.sample(home.staff, len(home.staff)) for home in homes]
        turns = [
            (staff[turn], home.form.name)
            for turn in range(min(map(len, staffs)))
            for staff, home in zip(staffs, homes, strict=True)
        ]
        return turns[:wanted]

    def _shared(self, people: list[tuple[str, str]]) -> tuple[ContributorForm, ...]:
        roles = ("总体方案", "结构设计", "加工制作", "试验验证", "资料整理")
        shares = _shares(len(people)) if self.rng.random() < 0.7 else [None] * len(people)
        return tuple(
            ContributorForm(name=name, organisation=home, role=role, share=share, consent=self.rng.random() < 0.92)
            for (name, home), role, share in zip(people, roles, shares, strict=False)
        )


def _shares(count: int) -> list[Decimal | None]:
    """Percent, falling, a hundred in all."""
    weights = range(count, 0, -1)
    shares: list[Decimal | None] = [Decimal(100 * weight // sum(weights)) for weight in weights]
    shares[0] = Decimal(100) - sum(share for share in shares[1:] if share is not None)
    return shares


def _real_titles(rng: Random, units: list[Unit]) -> dict[str, list[dict[str, str]]]:
    """The published titles by unit; one without a district goes to any of the others."""
    codes = [unit.code for unit in units]
    with TITLES.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    placed = {row["unit"] for row in rows}
    others = [code for code in codes if code not in placed]
    free = cycle(rng.sample(others, min(len(rows), len(others))) or codes)
    found: dict[str, list[dict[str, str]]] = {}
    for row, elsewhere in zip(rows, free, strict=False):
        found.setdefault(row["unit"] if row["unit"] in codes else elsewhere, []).append(row)
    return found

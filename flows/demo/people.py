"""Fictitious organisations, workers and experts, plainly marked as such."""

from dataclasses import dataclass
from datetime import date
from itertools import count
from random import Random

from stdnum.cn import uscc

from config.local_time import local_day
from config.season import Season
from config.units import Unit
from flows.demo.vocabulary import trade_of
from models.forms import ContactForm, ExpertForm, OrganisationForm

MARKED = "示例·"
# No administrative division has this code, so no authority can have issued a credit code with it.
NOWHERE = "999999"

_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎"
_GIVEN = "一二三四五六七八九十甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥东南西北春夏秋冬"
_CODE_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_SUFFIXES = ("土家族苗族自治县", "苗族土家族自治县", "土家族自治县", "经开区", "新区", "区", "县")


@dataclass(frozen=True)
class Employer:
    """One organisation of the demo and those who work there; `field` is what it does."""

    unit: str
    field: str
    form: OrganisationForm
    staff: tuple[str, ...]


class Registry:
    """Gives out names and credit codes, none twice."""

    def __init__(self, rng: Random) -> None:
        names = [surname + given for surname in _SURNAMES for given in _GIVEN]
        rng.shuffle(names)
        self._names = iter(names)
        self._serial = count(1)

    def person(self) -> str:
        return MARKED + next(self._names)

    def credit_code(self, kind: str) -> str:
        return credit_code(kind, next(self._serial))


def credit_code(kind: str, serial: int) -> str:
    """A credit code whose check digit is right (GB 32100-2015) and which nobody can bear.

    `kind` is the registering authority and type, two digits; the division code is `NOWHERE`.
    """
    digits = ""
    for _ in range(9):
        serial, rest = divmod(serial, len(_CODE_LETTERS))
        digits = _CODE_LETTERS[rest] + digits
    body = kind + NOWHERE + digits
    return body + str(uscc.calc_check_digit(body))


def short_name(unit: Unit) -> str:
    """A unit's name as it stands in names of organisations: 巫山 for 巫山县, but 忠县 stays."""
    name = unit.name.removeprefix("西部科学城重庆")
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and len(name) - len(suffix) >= 2:
            return name.removesuffix(suffix)
    return name


class Employers:
    """The organisations of the demo, one for each unit and field, founded when first asked for."""

    def __init__(self, rng: Random, registry: Registry) -> None:
        self._rng, self._registry = rng, registry
        self._found: dict[tuple[str, str], Employer] = {}

    def of(self, unit: Unit, field: str) -> Employer:
        unit_and_field = (unit.code, field)
        if unit_and_field not in self._found:
            what = self._rng.choice(trade_of(field).employers)
            code = self._registry.credit_code(_authority(what))
            form = OrganisationForm(name=f"{MARKED}{short_name(unit)}{what}", credit_code=code)
            staff = tuple(self._registry.person() for _ in range(self._rng.randint(4, 6)))
            self._found[unit_and_field] = Employer(unit.code, field, form, staff)
        return self._found[unit_and_field]


def contact_of(serial: int, name: str) -> ContactForm:
    """Contact data that reaches nobody."""
    return ContactForm(name=name, phone=f"000-{serial:08d}", mail=f"lianxi-{serial:04d}@example.invalid")


_TITLES = ("教授级高级工程师", "高级工程师", "教授", "副教授", "研究员", "副研究员", "高级技师", "主任医师")
_INSTITUTES = (
    "大学",
    "科学研究院",
    "职业技术学院",
    "设计研究总院",
    "检测中心",
    "行业协会",
    "技师学院",
    "工程中心",
)


_DECLARING, _UNSIGNED = 2, 2


def experts_of(
    rng: Random,
    season: Season,
    registry: Registry,
    near: list[tuple[str, OrganisationForm]],
    *,
    per_field: int = 9,
) -> tuple[ExpertForm, ...]:
    """A pool with `per_field` experts for each field.

    The last ones work for the organisations in `near`, under the name given there if there is one:
    they are in conflict with what these submit. The first `_DECLARING` declare somebody themselves;
    the next `_UNSIGNED` have not signed the fairness and secrecy statement.
    """
    institutes = [
        OrganisationForm(name=f"{MARKED}渝州{field[:2]}{kind}", credit_code=registry.credit_code("12"))
        for field in season.fields
        for kind in rng.sample(_INSTITUTES, 4)
    ]
    total = per_field * len(season.fields)
    homes = [("", rng.choice(institutes)) for _ in range(total - len(near))] + near
    return tuple(
        _expert(rng, season, index, name or registry.person(), home, near) for index, (name, home) in enumerate(homes)
    )


def _expert(
    rng: Random,
    season: Season,
    index: int,
    name: str,
    home: OrganisationForm,
    near: list[tuple[str, OrganisationForm]],
) -> ExpertForm:
    field = season.fields[index % len(season.fields)]
    others = [other for other in season.fields if other != field]
    fields = (field, *rng.sample(others, min(len(others), rng.choice((0, 1, 1, 2)))))
    unsigned = 0 <= index - _DECLARING < _UNSIGNED
    return ExpertForm(
        name=name,
        organisation=home.name,
        credit_code=home.credit_code,
        fields=fields,
        title=rng.choice(_TITLES),
        phone=f"000-9{index:07d}",
        mail=f"zhuanjia-{index + 1:03d}@example.invalid",
        valid_until=date(season.dates.close_season.year, 12, 31),
        statement_on=None if unsigned else local_day(season.dates.close_eligibility),
        declared=(near[index % len(near)][1].name,) if index < _DECLARING and near else (),
    )


def _authority(what: str) -> str:
    """The first two digits: firms 91, cooperatives 93, public institutions 12."""
    if "合作社" in what:
        return "93"
    return "91" if what.endswith(("公司", "厂", "站")) else "12"

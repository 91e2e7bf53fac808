"""What the units of the demo say after the awards: good practice, and what became of each achievement. Pure, and invented."""

from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from config.local_time import local_day
from config.units import all_units
from flows.demo.cast import Cast
from models.enums import PracticeKind, PracticeSource, Use

_PRACTICES: tuple[tuple[PracticeKind, str, str, str, str], ...] = (
    (
        PracticeKind.METHOD,
        "三级联络员把征集送到班组",
        "示例：往年申报集中在少数企业，多数班组不知道有这项活动。",
        "示例：区县、园区、企业各设一名联络员，通知下达后三天内到班组讲一遍，现场回答填报问题。",
        "示例：参与申报的用人单位比上年增加，退回补正的减少。",
    ),
    (
        PracticeKind.EXPERIENCE,
        "申报前由技术人员集中会诊",
        "示例：不少成果材料写不清效益，初评时难以判断。",
        "示例：截止前两周请技术人员逐项过一遍，对照评分标准补数据、补证明。",
        "示例：一次合格率提高，初评与终评的次序更接近。",
    ),
    (
        PracticeKind.IDEA,
        "把获奖成果挂牌对接到同类车间",
        "示例：获奖以后成果多留在本班组，没有推广。",
        "示例：按工序给获奖成果编目，请同类车间来看一次、试一个月。",
        "示例：当年有多家单位试用，部分已经采用。",
    ),
)


def good_practice(cast: Cast, code: str, place: int) -> list[dict[str, Any]]:
    """The rows of a unit's workbook of good practice, by the keys of its columns."""
    name, rows = all_units()[code].name, []
    for index in range(1 + place % 2):
        kind, title, background, practice, effect = _PRACTICES[(place + index) % len(_PRACTICES)]
        own = index == 0
        own_entries = cast.of_unit(code)
        employer = own_entries[0].form.organisations[0].name if own_entries else f"示例·{name}某厂"
        rows.append(
            {
                **{"title": f"示例：{title}（{name}）", "kind": kind.label},
                "source": (PracticeSource.UNIT if own else PracticeSource.EMPLOYER).label,
                "organisation": f"{name}科协" if own else employer,
                **{"background": background, "practice": practice, "effect": effect},
                "consent": "不同意" if place % 6 == 5 else "同意",
            }
        )
    return rows


def what_became(cast: Cast, numbers: list[str], asked_at: datetime) -> list[dict[str, Any]]:
    """The rows of a unit's follow-up workbook, by the keys of its columns: most awards are in use, some with a picture."""
    return [_became(Random(f"became/{cast.seed}/{number}"), number, local_day(asked_at)) for number in numbers]


def _became(rng: Random, number: str, today: date) -> dict[str, Any]:
    use = rng.choices(list(Use), weights=(7, 1, 2))[0]
    said: dict[str, Any] = {"number": number, "use": use.label, "consent": rng.choice(("同意", "同意", "不同意"))}
    if use is not Use.IN_USE:
        return said | {"remark": "示例：设备更新，原工序已经取消" if use is Use.STOPPED else "示例：等待设备改造后投入"}
    said |= {"since": today - timedelta(days=rng.randint(120, 500)), "where": "示例：本单位一、二车间"}
    said |= {
        "benefit_economic": rng.randint(3, 180),
        "benefit_social": "示例：减轻劳动强度",
        "places": rng.randint(0, 6),
    }
    if rng.random() < 0.5:
        picture = {"name": f"现场-{number}.jpg", "alt": "示例：装置在车间运行", "consent": "同意，图上没有认得出的人"}
        said |= {f"pictures.0.{part}": text for part, text in picture.items()}
    return said

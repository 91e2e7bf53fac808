"""What an administrator should look at before a season is planned. Pure."""

from collections.abc import Iterator
from typing import Self

from config.calendar import CalendarUnknown, calendar_of, count_working_days, day_note, is_working_day
from config.local_time import local_day
from config.milestones import Milestone
from config.season import Season

_CLOSINGS = (
    Milestone.CLOSE_CALL,
    Milestone.CLOSE_DISTRICT_ROUND,
    Milestone.CLOSE_ELIGIBILITY,
    Milestone.CLOSE_FINAL_ROUND,
    Milestone.CLOSE_RE_REVIEW,
    Milestone.CLOSE_VOTES,
    Milestone.CLOSE_PRACTICE,
)


class Concern(str):
    """A sentence for operators, and the same in Chinese for the office."""

    chinese: str

    def __new__(cls, english: str, chinese: str) -> Self:
        made = super().__new__(cls, english)
        made.chinese = chinese
        return made


def warnings_of(season: Season) -> list[Concern]:
    """Sentences about dates that work but will trouble people."""
    return [
        *_deadlines_on_holidays(season),
        *_notice(season),
        *_correction(season),
        *_unknown_calendars(season),
        *_draw(season),
    ]


def _deadlines_on_holidays(season: Season) -> Iterator[Concern]:
    given = dict(season.dates.given())
    named = [(f"dates.{name}", given[name]) for name in _CLOSINGS if name in given]
    for code in season.district_round.units:
        own = ((step, season.unit_date(step, code)) for step in Milestone if step.per_unit)
        named += [(f"district_round.units.{code}.dates.{step}", instant) for step, instant in own if instant]
    for name, instant in named:
        day = local_day(instant)
        try:
            if not is_working_day(day):
                yield Concern(
                    f"{name} falls on {day} ({day_note(day)}): offices are closed on the deadline",
                    f"{name} 是{day}（{day_note(day)}），截止当天没有人上班",
                )
        except CalendarUnknown:
            continue


def _notice(season: Season) -> Iterator[Concern]:
    notice = season.public_notice
    if notice.working_days < notice.promised_working_days:
        yield Concern(
            f"public_notice.working_days is {notice.working_days}, but {notice.promised_working_days} were promised: "
            "the notice is shorter than promised",
            f"公示{notice.working_days}个工作日（public_notice.working_days），少于承诺的{notice.promised_working_days}个",
        )
    opens, results = local_day(season.dates.open_public_notice), local_day(season.dates.publish_results)
    if not is_working_day(opens):
        yield Concern(
            f"dates.open_public_notice falls on {opens} ({day_note(opens)}): the posting day does not count",
            f"公示开始日 dates.open_public_notice 是{opens}（{day_note(opens)}），当天不计入公示期",
        )
    if count_working_days(opens, results) < notice.working_days + notice.answer_working_days:
        yield Concern(
            "dates.publish_results comes before an objection of the notice's last day must be answered "
            f"({notice.answer_working_days} working days): such awards would stay suspended",
            f"发布结果 dates.publish_results 早于公示最后一天所提异议的答复期限（{notice.answer_working_days}个工作日），"
            "有异议的项目届时只能暂缓",
        )


def _correction(season: Season) -> Iterator[Concern]:
    asked, closes = local_day(season.dates.check_eligibility), local_day(season.dates.close_eligibility)
    if count_working_days(asked, closes) - 1 < season.eligibility.correction_working_days:
        yield Concern(
            f"between check_eligibility and close_eligibility lie fewer than "
            f"{season.eligibility.correction_working_days} working days: corrections will end later than planned",
            f"形式审查到补正截止之间不足{season.eligibility.correction_working_days}个工作日，补正会晚于计划结束",
        )


def _draw(season: Season) -> Iterator[Concern]:
    if not season.final_round.public_randomness:
        yield Concern(
            "final_round.public_randomness names nothing: whoever holds the draw's seed can foresee the panel, and change "
            "the pool until it suits",
            "没有指明公开随机数（final_round.public_randomness）：掌握抽签种子的人可以预知评委，并据此调整专家库",
        )


def _unknown_calendars(season: Season) -> Iterator[Concern]:
    years = {local_day(instant).year for _, instant in season.dates.given()}
    for year in sorted(years):
        try:
            known = calendar_of(year)
        except CalendarUnknown as unknown:
            yield Concern(str(unknown), f"没有{year}年的节假日安排，请写入数据目录的 holidays/{year}.toml")
            continue
        if known.provisional:
            yield Concern(
                f"the calendar of {year} is provisional ({known.source}: statutory holidays alone, no bridged days and no "
                f"weekends worked for them); write the State Council's dates into holidays/{year}.toml in the home as "
                f"soon as they are announced, and `gangchuang season calendar {season.year}` shows what they move",
                f"{year}年的日历为暂定（只有法定节日，没有调休）：国务院安排公布后写入数据目录的 holidays/{year}.toml，"
                f"再用 gangchuang season calendar {season.year} 查看会移动哪些日期",
            )

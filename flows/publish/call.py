"""The page of the call, and its dates for people's calendars."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from icalendar import Calendar, Event

from config.calendar import day_note
from config.local_time import ZONE, local_day
from config.milestones import Milestone
from config.units import name_on
from flows.home.releases import FileGroup, Made
from flows.publish.facts import Facts, PublicSeason
from flows.publish.frames import imprint, season_frame
from flows.publish.pages.content import CalendarLine, CallPage
from flows.publish.pages.rendering import render
from models import MilestoneDate
from models.enums import Tier
from states.rules.ranking.tiers import sizes_of

_SHOWN = (
    Milestone.OPEN_CALL,
    Milestone.CLOSE_CALL,
    Milestone.CLOSE_DISTRICT_ROUND,
    Milestone.CLOSE_ELIGIBILITY,
    Milestone.CLOSE_FINAL_ROUND,
    Milestone.OPEN_PUBLIC_NOTICE,
    Milestone.CLOSE_PUBLIC_NOTICE,
    Milestone.PUBLISH_RESULTS,
)


def files(facts: Facts) -> Iterator[Made]:
    for season in facts.seasons:
        yield FileGroup(f"{season.year}/call", season.mark, partial(_season_files, season))


def _season_files(season: PublicSeason) -> Iterator[Made]:
    yield f"{season.year}/call.html", render(call_page(season)).encode()
    yield f"{season.year}/calendar.ics", calendar(season)


def call_page(facts: PublicSeason) -> CallPage:
    """The call with the dates that are in force now."""
    season, rounds = facts.season, facts.season.final_round
    own = [row for row in facts.milestones if row.unit and Milestone(row.milestone) in _SHOWN]
    tiers = rounds.tiers
    sizes = sizes_of(tiers)
    amounts = {Tier(word): yuan for word, yuan in tiers.amounts_yuan.items()}
    return CallPage(
        season=season.year,
        **imprint(season),
        hotline=season.office.telephone,
        where=season.office.address,
        covered_years=season.covered_years,
        fields=season.fields,
        max_contributors=season.call.max_contributors,
        max_organisations=season.call.max_organisations,
        quota=season.district_round.quota,
        rubric=tuple((criterion.name, criterion.maximum, criterion.anchors) for criterion in rounds.rubric),
        prizes=tuple((tier.tier, tier.size, amounts.get(tier.tier, 0)) for tier in sizes),
        notice_working_days=season.public_notice.working_days,
        calendar=tuple(
            CalendarLine(Milestone(row.milestone).label, at, day_note(local_day(at)))
            for row, at in ((row, _last_minute(row)) for row in _dates(facts) if not row.unit)
        ),
        own_dates=tuple(
            (name_on(row.unit, local_day(facts.opened_at)), Milestone(row.milestone).label, row.due_at) for row in own
        ),
        units=tuple((unit.name, season.mail_of(unit.code)) for unit in season.units()),
        ended=facts.is_over(Milestone.CLOSE_CALL),
        frame=season_frame(facts, facts.opened_at),
    )


def calendar(facts: PublicSeason) -> bytes:
    """The same dates as events (RFC 5545). A moved date keeps its UID, so that it replaces the one before."""
    season, made = facts.season, Calendar()
    made.add("prodid", "-//gangchuang//call//ZH")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    for row in _dates(facts):
        if not row.unit:
            event = Event()
            event.add("uid", f"{season.year}-{row.milestone}@gangchuang")
            event.add("dtstamp", facts.changed_at.astimezone(UTC).replace(microsecond=0))
            event.add("dtstart", _last_minute(row).astimezone(UTC).replace(microsecond=0))
            event.add("summary", f"{season.title}：{Milestone(row.milestone).label}")
            event.add("description", f"联系：{season.office.name}（{season.office.mail}）。")
            event.add("transp", "TRANSPARENT")
            made.add_component(event)
    return bytes(made.to_ical())


def _last_minute(row: MilestoneDate) -> datetime:
    """The notice ends with its last day; people do not read the next day's midnight as that."""
    is_midnight = row.milestone == Milestone.CLOSE_PUBLIC_NOTICE and f"{row.due_at.astimezone(ZONE):%H%M}" == "0000"
    return row.due_at - timedelta(minutes=1) if is_midnight else row.due_at


def _dates(facts: PublicSeason) -> Iterator[MilestoneDate]:
    return (row for row in facts.milestones if Milestone(row.milestone) in _SHOWN)

"""Many published cases of several seasons, invented: for the site's benchmarks and for pages in a browser."""

import csv
import hashlib
import json
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine, insert, update

import flows.demo
from config.season import Season
from flows.demo.vocabulary import trade_of, vocabulary
from flows.demo.wording import invent_work
from models import Consent, Contributor, History, Organisation, Placing, Submission, SubmissionVersion
from models.database import writing
from models.enums import (
    CallState,
    Carrier,
    Category,
    ConsentKind,
    PublicationKind,
    SubmissionState,
    Tier,
    Trigger,
)
from states.history import canonical
from states.machine import Act
from states.roots import record_root
from tests.support.builders import SYSTEM, a_season, season_rules
from tests.support.entries import Entry, Link, chain

_WITHOUT_LICENCE = 20  # every so manieth says nothing but number, title and tier
_REAL = 7


def fill_cases(engine: Engine, years: range, count: int, *, seed: int = 7, real: bool = False) -> None:
    """So many awards in each of these seasons, published, with texts of some hundred signs.

    `real`: some have titles that were published in earlier years, and parts of others in their texts.
    """
    rng = Random(seed)
    for year in years:
        with writing(engine) as session:
            season = a_season(session, year, CallState.PUBLISHED, rules=season_rules(year))
            rows: dict[Any, list[dict[str, Any]]] = {}
            for place in range(1, count + 1):
                _case(rng, rows, season, place, real=real)
            for table, values in rows.items():
                session.execute(insert(table), values)
            at = season.dates.publish_results
            record_root(session, year, PublicationKind.RESULTS, Act(SYSTEM, at))


def change_cases(engine: Engine, year: int, count: int) -> None:
    """Other titles for some cases of a season, with an entry of the record each."""
    at = season_rules(year).dates.archive
    with writing(engine) as session:
        unit = season_rules(year).units()[0].code
        numbers = [f"{year}-{unit}-{place:04d}" for place in range(1, count + 1)]
        for number in numbers:
            row = session.get_one(Submission, number)
            title = f"{row.title}（更正）"
            entry = Entry(
                f"submission/{number}", year, at, SYSTEM, Trigger.CORRECT_NAME, "awarded", "awarded", "", "{}", ""
            )  # type: ignore[arg-type]
            values, link = chain(entry, Link(row.sequence, row.head))
            session.execute(insert(History), [values])
            changed = {"title": title, "sequence": link.sequence, "head": link.head}
            session.execute(update(Submission).where(Submission.number == number).values(**changed))


@lru_cache
def _published_titles() -> list[str]:
    """Titles of earlier awards, as they were published."""
    with (Path(flows.demo.__file__).parent / "titles.csv").open(encoding="utf-8", newline="") as lines:
        return [row["title"] for row in csv.DictReader(lines)]


def _case(rng: Random, rows: dict[Any, list[dict[str, Any]]], season: Season, place: int, *, real: bool) -> None:
    units = season.units()
    unit = units[(place - 1) // 40 % len(units)].code
    own = (place - 1) % 40 + 1 + 40 * ((place - 1) // (40 * len(units)))
    number, field = f"{season.year}-{unit}-{own:04d}", rng.choice(season.fields)
    trade, work = trade_of(field), invent_work(rng, field)
    quality, thing = rng.choice(vocabulary().qualities), rng.choice(work.things)
    title = f"{quality}{thing}{rng.choice(work.devices)}的研制与{rng.choice(work.processes)}改进{place:04d}"
    mixed = ""
    if real and place % _REAL == 0:
        one, other = rng.sample(_published_titles(), 2)
        title = f"{one}（示例{place:04d}）"
        mixed = f"与{other[: rng.randint(2, len(other))]}、{one[rng.randrange(len(one)) :]}相比"
    firm = f"示例{rng.choice('甲乙丙丁戊己庚辛壬癸')}{rng.choice(trade.employers)}"
    people = [f"示例·{rng.choice('赵钱孙李周吴郑王冯陈')}{rng.choice('一二三四五六七八九十')}{n}" for n in range(1, 4)]
    texts = {
        name: "。".join(
            f"{rng.choice(work.troubles)}，{rng.choice(work.means)}，"
            + rng.choice(trade.gains).format(
                a=rng.randint(12, 90), b=rng.randint(2, 9), c=rng.randint(91, 99), d=rng.randint(20, 60)
            )
            for _ in range(3)
        )
        for name in ("abstract", "innovation", "practicality", "spread")
    }
    texts["spread"] += mixed
    licensed = place % _WITHOUT_LICENCE != 0
    at, subject = season.dates.publish_results, f"submission/{number}"
    tier = Tier.FIRST if place % 6 == 0 else Tier.SECOND if place % 3 == 0 else Tier.THIRD
    row, link = chain(
        Entry(
            subject,
            season.year,
            at,
            SYSTEM,
            Trigger.AWARD,
            "final_reviewed",
            "awarded",
            "",
            canonical.canonical({"tier": tier.value}),
            "",
        ),  # type: ignore[arg-type]
        Link(0, canonical.ZERO),
    )
    one = {
        "number": number,
        "season": season.year,
        "unit": unit,
        "place": own,
        "state": SubmissionState.AWARDED,
        "tier": tier,
        "title": title,
        "title_key": title,
        "fingerprint": hashlib.sha256(number.encode()).hexdigest(),
        "category": rng.choice(list(Category)),
        "carrier": rng.choice(list(Carrier)),
        "field": field,
        "completed_on": (at - timedelta(days=400)).date(),
        "consent": licensed,
        "version": 1,
        "submitted_at": at,
        "eligible_at": at,
        "sequence": 1,
        "head": link.head,
    }
    content = json.dumps(texts, ensure_ascii=False)
    kept = {"salt": "0" * 32, "digest": "0" * 64, "delivery": "0" * 64, "kept_at": at}
    points = dict.fromkeys(("merit", "raw_mean", "low", "high", "spread"), Decimal(80))
    rows.setdefault(Submission, []).append(one)
    rows.setdefault(History, []).append(row)
    rows.setdefault(SubmissionVersion, []).append({"number": number, "version": 1, "content": content, **kept})
    rows.setdefault(Organisation, []).append(
        {"number": number, "position": 1, "name": firm, "name_key": firm, "credit_code": ""}
    )
    rows.setdefault(Placing, []).append(
        {
            "number": number,
            "season": season.year,
            "position": place,
            "rank": place,
            "scores": 5,
            "tier": tier,
            "approved": True,
            **points,
        }
    )
    for position, name in enumerate(people, start=1):
        person = {
            "number": number,
            "position": position,
            "name": name,
            "name_key": name,
            "organisation": firm,
            "role": "",
        }
        rows.setdefault(Contributor, []).append(person)
        rows.setdefault(Consent, []).append(
            {"number": number, "kind": ConsentKind.NAME, "position": position, "given": position < 3}
        )
    rows.setdefault(Consent, []).append({"number": number, "kind": ConsentKind.TEXT, "position": 1, "given": licensed})

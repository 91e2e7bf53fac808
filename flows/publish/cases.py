"""The case database (优秀案例库): a page and a JSON for every award for good, the lists, what the list's filters read."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from config.local_time import local_day
from config.season import Season
from config.units import all_units
from flows.home.releases import FileGroup, Made
from flows.outbox.letters.filters import printable
from flows.publish.facts import Facts, PublicSeason
from flows.publish.frames import VERSIONS, imprint, site_frame
from flows.publish.pages.content import CasePage, CasesPage, Frame
from flows.publish.pages.rendering import render
from flows.publish.search import SIMPLIFIED, base36, by_number, search_files, shards_for, simplified_script, steps
from models.enums import Carrier, Category, PublicationKind, Tier
from states.rules.grouping import grouped
from states.submissions.released import Released, ReleasedPicture

CHUNK = 128  # cases whose titles come in one file
_TIERS, _CATEGORIES, _CARRIERS = "123", "123", "123"
_UNKNOWN = "-"


def files(facts: Facts) -> Iterator[Made]:
    """What follows from one season alone is one group, and each case of it: made again only when something has changed."""
    for season in facts.seasons:
        yield FileGroup(f"cases/{season.year}", season.mark, partial(_season_files, season))
    if facts.seasons:
        yield f"cases/data/{SIMPLIFIED}", simplified_script()
        yield "cases/data/seasons.js", _seasons_script(facts)
        yield "cases/index.html", render(_list(facts)).encode()
    if facts.site_url:
        yield "sitemap.xml", _sitemap(facts)


def _season_files(season: PublicSeason) -> Iterator[Made]:
    if season.published(PublicationKind.RESULTS) is None:
        return
    versions = f"../../{season.year}/{VERSIONS}"
    links = (
        ("首页", "../../index.html"),
        ("优秀案例库", "../index.html"),
        (f"{season.year}年度", f"../../{season.year}/index.html"),
        ("如何核对", versions),
    )
    rules = season.season
    cases = by_number(season)
    of_all = repr((rules.title, rules.office.name, rules.office.mail, links))
    for case in cases:
        first_at, changed_at = season.awarded_at[case.number], season.case_changed_at[case.number]
        revoked = f"{local_day(season.revoked_at[case.number])}" if case.revoked else ""
        told = case_data(case, season.unit_name(case.unit), rules.title, f"{local_day(first_at)}", revoked)
        data, frame = _json(told), Frame("../../", first_at, changed_at, links, versions)
        key = f"{of_all} {first_at} {changed_at} {hashlib.sha256(data).hexdigest()}"
        yield FileGroup(f"cases/{case.number}", key, partial(_case_files, rules, told, data, frame))
    yield f"cases/{season.year}.html", render(_season_list(season)).encode()
    yield f"cases/data/{season.year}.js", _season_script(season)
    for chunk, first in enumerate(range(0, len(cases), CHUNK)):
        told_of = [
            [printable(text) for text in (case.title, *case.organisations[:1])] for case in cases[first : first + CHUNK]
        ]
        yield f"cases/data/{season.year}/t{chunk}.js", _call("titles", season, chunk, told_of)
    yield from search_files(season)


def _case_files(rules: Season, told: Mapping[str, Any], data: bytes, frame: Frame) -> Iterator[Made]:
    page = CasePage(**imprint(rules), case=told, linked=_linked(told), frame=frame)
    yield f"cases/{told['number']}/index.html", render(page).encode()
    yield f"cases/{told['number']}/case.json", data


def case_data(case: Released, district: str, programme: str, awarded: str, revoked: str) -> dict[str, Any]:
    """What is public of a case: its page is rendered from this, and its JSON is this."""
    licensed = case.licensed and not case.revoked
    return {
        "number": case.number,
        "season": case.season,
        "programme": programme,
        "title": case.title,
        "tier": case.tier.label if case.tier else "",
        "tier_code": case.tier.value if case.tier else "",
        "category": case.category.label if licensed else "",
        "carrier": case.carrier.label if licensed else "",
        "field": case.field if licensed else "",
        "district": district if licensed else "",
        "organisations": list(case.organisations),
        "people": list(case.people),
        "withheld": case.withheld,
        "jointly": case.jointly and not case.revoked,
        "text": [list(part) for part in case.texts],
        "pictures": [_picture(picture) for picture in case.pictures],
        "follow_up": [list(part) for part in case.follow_up],
        "follow_up_pictures": [_picture(picture) for picture in case.follow_up_pictures],
        "awarded": awarded,
        "revoked": revoked,
    }


def _picture(picture: ReleasedPicture) -> dict[str, Any]:
    return {"file": picture.encoded, "alt": picture.alt, "width": picture.width, "height": picture.height}


def _linked(told: Mapping[str, Any]) -> str:
    """The case for machines (JSON-LD); creators only as far as they agreed, an award only where it stands."""
    linked: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "CreativeWork",
        "name": told["title"],
        "identifier": told["number"],
        "inLanguage": "zh-CN",
        "datePublished": told["awarded"],
    }
    if not told["revoked"]:
        linked.update(award=f"{told['programme']} {told['tier']}")
    creators = [{"@type": "Person", "name": name} for name in told["people"]]
    creators += [{"@type": "Organization", "name": name} for name in told["organisations"]]
    if creators:
        linked["creator"] = creators
    # Within a script element nothing of a text may end it.
    return json.dumps(linked, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026")


def _list(facts: Facts) -> CasesPage:
    # No count of another season's stands in a file of one: the addresses carry the version of each.
    held = [season for season in facts.seasons if season.published(PublicationKind.RESULTS)]
    scripts = ["data/seasons.js", *(f"data/{season.year}.js?{season.version}" for season in held)]
    return CasesPage(
        **imprint(facts.seasons[0].season),
        seasons=tuple((season.year, season.awarded, f"{season.year}.html") for season in held),
        cases=(),
        scripts=tuple(scripts),
        frame=site_frame(facts, "../"),
    )


def _season_list(season: PublicSeason) -> CasesPage:
    links = (
        ("首页", "../index.html"),
        ("优秀案例库", "index.html"),
        (f"{season.year}年度", f"../{season.year}/index.html"),
    )
    versions = f"../{season.year}/{VERSIONS}"
    return CasesPage(
        **imprint(season.season),
        season=season.year,
        seasons=(),
        cases=tuple(
            (case.number, case.title, case.tier.label if case.tier else "", "获奖已撤销" if case.revoked else "")
            for case in by_number(season)
        ),
        scripts=(),
        frame=Frame(
            "../",
            min(season.awarded_at.values(), default=season.changed_at),
            season.changed_at,
            (*links, ("如何核对", versions)),
            versions,
        ),
    )


def _seasons_script(facts: Facts) -> bytes:
    """What all seasons share: the words behind the letters, and their order."""
    words = {
        "tier": dict(zip(_TIERS, (tier.label for tier in Tier), strict=True)),
        "category": dict(zip(_CATEGORIES, (category.label for category in Category), strict=True)),
        "carrier": dict(zip(_CARRIERS, (carrier.label for carrier in Carrier), strict=True)),
    }
    order = {name: list(labels.values()) for name, labels in words.items()}
    told = {"seasons": [], "words": words, "order": order}
    return b"globalThis.GC=" + _json(told)[:-1] + b";GC.season=(s)=>GC.seasons.push(s);\n"


def _season_script(season: PublicSeason) -> bytes:
    """Every case's number and facets, a sign each, in the order of the numbers."""
    cases = by_number(season)
    shown = [case if case.licensed and not case.revoked else None for case in cases]
    fields = sorted({case.field for case in shown if case})
    units = grouped((case.unit, int(case.number.rpartition("-")[2])) for case in cases)
    told = {
        "year": season.year,
        "version": season.version,
        "shards": shards_for(len(cases)),
        "units": [[unit, steps(places, 0)] for unit, places in units.items()],
        "districts": {code: season.unit_name(code) for code in all_units() if code in units},
        "tier": "".join(_sign(_TIERS, list(Tier), case.tier) for case in cases),
        "category": "".join(_sign(_CATEGORIES, list(Category), case and case.category) for case in shown),
        "carrier": "".join(_sign(_CARRIERS, list(Carrier), case and case.carrier) for case in shown),
        "fields": fields,
        "field": "".join(base36(fields.index(case.field)) if case else _UNKNOWN for case in shown),
        "revoked": [index for index, case in enumerate(cases) if case.revoked],
    }
    return b"GC.season(" + _json(told)[:-1] + b");\n"


def _sign(signs: str, members: Sequence[Any], member: Any) -> str:
    return signs[members.index(member)] if member else _UNKNOWN


def _call(name: str, season: PublicSeason, part: int, told: object) -> bytes:
    return f'GC.{name}({season.year},"{season.version}",{part},'.encode() + _json(told)[:-1] + b");\n"


def _sitemap(facts: Facts) -> bytes:
    """Addresses for search engines; the notice is not among them (noindex)."""
    pages = ["index.html", "cases/index.html"]
    for season in facts.seasons:
        pages += [f"{season.year}/index.html", f"{season.year}/call.html"]
        pages += (
            [f"{season.year}/results.html", f"cases/{season.year}.html"]
            if season.published(PublicationKind.RESULTS)
            else []
        )
        pages += [f"cases/{number}/index.html" for number in sorted(season.numbers)]
    lines = "".join(f"<url><loc>{escape(f'{facts.site_url}/{page}')}</loc></url>\n" for page in pages)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    return f"{head}{lines}</urlset>\n".encode()


def _json(told: object) -> bytes:
    """Compact JSON with a line end; it stands in scripts too, so no line separator of JavaScript is left in it."""
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode() + b"\n"

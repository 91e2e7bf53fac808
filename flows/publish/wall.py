"""The museum's wall (科技馆专区): one folder that runs from a stick and from a server, and the same as a zip to take away.

The page asks `now.js` which version is out and takes `data.js` when it is another one; both are scripts, since a
browser reads nothing else from a stick. Pictures are named by what they hold.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Any

from flows.home import paths
from flows.home.releases import FileGroup, Made
from flows.outbox.letters.filters import printable
from flows.papers.typesetting import code_of
from flows.publish.facts import Facts, PublicSeason
from flows.publish.frames import imprint
from flows.publish.pages.content import WallGuide
from flows.publish.pages.rendering import asset, render, render_wall
from models.enums import PublicationKind, Tier
from states.submissions.released import Released, released

FOLDER, ARCHIVE = "wall", "wall.zip"
_MOST_TEXT = 260  # characters; the page takes off what does not fit its screen
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first instant that a zip can say: the same files make the same zip


def files(facts: Facts) -> Iterator[Made]:
    """Nothing before the first results are out; made again when one of the seasons that it shows has changed."""
    held = [season for season in facts.seasons if season.published(PublicationKind.RESULTS) is not None]
    if held:
        seasons = held[: held[0].season.wall.seasons]
        key = " ".join(f"{season.year}/{season.mark}" for season in seasons)
        yield FileGroup(FOLDER, key, partial(_folder, facts, seasons))


def _folder(facts: Facts, seasons: Sequence[PublicSeason]) -> Iterator[Made]:
    own = seasons[0].season
    cases = [case for season in seasons for case in _chosen(season)]
    slides = list(_slides(facts, seasons, cases))
    pictures = {case.pictures[0].encoded: case.season for case in cases if case.pictures}
    told = {"seconds": own.wall.seconds, "slides": slides}
    version = hashlib.sha256(json.dumps(told, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]
    shown = [
        ("index.html", render_wall(own.title).encode()),
        ("wall.css", asset("wall.css").encode()),
        ("wall.js", asset("wall.js").encode()),
        ("data.js", f"wallData({_json({'version': version, **told})});\n".encode()),
        ("now.js", f'wallNow("{version}");\n'.encode()),
        ("icon.svg", asset("icon.svg").encode()),
        ("guide.css", asset("page.css").encode()),
        ("guide.html", render(_guide(facts, seasons, cases, len(slides))).encode()),
    ]
    for name, content in shown:
        yield f"{FOLDER}/{name}", content
    reading: dict[str, Callable[[], bytes]] = {
        f"pictures/{encoded}.webp": partial(_picture, facts, year, encoded) for encoded, year in pictures.items()
    }
    for name, read in reading.items():
        yield FileGroup(f"{FOLDER}/{name}", name, partial(_one, f"{FOLDER}/{name}", read))
    yield FileGroup(ARCHIVE, _key(shown), partial(_archive, shown, reading))


def _chosen(season: PublicSeason) -> list[Released]:
    """A season's awards in the order of the list, as far as its file wants them on the wall."""
    wall = season.season.wall
    if wall.numbers:
        awards = set(season.numbers)
        own = released(season.session, [number for number in wall.numbers if number in awards])
        return [case for case in own.values() if not case.revoked]
    standing = (case for case in season.best_cases() if not case.revoked and (case.texts or case.pictures))
    return list(islice((case for case in standing if not wall.fields or case.field in wall.fields), wall.most))


def _slides(facts: Facts, seasons: Sequence[PublicSeason], cases: Sequence[Released]) -> Iterator[dict[str, Any]]:
    for season in seasons:
        own = [case for case in cases if case.season == season.year]
        if own:
            yield _of_season(facts, season)
        yield from (_of_case(facts, season, case) for case in own)


def _of_season(facts: Facts, season: PublicSeason) -> dict[str, Any]:
    counts = season.awards_by_tier
    listed = "，".join(f"{tier.label}{counts[tier]}项" for tier in Tier if counts.get(tier))
    return {
        "layout": "season",
        "number": "",
        "season": season.year,
        "field": "",
        "tier": f"{season.year}年度",
        "about": "",
        "title": printable(season.season.title),
        "organisations": "",
        "people": "",
        "text": f"共评出获奖项目{season.awarded}项。{listed}。",
        "picture": None,
        "code": wall_code(f"{facts.site_url}/{season.year}/results.html") if facts.site_url else None,
    }


def _of_case(facts: Facts, season: PublicSeason, case: Released) -> dict[str, Any]:
    picture = case.pictures[0] if case.pictures else None
    where = [case.field, season.unit_name(case.unit)] if case.licensed else []
    people = "、".join(case.people) + (
        f"等{len(case.people) + case.withheld}人" if case.people and case.withheld else ""
    )
    text = case.texts[0][1] if case.texts else ""
    return {
        "layout": "picture" if picture else "story",
        "number": case.number,
        "season": case.season,
        "field": case.field if case.licensed else "",
        "tier": case.tier.label if case.tier else "",
        "about": printable("　".join([f"{case.season}年度", *where])),
        "title": printable(case.title),
        "organisations": printable("、".join(case.organisations)),
        "people": printable(people),
        "text": printable(" ".join(text.split()))[:_MOST_TEXT],
        "picture": {"file": f"pictures/{picture.encoded}.webp", "alt": printable(picture.alt)} if picture else None,
        "code": wall_code(f"{facts.site_url}/cases/{case.number}/") if facts.site_url else None,
    }


def wall_code(address: str) -> dict[str, Any]:
    """A QR code with the quiet zone that ISO/IEC 18004 asks for."""
    size, runs = code_of(address, quiet=4)
    return {"size": size, "path": "".join(f"M{x} {y}h{modules}v1h-{modules}z" for x, y, modules in runs)}


def _guide(facts: Facts, seasons: Sequence[PublicSeason], cases: Sequence[Released], slides: int) -> WallGuide:
    own = seasons[0].season
    return WallGuide(
        **imprint(own),
        made_at=max(season.changed_at for season in seasons),
        slides=slides,
        season=own.year,
        field=cases[0].field if cases else own.fields[0],
        number=cases[0].number if cases else "",
        link=f"{facts.site_url}/{FOLDER}/" if facts.site_url else "",
        archive=f"../{ARCHIVE}",
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _key(shown: Sequence[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, content in shown:
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()


def _picture(facts: Facts, year: int, encoded: str) -> bytes:
    return paths.picture_files(facts.home, year, encoded)[0].read_bytes()


def _one(path: str, read: Callable[[], bytes]) -> Iterator[tuple[str, bytes]]:
    yield path, read()


def _archive(
    shown: Sequence[tuple[str, bytes]], reading: dict[str, Callable[[], bytes]]
) -> Iterator[tuple[str, bytes]]:
    """The folder as one file; pictures are packed already, so it only puts them one after the other."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as package:
        for name, content in (*shown, *((name, read()) for name, read in reading.items())):
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}", _EPOCH)
            entry.external_attr = 0o644 << 16
            package.writestr(entry, content)
    yield ARCHIVE, out.getvalue()

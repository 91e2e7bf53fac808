"""The frame of every public page: where it lies, the way to the others, how old it is, its earlier versions."""

from datetime import datetime
from typing import Any

from config.milestones import Milestone
from config.season import Season
from flows.publish.facts import Facts, PublicSeason
from flows.publish.pages.content import Frame
from models.enums import PublicationKind

VERSIONS = "versions.html"


def imprint(season: Season) -> dict[str, Any]:
    """Whose a page is: the season's award and its office."""
    return {"programme": season.title, "office": season.office.name, "contact": season.office.mail}


def season_links(season: PublicSeason) -> list[tuple[str, str]]:
    """What there is of a season, in the order of the year, seen from its folder."""
    links = [("征集通知", "call.html")]
    if season.published(PublicationKind.PUBLIC_NOTICE):
        ended = season.is_over(Milestone.CLOSE_PUBLIC_NOTICE)
        links.append(("拟获奖名单公示（已结束）" if ended else "拟获奖名单公示", "notice.html"))
    if season.published(PublicationKind.RESULTS):
        links.append(("获奖项目发布", "results.html"))
    if season.is_over(Milestone.CLOSE_PRACTICE):
        links.append(("好经验好做法", "practice.html"))
    return links


def season_frame(season: PublicSeason, first_at: datetime) -> Frame:
    """The frame of a page in a season's folder."""
    links = [("首页", "../index.html"), (f"{season.year}年度", "index.html"), *season_links(season)]
    links += [("优秀案例库", "../cases/index.html"), ("如何核对", VERSIONS)]
    return Frame("../", first_at, season.changed_at, tuple(links), VERSIONS)


def site_frame(facts: Facts, up: str = "") -> Frame:
    """The frame of a page about all seasons, `up` steps below the top."""
    first, changed = (
        min(season.opened_at for season in facts.seasons),
        max(season.changed_at for season in facts.seasons),
    )
    newest = facts.seasons[0]
    links = [("首页", f"{up}index.html"), ("优秀案例库", f"{up}cases/index.html")]
    links += [(f"{season.year}年度", f"{up}{season.year}/index.html") for season in facts.seasons[:3]]
    links += [("如何核对", f"{up}{newest.year}/{VERSIONS}")]
    return Frame(up, first, changed, tuple(links), f"{up}{newest.year}/{VERSIONS}")

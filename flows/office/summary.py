"""The seasons in a few lines of Markdown, for the dashboard's artifact: what changes only when something does."""

from datetime import datetime

from sqlalchemy.orm import Session

from config.local_time import minute
from config.settings import Settings
from flows.engine.artifacts import plain
from flows.engine.environment import office_url
from flows.office.facts import OfficeFacts, season_facts
from models.enums import CallState
from models.queries import call_state, planned_seasons


def summary(session: Session, own: Settings, at: datetime) -> str:
    """Every season that goes on: its state, what comes next, what waits, what is wrong, and the way to the whole."""
    going_on = [year for year in planned_seasons(session) if call_state(session, year) is not CallState.CLOSED]
    told = [_season(season_facts(session, own, year, at), office_url(own)) for year in going_on]
    return "\n".join(told) or f"没有进行中的年度。[办公室总览]({office_url(own)})\n"


def _season(facts: OfficeFacts, page: str) -> str:
    following = f"{minute(facts.ahead[0].due_at)} {facts.ahead[0].label}" if facts.ahead else "无"
    lines = [
        f"## {plain(facts.title)}",
        "",
        f"[打开办公室总览]({page}{facts.season}/)",
        "",
        "| | |",
        "|---|---|",
        f"| 当前阶段 | {facts.state_label} |",
        f"| 接下来 | {following} |",
        f"| 待办 | {'；'.join(plain(waiting.said) for waiting in facts.waits_for_a_person) or '无'} |",
        f"| 尚未交齐 | {'、'.join(plain(name) for name in dict.fromkeys(debtor.name for debtor in facts.owing)) or '无'} |",
        f"| 故障 | {'；'.join(plain(trouble.said) for trouble in facts.troubles) or '无'} |",
    ]
    return "\n".join(lines) + "\n"

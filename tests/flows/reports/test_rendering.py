"""The home's own pages of scorecards and of the yearly report: they win at once, and what is wrong with one is said."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.reports.rendering import ReportNotMade, faults_of_own_reports, page
from tests.support.builders import season_rules

OWN = '{% extends "_base.html.j2" %}{% block title %}示例标题{% endblock %}{% block content %}{{ report.words }}{% endblock %}'
AT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def folder(fresh_home: Path) -> Path:
    made = fresh_home / "templates" / "reports"
    made.mkdir(parents=True)
    return made


def made() -> str:
    return page("yearly", season_rules(), AT, report=SimpleNamespace(words="示例内容", sections=())).decode()


def test_the_homes_own_page_wins_while_it_is_there(folder: Path) -> None:
    assert "2026年度报告" in made()
    (folder / "yearly.html.j2").write_text(OWN, "utf-8")

    assert "示例标题" in made()
    assert "示例内容" in made()
    (folder / "yearly.html.j2").unlink()
    assert "2026年度报告" in made()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("year.html.j2", OWN, "there is no shipped template year.html.j2"),
        ("yearly.html.j2", "{{ reprt.sections }}", "asks for reprt, which it is not given; it has: made_at, report"),
        ("city.html.j2", "{{ card.mark }}", "asks for card, which it is not given"),
    ],
)
def test_what_is_wrong_with_it_is_said(folder: Path, name: str, text: str, words: str) -> None:
    (folder / name).write_text(text, "utf-8")

    ((path, fault, _),) = faults_of_own_reports()

    assert (path, words in fault) == (folder / name, True)


def test_a_page_that_cannot_be_filled_in_names_its_file(folder: Path) -> None:
    (folder / "yearly.html.j2").write_text("{{ report.nothing.at_all }}", "utf-8")

    with pytest.raises(ReportNotMade, match=r"templates/reports/yearly\.html\.j2 cannot be filled in"):
        made()

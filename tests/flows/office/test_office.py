"""The control room: behind the sign-in, equal to `status --json`, hiding and inventing nothing, giving out no file but its own."""

import asyncio
import base64
import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pytest
from sqlalchemy import text

from config.settings import Settings
from flows import consult
from flows.engine.door import signed_in
from flows.engine.server import our_origins
from flows.office import application as office_module
from flows.office.application import application
from flows.office.facts import season_facts
from flows.office.files import outward_file
from flows.office.forms import FormUnknown
from flows.year import form_named
from models.database import make_engine
from tests.flows.cli.conftest import Gangchuang, gangchuang
from tests.support.office import FLOW_RUN, HOSTILE, in_the_middle
from tests.support.playing import Player

__all__ = ["gangchuang"]

Ask = Callable[..., httpx.Response]
HOST = "http://127.0.0.1:4200"
ORIGINS = our_origins(4200, "")


@pytest.fixture(scope="module")
def played_home(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Path:
    """A home in the middle of its season, made once."""
    own = Settings(home=tmp_path_factory.mktemp("middle") / "home", database_url="", least_free_mib=1)
    own.folder()
    shutil.copy(_sqlite_template, own.home / "gangchuang.db")
    engine = make_engine(own.database)
    in_the_middle(Player(own, engine))
    engine.dispose()
    return own.home


@pytest.fixture
def middle(player: Player, played_home: Path) -> Player:
    """The same in a home of the test's own."""
    player.engine.dispose()
    shutil.copytree(played_home, player.home, dirs_exist_ok=True)
    return player


def asking(own: Settings) -> Ask:
    app = application(own)

    def ask(path: str, method: str = "GET", **options: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(app=options.pop("app", app), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
                return await client.request(method, path, **options)

        return asyncio.run(asked())

    return ask


@pytest.fixture
def ask(middle: Player) -> Ask:
    """Asks for a page without any server."""
    return asking(middle.settings)


@dataclass
class Row:
    """A row of a section: what it is about, its text, where its links lead."""

    about: str
    text: str
    links: list[str]


class Sections(HTMLParser):
    """A page's sections by their names in the facts, with their rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: dict[str, list[Row]] = {}
        self.texts: dict[str, str] = {}
        self.section, self.row = "", Row("", "", [])
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.tags.append(tag)
        if given.get("data-facts"):
            self.section = str(given["data-facts"])
            self.rows.setdefault(self.section, [])
        if given.get("data-row"):
            self.row = Row(str(given["data-row"]), "", [])
            self.rows.setdefault(self.section, []).append(self.row)
        if tag == "a" and given.get("href"):
            self.row.links.append(str(given["href"]))

    def handle_data(self, text: str) -> None:
        self.row.text += text
        self.texts[self.section] = self.texts.get(self.section, "") + text


def test_every_fact_of_the_status_is_on_the_page_and_nothing_else(gangchuang: Gangchuang, ask: Ask) -> None:
    (facts,) = json.loads(gangchuang("status", 2026, "--json").out)
    page = Sections(ask("/office/2026/").text)

    about = {section: [row.about for row in rows] for section, rows in page.rows.items()}
    assert sorted(about["timetable"]) == sorted(
        f"{date['milestone']} {date['ordinal']} {date['unit']}".strip() for date in facts["timetable"]
    )
    assert about["waits_for_a_person"] == [waiting["sentence"] for waiting in facts["waits_for_a_person"]]
    assert sorted(about["owing"]) == sorted(f"{debtor['what']}/{debtor['code']}" for debtor in facts["owing"])
    assert about["came"] == [came["digest"] for came in facts["came"]]
    assert about["mail"] == [letter["key"] for letter in facts["mail"]]
    assert about["failures"] == [f"{fault['stage']}/{fault['subject']}" for fault in facts["failures"]]
    assert about["running"] == [running["stage"] for running in facts["running"]]
    assert about["moved"] == [move["milestone"] for move in facts["moved"]]
    assert about["roots"] == [root["root"] for root in facts["roots"]]
    wrong = [trouble["sentence"] for trouble in facts["troubles"]]
    assert about["troubles"] == wrong + [note["sentence"] for note in facts["notes"]]
    for name in ("submissions", "outcomes", "deliveries", "messages"):
        assert sum(facts[name].values()) > 0, name
        assert all(str(count) in page.texts[name] for count in facts[name].values()), name
    empty = [
        name
        for name, rows in about.items()
        if not rows and name not in ("submissions", "outcomes", "deliveries", "messages")
    ]
    assert empty == [], "the season has something to say in every section"
    _every_value_is_told(facts, page)


def _every_value_is_told(facts: dict[str, Any], page: Sections) -> None:
    """Dates, telephones, names, reasons: as the page writes them."""
    text = " ".join(row.text for rows in page.rows.values() for row in rows)
    told = [
        *(
            date[name][:16].replace("T", " ")
            for date in facts["timetable"]
            for name in ("due_at", "settled_at")
            if date[name]
        ),
        *(debtor[name] for debtor in facts["owing"] for name in ("name", "phone", "mail")),
        *(waiting["said"] for waiting in facts["waits_for_a_person"]),
        *(came[name] for came in facts["came"] for name in ("name", "file_name")),
        *(problem for came in facts["came"] for problem in came["problems"]),
        *(letter[name] for letter in facts["mail"] for name in ("whom", "subject", "problem")),
        *(fault[name] for fault in facts["failures"] for name in ("label", "subject", "problem")),
        *(move[name] for move in facts["moved"] for name in ("label", "who", "reason")),
        *(trouble["said"] for trouble in facts["troubles"]),
        *(f"{running['done']}/{running['total']}" for running in facts["running"]),
    ]
    flat = " ".join(text.split())
    assert [value for value in told if " ".join(str(value).split()) not in flat] == []


def test_the_facts_are_given_to_machines_too(gangchuang: Gangchuang, ask: Ask) -> None:
    assert ask("/office/2026/facts.json").json() == json.loads(gangchuang("status", 2026, "--json").out)


def test_words_of_people_make_no_markup(ask: Ask) -> None:
    page = ask("/office/2026/")

    assert HOSTILE not in page.text
    assert "&lt;img src=x onerror=alert(1)&gt;.xlsx" in page.text
    assert "img" not in Sections(page.text).tags
    assert "script" not in Sections(page.text).tags


def test_a_page_may_load_nothing_but_its_own_style(ask: Ask) -> None:
    for path in ("/office/2026/", "/office/2026/find?q=示例", "/office/2026/files", "/office/nothing"):
        policy = ask(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "script-src" not in policy


def test_only_who_is_signed_in_reads(middle: Player) -> None:
    app = signed_in(application(middle.settings), "office:secret")
    ask = asking(middle.settings)

    def status(given: str | None) -> int:
        return ask("/office/2026/", app=app, headers={"authorization": given} if given else {}).status_code

    def basic(text: str) -> str:
        return "Basic " + base64.b64encode(text.encode()).decode()

    assert status(basic("office:secret")) == 200
    wrong = (
        None,
        basic("office:"),
        basic("office:secret2"),
        basic("secret"),
        basic(""),
        "Bearer office:secret",
        "Basic é",
    )
    assert [given for given in wrong if given is None or given.isascii() if status(given) != 401] == []
    refused = ask("/office/2026/", app=app)
    assert refused.headers["www-authenticate"].startswith("Basic ")
    assert "示例" not in refused.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_is_written_here(ask: Ask, middle: Player, method: str) -> None:
    before = middle.kept()
    for path in ("/office/2026/", "/office/form/decide", "/office/file/outbox/2026/x", "/office/health"):
        assert ask(path, method).status_code == 405
    for path in (
        "/office/2026/",
        "/office/2026/find?q=示例",
        "/office/2026/files",
        "/office/health",
        "/office/metrics",
    ):
        assert ask(path).status_code in (200, 503)
    assert middle.kept() == before


def test_a_submission_is_found_by_number_title_and_unit(ask: Ask) -> None:
    def found(words: str) -> list[str]:
        return [row.about for row in Sections(ask("/office/2026/find", params={"q": words}).text).rows.get("", [])]

    assert found("2026-500101-0001") == ["2026-500101-0001"]
    assert found("万州甲") == ["2026-500101-0001"]
    assert found("渝中区") == found("500103") == [f"2026-500103-000{place}" for place in (1, 2, 3, 4)]
    assert found("渝中区 渝中丁") == ["2026-500103-0004"]
    assert found("%") == found("没有这样的项目") == []


def test_who_took_part_is_found_by_name_and_leads_to_their_evidence(ask: Ask) -> None:
    def holders(words: str) -> list[Row]:
        return Sections(ask("/office/2026/find", params={"q": words}).text).rows.get("holders", [])

    (person,) = holders("示例完成人1")
    assert person.about == "个人 示例完成人1 示例·万州甲公司"
    address = urlsplit(person.links[0])
    assert (address.path, dict(parse_qsl(address.query))) == (
        "/office/form/make_evidence",
        {"season": "2026", "kind": "个人", "whose": "示例完成人1", "organisations": "示例·万州甲公司"},
    )
    form = next(form for form in consult.FORMS if form.name == "make_evidence")
    assert {name for name, _ in parse_qsl(address.query)} <= form.asked().keys()
    assert [row.about for row in holders("示例·万州甲公司")] == ["单位 示例·万州甲公司 "]
    assert [row.about for row in holders("万州区")] == [row.about for row in holders("500101")] == ["报送单位 万州区 "]
    assert holders("示例完成人") == holders("%") == []


def test_a_history_names_who_did_what_why_and_in_which_run(ask: Ask, middle: Player) -> None:
    with middle.writing() as session:
        session.execute(text("DROP TRIGGER history_no_update"))
        session.execute(text(f"UPDATE history SET flow_run = '{FLOW_RUN}' WHERE trigger = 'assign'"))
    rows = Sections(ask("/office/2026/history/2026-500107-0001").text).rows[""]

    told = [" ".join(row.text.split()) for row in rows]
    assert any("恢复" in line and "协调小组办公室 示例·王主任" in line and "单位撤回申请" in line for line in told)
    scored = Sections(ask("/office/2026/history/2026-500101-0001").text).rows[""]
    assert any("专家 示例·专家" in row.text for row in scored), "experts by name, whom the record has by an alias"
    runs = [link for row in scored for link in row.links if "flow-run" in link]
    assert runs == [f"/v2/runs/flow-run/{FLOW_RUN}"]
    assert ask("/office/2026/history/2026-500101-9999").status_code == 404
    assert len(Sections(ask("/office/2026/history").text).rows[""]) > 10


def test_every_form_that_a_row_leads_to_is_there_with_such_fields(middle: Player) -> None:
    with middle.reading() as session:
        facts = season_facts(session, middle.settings, 2026, middle.settings.clock.now())
    forms = [
        *(date.form for date in facts.timetable),
        *(form for waiting in facts.waits_for_a_person for _, form in waiting.forms),
        *(debtor.form for debtor in facts.owing),
        *(came.form for came in facts.came),
        *(fault.form for fault in facts.failures),
    ]

    assert len([form for form in forms if form]) > 20
    for form in filter(None, forms):
        there = form_named(form.name)
        assert there is not None, form
        assert form.given.keys() - {"ordinal"} <= there.asked().keys(), form


def test_a_row_leads_to_its_form_with_what_is_known_filled_in(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"season": {"type": "integer"}, "unit": {"enum": ["全部单位", "500101 万州区"]}, "to": {}}
    deployment = SimpleNamespace(id="1-2-3", parameter_openapi_schema={"properties": fields})
    monkeypatch.setattr("flows.engine.deployments._find", lambda client, name: deployment)
    monkeypatch.setattr("flows.engine.deployments.prefect_client", nullcontext)

    answer = ask("/office/form/move_date?season=2026&unit=500101&surplus=x")

    assert answer.status_code == 303
    leads = httpx.URL(answer.headers["location"])
    assert leads.path == "/v2/deployments/deployment/1-2-3/run"
    assert json.loads(leads.params["parameters"]) == {"season": 2026, "unit": "500101 万州区"}


def test_without_prefect_a_form_says_what_was_to_be_filled_in(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(stage: str, given: Any) -> None:
        raise FormUnknown(stage, given, "it is away")

    monkeypatch.setattr(office_module, "form_address", away)

    answer = ask("/office/form/move_date?season=2026&milestone=close_call")

    assert answer.status_code == 503
    assert "“调整时间”" in answer.text
    assert "milestone=close_call" in answer.text


def test_outward_files_are_listed_and_downloaded(ask: Ask, middle: Player) -> None:
    listed = Sections(ask("/office/2026/files").text)

    rows = listed.rows[""]
    assert {row.about.partition("/")[0] for row in rows} == {"outbox", "receipts", "site"}
    assert len(rows) > 50
    for row in (rows[0], rows[-1]):
        answer = ask(row.links[0])
        assert answer.status_code == 200
        assert answer.content == (middle.home / row.about).read_bytes()
        assert answer.headers["content-disposition"].startswith("attachment" if ".xlsx" in row.about else "inline")
    came = Sections(ask("/office/2026/deliveries").text).rows["came"]
    receipts = [link for row in came for link in row.links if "receipts" in link]
    assert len(receipts) == len(came)
    assert [link for link in receipts if ask(link).status_code != 200] == []


def test_a_page_is_shown_in_a_sandbox(ask: Ask, middle: Player) -> None:
    page = middle.home / "office" / "2026" / "proposal.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("<p>示例</p>", "utf-8")

    answer = ask("/office/file/office/2026/proposal.html")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("inline")
    assert "allow-same-origin" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].startswith("sandbox")


ESCAPES = (
    "keys/workbooks.key",
    "prefect/sign-in",
    "gangchuang.db",
    "taken/2026/500101/x",
    "outbox",
    "outbox/2026",
    "outbox/2026/../../keys/workbooks.key",
    "outbox/2026/..%2f..%2fkeys/workbooks.key",
    "outbox/../keys/workbooks.key",
    "outbox/2026//etc/passwd",
    "/etc/passwd",
    "outbox/x/y",
    "outbox/2026/.hidden",
    "outbox/2026/link",
    "outbox/2026/folder/workbooks.key",
    "outbox/2026/a\x00b",
    "outbox/2026/..\\..\\keys",
    "receipts/2026/" + "x" * 5000,
)


@pytest.mark.parametrize("path", ESCAPES)
def test_no_other_file_of_the_home_is_given_out(ask: Ask, middle: Player, path: str) -> None:
    middle.settings.signing_key()
    top = middle.home / "outbox" / "2026"
    (top / ".hidden").write_text("secret")
    (top / "link").symlink_to(middle.home / "keys" / "workbooks.key")
    (top / "folder").symlink_to(middle.home / "keys")

    assert outward_file(middle.settings, path) is None
    assert ask(f"/office/file/{quote(path)}").status_code == 404


def test_a_home_without_a_season_says_how_to_plan_one(player: Player) -> None:
    answer = asking(player.settings)("/office/")

    assert (answer.status_code, "gangchuang season plan" in answer.text) == (200, True)


def test_a_season_that_is_not_planned_is_not_there(ask: Ask) -> None:
    assert ask("/office/2031/").status_code == 404


def test_a_database_that_is_away_is_said_so(fresh_home: Path) -> None:
    own = Settings(home=fresh_home, database_url=f"sqlite:///{fresh_home}/nowhere/gangchuang.db")

    answer = asking(own)("/office/2026/")

    assert answer.status_code == 503
    assert "暂时读不到数据" in answer.text
    assert "系统管理员" in answer.text
    assert "Error" not in answer.text


def test_a_database_without_tables_is_said_so(fresh_home: Path) -> None:
    answer = asking(Settings(home=fresh_home))("/office/")

    assert answer.status_code == 503


def test_health_is_red_when_somebody_must_act(ask: Ask, middle: Player) -> None:
    answer = ask("/office/health")
    assert (answer.status_code, answer.text.split()[0]) == (503, "act")
    assert "act: collect 2026" in answer.text

    with middle.writing() as session:
        session.execute(text("DELETE FROM failure"))
    assert (ask("/office/health").status_code, ask("/office/health").text.split()[0]) == (200, "watch")


def test_the_figures_are_those_of_the_facts(ask: Ask, gangchuang: Gangchuang) -> None:
    (facts,) = json.loads(gangchuang("status", 2026, "--json").out)
    lines = ask("/office/metrics").text.splitlines()
    figures = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

    assert float(figures["gangchuang_health_level"]) == 2
    assert float(figures["gangchuang_failing"]) == len(facts["failures"])
    assert float(figures['gangchuang_troubles{kind="mail_stuck"}']) == 1
    assert float(figures['gangchuang_sign_of_life_seconds{process="clock"}']) > 8000
    assert float(figures["gangchuang_disk_free_bytes"]) > 0
    assert float(figures["gangchuang_late_milestones"]) == 0
    assert float(figures["gangchuang_unsent_letters"]) == 0

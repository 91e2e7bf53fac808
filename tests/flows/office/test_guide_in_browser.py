"""The office's guide, walked through in Chromium on a running engine, step by step as it says; its pictures are taken here."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from config.clock import step_to
from config.local_time import local_day
from config.milestones import Milestone as M
from config.settings import Settings
from flows import close_re_review, objections, open_call
from flows.engine.deployments import prefect_client
from models import Failure, Objection, Placing
from models.database import make_engine, reading
from models.enums import ObjectionState
from models.queries import milestone_rows
from states.machine import Act
from states.timeline import plan_season
from tests.flows.engine.conftest import running
from tests.flows.engine.engine_process import EngineProcess, free_port, wait_for
from tests.support import played
from tests.support.browser import chromium
from tests.support.builders import OFFICE
from tests.support.objections import INVESTIGATOR
from tests.support.pictures import FOLDER, keep_picture
from tests.support.playing import Player

NUMBER = played.BEST


def awaiting_approval(player: Player) -> None:
    """A season up to its proposed list, with a file that could not be taken."""
    rules = played.small_rules()
    player.at(rules.dates.open_call - timedelta(days=10))
    with player.writing() as session:
        plan_season(session, rules, Act(OFFICE, player.settings.clock.now()))
    played._pass(player, M.OPEN_CALL, open_call.opening)
    played._submissions(player)
    played._verdicts(player)
    played._corrections(player)
    played._final_round(player)
    played._pass(player, M.CLOSE_RE_REVIEW, close_re_review.concluding)
    played._vote(player, 2)
    at = player.settings.clock.now()
    with player.writing() as session:
        session.add(
            Failure(
                season=2026,
                stage="collect",
                subject="500101/示例申报表.xlsx",
                attempts=2,
                problem="示例：磁盘读不出",
                first_failed_at=at - timedelta(hours=2),
                failed_at=at,
                not_before=0,
            )
        )


class Walk:
    """A person at the browser: what they see, what they submit, what became of it."""

    def __init__(self, engine: EngineProcess, browser: Browser) -> None:
        self.engine = engine
        self.own = Settings(home=engine.home, database_url="")
        self.database = make_engine(self.own.database)
        user, _, password = engine.sign_in.partition(":")
        self.known: Any = {"username": user, "password": password}
        self.tab = browser.new_page(
            viewport={"width": 1000, "height": 760}, timezone_id="Asia/Shanghai", http_credentials=self.known
        )
        self.here = f"http://127.0.0.1:{engine.port}"

    def office(self, path: str = "") -> None:
        self.tab.goto(f"{self.here}/office/2026/{path}")

    def row(self, section: str, text: str) -> Any:
        return self.tab.locator(f"[data-facts={section}] [data-row]", has_text=text).first

    def follow(self, section: str, text: str, link: str) -> None:
        """The link of a row leads to its form, filled in."""
        self.row(section, text).get_by_role("link", name=link).first.click()
        self.tab.wait_for_url("**/deployments/deployment/*/run*")

    def form(self, name: str, **given: str) -> None:
        """A form from the list of all, with what one chooses there."""
        asked = "&".join(f"{field}={quote(told)}" for field, told in {"season": "2026", **given}.items())
        self.tab.goto(f"{self.here}/office/form/{name}?{asked}")

    def field(self, title: str, kind: str) -> Any:
        """What one fills in below a field's title."""
        named = f"starts-with(normalize-space(.), '{title}') and string-length(normalize-space(.)) < {len(title) + 14}"
        return self.tab.locator(f"xpath=//main//*[{named}]/following::{kind}[1]").first

    def choose(self, which: str) -> None:
        """From the first drop-down that is still open."""
        self.tab.locator("button", has_text="Select").first.click()
        self.tab.get_by_role("option", name=which).first.click()
        self.tab.keyboard.press("Escape")

    def write(self, title: str, text: str) -> None:
        self.field(title, "textarea").fill(text)

    def submit(self, state: str = "已完成") -> str:
        """Sends the form; the run that it made ends in this state. Returns its sentence."""
        with self.tab.expect_response(re.compile("create_flow_run")) as answer:
            self.tab.get_by_role("button", name="Submit").click()
        assert answer.value.status == 201, answer.value.text()
        made = answer.value.json()["id"]
        with prefect_client() as client:
            wait_for("the run's end", lambda: client.read_flow_run(made).state.is_final())
            found = client.read_flow_run(made).state
        assert found.name == state, (found.name, found.message)
        return str(found.message)

    def at(self, milestone: M) -> None:
        """The day comes."""
        with reading(self.database) as session:
            rows = milestone_rows(session, 2026)
        step_to(self.engine.home, next(row.due_at for row in rows if row.milestone == milestone))

    def today(self) -> str:
        return local_day(self.own.clock.now()).isoformat()

    def form_picture(self, name: str) -> None:
        """A form's fields, without what Prefect draws anew each time."""
        top = self.tab.get_by_role("heading", name="Parameters").bounding_box()
        end = self.tab.get_by_text("Enforce Parameter Schema").first.bounding_box()
        assert top is not None
        assert end is not None
        area = {"x": top["x"], "y": top["y"], "width": top["width"], "height": end["y"] - top["y"]}
        self.picture(name, full_page=True, clip=area)

    def picture(self, name: str, *, tab: Page | None = None, **options: Any) -> None:
        keep_picture((tab or self.tab).screenshot(animations="disabled", **options), name)


@pytest.fixture
def walk(player: Player, tmp_path: Path) -> Iterator[Walk]:
    awaiting_approval(player)
    player.engine.dispose()
    engine = EngineProcess(player.home, free_port(), stages="flows.year flows.consult")
    with running(engine), chromium() as browser:
        yield Walk(engine, browser)


@pytest.mark.prefect
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_the_office_is_run_from_the_guide_alone(walk: Walk) -> None:
    tab = walk.tab
    # 2. What comes, and what waits.
    walk.office()
    assert walk.row("waits_for_a_person", "审定获奖名单").count() == 1
    walk.picture("总览")
    tab.locator("#dates").scroll_into_view_if_needed()
    walk.picture("时间表")
    walk.tab.locator("[data-facts=troubles]").scroll_into_view_if_needed()
    walk.picture("须处理的事")

    # 5.1 A date is moved.
    walk.follow("timetable", "发布结果", "调整时间")
    walk.choose(OFFICE.name)
    tab.locator("button", has_text="MM/DD/YYYY").click()
    tab.locator("table").wait_for()
    tab.locator("select").nth(1).select_option("2026")
    tab.locator("select").nth(0).select_option("8")
    tab.locator("table button", has_text=re.compile("^15$")).first.click()
    tab.keyboard.press("Escape")
    walk.write("理由", "示例：会议推迟")
    walk.form_picture("调整时间")
    walk.submit()
    walk.office()
    assert "示例：会议推迟" in walk.row("moved", "发布结果").inner_text()
    assert "2026-09-15" in walk.row("timetable", "发布结果").inner_text()

    # 6. The list is read, one line struck, the rest approved.
    tab.get_by_role("link", name="查看名单").click()
    assert NUMBER in tab.content()
    walk.office()
    walk.follow("waits_for_a_person", "审定获奖名单", "审定")
    walk.choose(OFFICE.name)
    walk.write("划去的项目", played.STRUCK)
    walk.write("理由", "示例：材料不实")
    walk.form_picture("审定获奖名单")
    walk.submit()
    with reading(walk.database) as session:
        assert session.get_one(Placing, NUMBER).approved
        assert session.get_one(Placing, played.STRUCK).struck == "示例：材料不实"
    walk.office()
    assert walk.row("waits_for_a_person", "审定获奖名单").count() == 0

    # 3. A stage is triggered by hand at its time.
    walk.at(M.OPEN_PUBLIC_NOTICE)
    walk.form("open_public_notice")
    walk.submit()
    walk.office()
    assert "公示" in tab.locator(".facts").inner_text()

    # 7. An objection is entered, accepted, looked into and answered.
    answers = (NUMBER, "权属与完成人", "邮寄", walk.today(), "示例·举报人", played.PHONE, "示例理由")
    letter = objections.put_letter(walk.own, 2026, dict(zip(objections.HEADINGS, answers, strict=True)), [])
    walk.form("raise_objection", subject=letter)
    walk.choose(OFFICE.name)
    walk.submit()
    with reading(walk.database) as session:
        objection = str(session.scalars(select(Objection.id)).one())
    walk.form("accept_objection", subject=objection, officer_name=OFFICE.name)
    walk.write("理由", "示例：在公示期内")
    walk.submit()
    walk.form("investigate_objection", subject=objection, officer_name=OFFICE.name, other=INVESTIGATOR)
    walk.write("理由", "示例：与项目无关")
    walk.submit()
    walk.office()
    waiting = walk.tab.locator("[data-facts=waits_for_a_person]")
    waiting.evaluate("table => table.scrollIntoView({block: 'center'})")
    walk.picture("待办里的异议")
    walk.form("dismiss_objection", subject=objection, officer_name=INVESTIGATOR)
    walk.write("答复", "示例：经核查，权属清楚")
    walk.submit()
    with reading(walk.database) as session:
        assert session.scalars(select(Objection.state)).one() is ObjectionState.REJECTED

    # 8. One number is audited.
    walk.office()
    tab.locator("input[name=q]").fill(NUMBER)
    tab.keyboard.press("Enter")
    tab.get_by_role("link", name="全部留痕").first.click()
    assert tab.get_by_text("评分").count()
    walk.picture("全部留痕")
    for name in ("recompute_season", "verify_record"):
        walk.form(name)
        walk.submit()

    # 9. A step that fails is tried again.
    walk.office()
    walk.follow("failures", "收件", "立即重试")
    walk.submit()
    walk.office()
    assert tab.get_by_text("没有正在失败的步骤").count() == 1

    # 10. Every file is found.
    walk.office("files")
    walk.picture("文件")
    found = tab.locator("a[href*='/office/file/']").evaluate_all("links => links.map(link => link.href)")
    assert any("proposal.html" in link for link in found)
    assert {tab.request.get(link).status for link in found} == {200}

    _on_a_phone_without_scripts_and_on_paper(walk)


def _on_a_phone_without_scripts_and_on_paper(walk: Walk) -> None:
    browser = walk.tab.context.browser
    assert browser is not None
    for width in (390, 1280):
        tab = browser.new_page(
            viewport={"width": width, "height": 844}, java_script_enabled=False, http_credentials=walk.known
        )
        for path in ("", "files", "deliveries", "history", f"history/{NUMBER}", f"find?q={NUMBER}"):
            answer = tab.goto(f"{walk.here}/office/2026/{path}")
            assert answer is not None
            assert answer.status == 200
            wide, seen = tab.locator("html").evaluate("page => [page.scrollWidth, page.clientWidth]")
            assert wide <= seen, (width, path)
        tab.goto(f"{walk.here}/office/2026/")
        walk.picture("手机上" if width == 390 else "", tab=tab)
        tab.emulate_media(media="print")
        assert tab.pdf(format="A4").startswith(b"%PDF")
        tab.close()


def test_every_picture_is_shown_in_a_guide_and_small() -> None:
    guides = "".join(path.read_text("utf-8") for path in FOLDER.parent.glob("*.md"))
    shown = set(re.findall(r"!\[[^]]+\]\(图/([^)]+)\)", guides))

    assert shown == {path.name for path in FOLDER.iterdir()}
    assert max(path.stat().st_size for path in FOLDER.iterdir()) < 120_000

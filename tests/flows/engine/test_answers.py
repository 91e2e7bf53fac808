"""Who asks for the impossible, through Prefect's API or its page, gets a sentence and no run; others get what they asked."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright
from prefect.client.schemas.objects import FlowRun

from config.clock import step_to
from config.settings import SETTINGS_FILE, Settings
from flows.engine.deployments import prefect_client, refresh, run_state, start
from flows.engine.environment import FORM_MODULES
from models.database import make_engine, reading, writing
from models.enums import CallState, Outcome
from models.schema import upgrade
from models.submission import Submission
from states.history.verify_history import check_file
from tests.flows.engine.conftest import running
from tests.flows.engine.engine_process import EngineProcess, free_port, wait_for
from tests.support.browser import QUIET, chromium_program
from tests.support.builders import OFFICE, a_season, a_submission

pytestmark = pytest.mark.prefect
NUMBER, TITLE = "2026-500103-0001", "示例项目2026第1号"
CONTRIBUTOR = f"示例·{TITLE}"
ASKED = {"season": 2026, "officer_name": OFFICE.name, "reason": "示例理由"}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("撤回申报", {"subject": NUMBER, "officer_name": "路人"}, "“经办人”没有“路人”这一项"),
    ("撤回申报", {"subject": NUMBER, "reason": "　 \n"}, "“理由”必须填写"),
    ("撤回申报", {"subject": "2026-500103-0099"}, "“申报编号”没有编号为“2026-500103-0099”的项目"),
    ("撤回申报", {"subject": NUMBER, "season": 2031}, "“年度”没有2031年度"),
    ("调整时间", {"milestone": "发布结果", "to": "2026-03-02T10:00:00.000Z"}, "“新时间”已经过去"),
]


class Office:
    """A season's home with its real engine, and what the office sees of it."""

    def __init__(self, engine: EngineProcess) -> None:
        self.engine, self.database = engine, make_engine(Settings(home=engine.home, database_url="").database)

    def plan(self) -> None:
        upgrade(self.database)
        with writing(self.database) as session:
            season = a_season(session, state=CallState.OPEN)
            assert a_submission(session) == NUMBER
        step_to(self.engine.home, season.dates.open_call + timedelta(days=10))

    def deployment(self, title: str) -> tuple[UUID, dict[str, Any]]:
        with prefect_client() as client:
            found = next(form for form in client.read_deployments() if form.name.partition(" ")[2] == title)
        return found.id, found.parameter_openapi_schema or {}

    def outcome(self) -> Outcome | None:
        with reading(self.database) as session:
            return session.get_one(Submission, NUMBER).outcome

    def page(self, title: str) -> str:
        return f"http://127.0.0.1:{self.engine.port}/v2/deployments/deployment/{self.deployment(title)[0]}/run"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    engine = EngineProcess(tmp_path_factory.mktemp("office") / "home", free_port(), stages=FORM_MODULES)
    engine.home.mkdir()
    office = Office(engine)
    office.plan()
    (engine.home / SETTINGS_FILE).write_text(f'GANGCHUANG_ACCOUNTS={{"wang": "{OFFICE.name}"}}\n', "utf-8")
    with running(engine):
        yield office


def runs() -> list[FlowRun]:
    with prefect_client() as client:
        return list(client.read_flow_runs())


def asked_by_api(title: str, office: Office, given: dict[str, Any], **further: Any) -> httpx.Response:
    user, _, secret = office.engine.sign_in.strip().partition(":")
    address = f"http://127.0.0.1:{office.engine.port}/api/deployments/{office.deployment(title)[0]}/create_flow_run"
    return httpx.post(address, json={"parameters": given, **further}, auth=(user, secret), timeout=30)


@pytest.mark.parametrize(("title", "given", "sentence"), WRONG)
def test_no_run_is_made_of_a_wrong_answer_through_the_api(
    office: Office, title: str, given: dict[str, Any], sentence: str
) -> None:
    before = len(runs())

    # Who asks may not choose to have it unchecked either.
    refused = asked_by_api(title, office, {**ASKED, **given}, enforce_parameter_schema=False)

    assert (refused.status_code, len(runs())) == (409, before)
    assert refused.json()["detail"].startswith(sentence)
    assert office.outcome() is None


def test_whom_the_proxy_let_in_acts_in_their_own_name_and_no_other(office: Office) -> None:
    address = (
        f"http://127.0.0.1:{office.engine.port}/api/deployments/{office.deployment('撤回申报')[0]}/create_flow_run"
    )
    user, _, secret = (office.engine.home / "prefect" / "sign-in-proxy").read_text("utf-8").strip().partition(":")
    given = {"season": 2026, "reason": "示例理由", "subject": NUMBER, "dry_run": True}

    def asked(person: str, **further: Any) -> httpx.Response:
        headers = {"X-Gangchuang-Person": person}
        return httpx.post(
            address, json={"parameters": {**given, **further}}, headers=headers, auth=(user, secret), timeout=30
        )

    other = asked("wang", officer_name="示例·李干事")
    nobody = asked("zhang")
    own = asked("wang")

    assert (other.status_code, nobody.status_code, own.status_code) == (409, 409, 201)
    assert other.json()["detail"].startswith(f"您以“{OFFICE.name}”的账户登录，经办人只能是本人")
    assert nobody.json()["detail"].startswith("“经办人”没有“zhang”这一项")
    assert own.json()["parameters"]["officer_name"] == OFFICE.name


def test_who_is_not_signed_in_learns_nothing_of_the_choices(office: Office) -> None:
    address = (
        f"http://127.0.0.1:{office.engine.port}/api/deployments/{office.deployment('撤回申报')[0]}/create_flow_run"
    )

    refused = httpx.post(address, json={"parameters": {"officer_name": "路人"}}, timeout=30)

    assert refused.status_code == 401
    assert OFFICE.name not in refused.text


def test_a_right_answer_is_carried_out_under_its_name_and_the_second_time_refused(office: Office) -> None:
    first = asked_by_api("撤回申报", office, {**ASKED, "subject": NUMBER, "dry_run": True})
    assert first.status_code == 201
    wait_for("its end", lambda: run_state(first.json()["id"]).final)
    assert run_state(first.json()["id"]).name == "试运行"

    again = start("withdraw", {**ASKED, "subject": NUMBER}, "withdraw")
    wait_for("its end", lambda: run_state(again).final)
    with prefect_client() as client:
        run = client.read_flow_run(UUID(again))
    assert (run.name, run.state.name, office.outcome()) == (f"2026 撤回申报 {NUMBER}", "已完成", Outcome.WITHDRAWN)

    refused = start("withdraw", {**ASKED, "subject": NUMBER}, "withdraw again")
    wait_for("its end", lambda: run_state(refused).final)
    state = run_state(refused)
    assert (state.type, state.name) == ("COMPLETED", "被拒绝")
    assert state.message.startswith(f"{NUMBER}：")
    assert state.message.endswith("没有任何改动。")


def test_an_evidence_asked_for_by_a_form_lies_in_the_home_and_prefect_keeps_no_name(office: Office) -> None:
    # The answers of somebody who is nobody's, then those of one who has a submission.
    asked = {"season": 2026, "kind": "个人", "with_content": True}
    runs = [asked_by_api("开具岗位创新证明", office, {**asked, "whose": whose}) for whose in ("示例·路人", CONTRIBUTOR)]
    assert [run.status_code for run in runs] == [201, 201], [run.text for run in runs]
    for run in runs:
        wait_for("its end", lambda run=run: run_state(run.json()["id"]).final)
    states = [run_state(run.json()["id"]) for run in runs]

    assert [state.name for state in states] == ["被拒绝", "已完成"], states
    assert states[0].message.startswith("没有查到“示例·路人”")
    assert states[1].message.startswith("1项申报，PDF 打印盖章后与数据文件一并交付")
    folder = office.engine.home / "office" / "2026" / "证明"
    (pdf,), (document,) = folder.glob("*.pdf"), folder.glob("*.json")
    assert pdf.read_bytes().startswith(b"%PDF-1.7")
    told = json.loads(document.read_bytes())
    assert [case["said"]["title"] for case in told["cases"]] == [TITLE]
    english, _ = check_file(str(document), [])
    assert english.startswith("OK"), english
    with prefect_client() as client:
        kept = [client.read_flow_run(UUID(run.json()["id"])).parameters for run in runs]
        shown = client.read_artifacts()
    assert [given["whose"] for given in kept] == ["（未保留）"] * 2
    assert any(pdf.name in str(artifact.data) for artifact in shown)
    assert not any(CONTRIBUTOR in str(artifact.data) for artifact in shown)


def test_the_choices_in_prefect_are_brought_up_to_the_facts(office: Office) -> None:
    with prefect_client() as client:
        identifier, schema = office.deployment("退回补正")
        stale = {**schema, "properties": {**schema["properties"]}}
        stale["properties"]["officer_name"] = {**schema["properties"]["officer_name"], "enum": ["示例·前任"]}
        client.request(
            "PATCH", "/deployments/{id}", path_params={"id": identifier}, json={"parameter_openapi_schema": stale}
        )

    asked = asked_by_api("退回补正", office, {**ASKED, "officer_name": "示例·前任", "subject": NUMBER})

    # Judged by the facts, not by what Prefect still has.
    assert asked.status_code == 409
    from flows.engine.choices import filling

    assert [name.partition(" ")[2] for name in refresh(filling(office.database))] == ["退回补正"]
    assert office.deployment("退回补正")[1] == schema


@pytest.fixture(scope="module")
def page(office: Office) -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_program(), args=list(QUIET))
        user, _, password = office.engine.sign_in.partition(":")
        known: Any = {"username": user, "password": password}
        opened = browser.new_page(
            viewport={"width": 1280, "height": 1400}, timezone_id="Asia/Shanghai", http_credentials=known
        )
        yield opened
        browser.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("number", "reason", "officer", "sentence"),
    [
        ("2026-500103-0099", "示例", OFFICE.name, "没有编号为“2026-500103-0099”的项目"),
        (NUMBER, "   ", OFFICE.name, "必须填写"),
        (NUMBER, "示例", "", "必须填写"),
    ],
)
def test_no_run_is_made_of_a_wrong_answer_in_the_page(
    office: Office, page: Page, number: str, reason: str, officer: str, sentence: str
) -> None:
    before = len(runs())
    page.goto(office.page("撤回申报"))
    if officer:
        page.get_by_role("button", name="Select").first.click()
        page.get_by_role("option", name=officer).click()
    boxes = page.locator("textarea")
    boxes.nth(0).fill(number)
    boxes.nth(1).fill(reason)

    page.get_by_role("button", name="Submit").click()

    # Beside its field, and in the note for the whole form.
    page.get_by_text(sentence).first.wait_for()
    page.get_by_text("没有提交，也没有任何改动").wait_for()
    assert len(runs()) == before


@pytest.mark.browser
def test_a_past_date_makes_no_run_in_the_page_and_choices_are_lists(office: Office, page: Page) -> None:
    before = len(runs())
    page.goto(office.page("调整时间"))
    page.get_by_role("button", name="Select").first.click()
    page.get_by_role("option", name=OFFICE.name).click()
    page.keyboard.press("Escape")
    page.locator("button", has_text=OFFICE.name).wait_for()
    page.locator("button", has_text="Select").first.click()
    page.get_by_role("option", name="发布结果").wait_for()
    assert page.get_by_role("option").count() > 10
    page.get_by_role("option", name="发布结果").click()
    page.keyboard.press("Escape")
    page.locator("button", has_text="MM/DD/YYYY").click()
    page.locator("table").wait_for()
    page.locator("select").nth(1).select_option("2025")
    page.locator("table button", has_text=re.compile("^15$")).click()
    page.keyboard.press("Escape")
    page.locator("textarea").first.fill("示例理由")

    page.get_by_role("button", name="Submit").click()

    page.get_by_text("已经过去").first.wait_for()
    assert len(runs()) == before

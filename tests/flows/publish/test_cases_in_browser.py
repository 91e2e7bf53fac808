"""The site as a reader meets it: from a server that sends the strict policy for every file, and from a folder."""

import functools
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from config.settings import Settings
from flows.publish.release import publish
from models.database import make_engine
from models.schema import upgrade
from tests.support.browser import chromium
from tests.support.cases import fill_cases
from tests.support.pages import POLICY

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
CASES = 130
PAGES = (
    "index.html",
    "2027/index.html",
    "2027/call.html",
    "2027/results.html",
    "2027/versions.html",
    "cases/index.html",
    "cases/2026.html",
    "cases/2027-500101-0001/index.html",
    "cases/2027-500101-0020/index.html",
)


class _Strict(http.server.SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seasons of cases, published."""
    own = Settings(home=tmp_path_factory.mktemp("site") / "home", database_url="")
    own.folder()
    engine = make_engine(own.database)
    upgrade(engine)
    fill_cases(engine, range(2026, 2028), CASES)
    assert publish(own, engine, own.clock.now()) is not None
    engine.dispose()
    return own.home / "site"


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[str]:
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Strict, directory=str(site)))
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}/"
    listening.shutdown()
    listening.server_close()


@pytest.fixture(params=["server", "folder"])
def origin(request: pytest.FixtureRequest, site: Path, server: str) -> str:
    return server if request.param == "server" else f"{site.resolve().as_uri()}/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def show(browser: Browser, origin: str) -> Iterator[Callable[..., Tab]]:
    """Open a page; at the end nothing was said to the console, nothing failed, and nobody else was asked."""
    tabs: list[Tab] = []
    said: list[str] = []
    asked: list[str] = []

    def opened(path: str, size: dict[str, int] = DESKTOP, **options: bool) -> Tab:
        tab = browser.new_page(viewport=size, **options)  # type: ignore[arg-type]
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
        tab.on(
            "response", lambda answer: said.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None
        )
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(origin + path)
        tabs.append(tab)
        return tab

    yield opened
    for tab in tabs:
        tab.close()
    assert said == []
    assert [url for url in asked if not url.startswith(origin)] == []


def found(tab: Tab) -> int:
    tab.wait_for_function("document.getElementById('found').textContent !== ''")
    told = re.search(r"(\d+) 项", tab.locator("#found").inner_text())
    return int(told[1]) if told else 0


def wait_for(tab: Tab, words: str) -> None:
    tab.wait_for_function("(words) => document.getElementById('found').textContent.includes(words)", arg=words)


@pytest.mark.browser
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_shows_under_the_strict_policy_and_leads_on(
    size: dict[str, int], show: Callable[..., Tab], site: Path
) -> None:
    for path in PAGES:
        tab = show(path, size)
        assert tab.evaluate("document.documentElement.scrollWidth") <= size["width"], path
        assert tab.evaluate("getComputedStyle(document.querySelector('.mast')).textAlign") == "center", path
        links = tab.eval_on_selector_all("a[href]", "all => all.map((one) => one.getAttribute('href'))")
        here = (site / path).parent
        gone = [link for link in links if not link.startswith("#") and not (here / link.partition("#")[0]).exists()]
        assert gone == [], path
        assert "首次发布" in tab.locator("footer").inner_text()


@pytest.mark.browser
def test_filters_live_in_the_address_and_survive_reload_and_back(show: Callable[..., Tab]) -> None:
    tab = show("cases/index.html")
    assert found(tab) == 2 * CASES
    tab.select_option("select[name=season]", "2027")
    wait_for(tab, f"符合条件 {CASES} 项")
    tab.select_option("select[name=tier]", "二等奖")
    tab.wait_for_function("location.hash.includes('tier')")
    tab.wait_for_function("!document.getElementById('found').textContent.includes(' 130 项，')")
    chosen = found(tab)
    told = tab.locator("select[name=tier] option:checked").inner_text()

    assert told == f"二等奖（{chosen}）"
    assert 0 < chosen < CASES
    tab.reload()
    wait_for(tab, f"符合条件 {chosen} 项")
    tab.locator("#results a").first.click()
    tab.wait_for_selector("h1")
    tab.go_back()
    wait_for(tab, f"符合条件 {chosen} 项")
    assert tab.locator("select[name=tier]").input_value() == "二等奖"
    tab.go_back()
    wait_for(tab, f"符合条件 {CASES} 项")


@pytest.mark.browser
def test_the_search_finds_parts_of_words_numbers_and_traditional_signs(show: Callable[..., Tab]) -> None:
    tab = show("cases/index.html")
    found(tab)
    title = tab.locator("#results a").first.inner_text()
    number = tab.locator("#results p").first.inner_text().split("　")[0]
    for word, least in ((title[2:7], 1), (number, 1), (number[5:], 1), ("與與", 0), ("改進", 2 * CASES)):
        tab.evaluate("(word) => { location.hash = `#q=${encodeURIComponent(word)}`; }", word)
        tab.wait_for_function("(word) => document.getElementById('finder').elements.q.value === word", arg=word)
        tab.wait_for_timeout(300)
        if least:
            assert found(tab) >= least, word
    assert found(tab) == 2 * CASES, "every title has 改进"
    tab.evaluate("location.hash = '#q=%E6%97%A0%E6%AD%A4%E8%AF%8D%E8%AF%AD'")
    wait_for(tab, "可以试试")


@pytest.mark.browser
def test_the_list_is_worked_by_keyboard_alone(show: Callable[..., Tab]) -> None:
    tab = show("cases/index.html")
    found(tab)
    tab.locator("input[name=q]").focus()
    tab.keyboard.type("改进")
    wait_for(tab, f"符合条件 {2 * CASES} 项")
    tab.keyboard.press("Tab")
    tab.keyboard.type("2026")
    tab.keyboard.press("Tab")
    wait_for(tab, f"符合条件 {CASES} 项")
    for _ in range(40):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.id") == "more" or tab.evaluate(
            "document.activeElement.closest('#results') !== null"
        ):
            break
    else:
        pytest.fail("the results cannot be reached by Tab")


@pytest.mark.browser
def test_without_javascript_every_case_can_be_reached(show: Callable[..., Tab]) -> None:
    tab = show("cases/index.html", java_script_enabled=False)

    tab.locator("#all a").first.click()
    tab.locator("table a").first.click()

    assert tab.locator("h1").is_visible()


@pytest.mark.browser
def test_a_case_without_licence_shows_its_number_title_and_tier_only(show: Callable[..., Tab], site: Path) -> None:
    text = show("cases/2027-500101-0020/index.html").locator("main").inner_text()
    told = (site / "cases/2027-500101-0020/case.json").read_text("utf-8")

    assert "未授权公开" in text
    assert '"text":[],"pictures":[]' in told
    assert '"organisations":[]' in told

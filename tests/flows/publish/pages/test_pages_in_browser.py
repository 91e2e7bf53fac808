"""The pages in a real browser: they show, they stay at home, and the filter finds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from flows.publish.pages.content import ProposalPage, PublicPage
from flows.publish.pages.rendering import render
from models.enums import Tier
from tests.support.browser import chromium
from tests.support.pages import a_deviation, a_line, a_notice, a_proposal, a_results_page, an_index, lines

PAGES: tuple[PublicPage | ProposalPage, ...] = (
    a_notice(deviations=(a_deviation(),)),
    a_results_page(),
    an_index(),
    a_proposal(),
)
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
SHOWN = "[data-row]:not([hidden])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Tab]]:
    """Open a page as a reader would; at the end nothing was said to the console or asked of anybody."""
    tabs: list[Tab] = []
    said: list[str] = []
    asked: list[str] = []

    def opened(page: PublicPage | ProposalPage, size: dict[str, int] = DESKTOP, **options: bool) -> Tab:
        path = tmp_path / "page.html"
        path.write_text(render(page), "utf-8")
        tab = browser.new_page(viewport=size, **options)  # type: ignore[arg-type]
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        tabs.append(tab)
        return tab

    yield opened
    for tab in tabs:
        tab.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == len(tabs)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("page", PAGES, ids=["notice", "results", "index", "proposal"])
def test_a_page_fits_the_screen(
    page: PublicPage | ProposalPage, size: dict[str, int], show: Callable[..., Tab]
) -> None:
    tab = show(page, size)

    assert tab.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert tab.locator("h1").is_visible()
    assert tab.evaluate("getComputedStyle(document.querySelector('.mast')).textAlign") == "center"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_long_words_do_not_make_a_page_scroll_sideways(size: dict[str, int], show: Callable[..., Tab]) -> None:
    long = a_line(1, title="A" * 120, organisations=("B" * 80,), contributors=("C" * 60,))

    tab = show(a_notice(lines=(long, *lines(3))), size)

    assert tab.evaluate("document.documentElement.scrollWidth") <= size["width"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", 12),
        ("第7号", 1),
        ("第７号", 1),
        ("2026-500101-01", 3),
        ("示例·乙12", 1),
        ("示例 号公司 甲5", 1),
        ("小发明", 4),
        ("没有这个", 0),
        ("(.*", 0),
    ],
)
def test_the_filter_finds(typed: str, found: int, show: Callable[..., Tab]) -> None:
    tab = show(a_notice())

    tab.get_by_label("查找").fill(typed)

    assert tab.locator(SHOWN).count() == found
    expected = f"符合条件 {found} 项，共 12 项" if typed else "共 12 项"
    assert tab.locator("output").text_content() == expected


def test_a_tier_can_be_chosen_and_the_others_vanish_whole(show: Callable[..., Tab]) -> None:
    tab = show(a_results_page())

    tab.get_by_label("等次").select_option(label="二等奖")

    assert tab.locator(SHOWN).count() == 4
    assert tab.locator("[data-group]:visible h3").all_text_contents() == ["二等奖4项"]
    assert tab.url.endswith(f"#tier={Tier.SECOND.value}")


def test_the_filter_follows_the_address_and_a_link_within_the_page_leaves_it(show: Callable[..., Tab]) -> None:
    tab = show(a_notice())

    tab.evaluate("location.hash = '#q=第7号'")
    tab.wait_for_function("document.querySelector('output').textContent.includes('1 项')")
    tab.evaluate("location.hash = '#check'")

    assert tab.get_by_label("查找").input_value() == "第7号"
    assert tab.locator(SHOWN).count() == 1


def test_the_proposals_whole_ranking_can_be_searched(show: Callable[..., Tab]) -> None:
    tab = show(a_proposal())

    tab.get_by_label("等次").select_option(label="一等奖")

    assert tab.locator(SHOWN).count() == 2


def test_enter_in_the_filter_does_not_leave_the_page(show: Callable[..., Tab]) -> None:
    tab = show(a_notice())
    before = tab.url

    tab.get_by_label("查找").fill("第7号")
    tab.get_by_label("查找").press("Enter")

    assert tab.url.partition("#")[0] == before
    assert tab.locator(SHOWN).count() == 1


def test_without_scripts_the_list_is_there_and_the_filter_is_not(show: Callable[..., Tab]) -> None:
    tab = show(a_notice(), java_script_enabled=False)

    assert tab.locator("[data-row]:visible").count() == 12
    assert not tab.locator("#filter").is_visible()


def test_keyboard_reaches_the_content_first(show: Callable[..., Tab]) -> None:
    tab = show(a_notice())

    tab.keyboard.press("Tab")

    assert tab.evaluate("document.activeElement.textContent") == "跳到正文"


def test_print_leaves_out_the_search_field_and_keeps_the_list(show: Callable[..., Tab]) -> None:
    tab = show(a_notice())

    tab.emulate_media(media="print")

    assert not tab.get_by_label("查找").is_visible()
    assert tab.locator("[data-row]:visible").count() == 12

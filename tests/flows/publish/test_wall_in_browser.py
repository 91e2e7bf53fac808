"""The museum's wall in a real browser: from a stick and from a server, for long, with new data and without a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium
from tests.support.walls import WATCH, endure, put_wall, served, until

SCREENS = ((1920, 1080), (3840, 2160), (1080, 1920))
# Every piece of text that is seen: its height by its font, its contrast by WCAG 2, and whether it lies on the screen.
MEASURE = """
() => {
  const channel = (value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [red, green, blue] = colour.match(/[0-9.]+/g).map((part) => channel(Number(part) / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    const own = getComputedStyle(element).backgroundColor;
    return own === 'rgba(0, 0, 0, 0)' ? ground(element.parentElement) : own;
  };
  const shown = [...document.querySelectorAll('.slide.shown')].pop();
  return [...shown.querySelectorAll('h1, p, span')].filter((one) => one.getClientRects().length
      && [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())).map((one) => {
    const [high, low] = [light(getComputedStyle(one).color), light(ground(one))].sort((a, b) => b - a);
    const box = one.getBoundingClientRect();
    return {
      words: one.textContent.slice(0, 20),
      size: parseFloat(getComputedStyle(one).fontSize) / innerHeight,
      contrast: (high + 0.05) / (low + 0.05),
      within: box.left >= 0 && box.top >= 0 && box.right <= innerWidth + 1 && box.bottom <= innerHeight + 1
        && (getComputedStyle(one).overflowY === 'visible' || one.scrollHeight <= one.clientHeight + 2),
    };
  });
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.mark.parametrize("screen", SCREENS)
def test_from_a_stick_every_layout_can_be_read_from_afar(
    browser: Browser, tmp_path: Path, screen: tuple[int, int]
) -> None:
    put_wall(tmp_path, "one", size=(960, 640))
    page = browser.new_page(viewport={"width": screen[0], "height": screen[1]})
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{(tmp_path / 'index.html').as_uri()}#milliseconds=400")
    layouts = set()
    for shown in range(1, 11):
        until(page, lambda seen, least=shown: seen.shown >= least, 30)
        measured = page.evaluate(MEASURE)
        layouts.add(page.evaluate("[...document.querySelectorAll('.slide.shown')].pop().classList[1]"))
        assert measured
        assert min(one["size"] for one in measured) >= 0.033, measured
        assert min(one["contrast"] for one in measured) >= 7, measured
        assert [one for one in measured if not one["within"]] == []
    page.close()

    assert layouts == {"season", "picture", "story"}
    assert said == []
    assert all(url.startswith(tmp_path.as_uri()) for url in asked)


def test_it_goes_on_for_long_through_releases_and_without_its_server(browser: Browser, tmp_path: Path) -> None:
    first, last = endure(browser, tmp_path, slides=2_000, releases=6, away=300)

    assert (last.faults, last.skipped, last.version) == ([], 0, "r6")
    assert last.heap <= first.heap * 1.1
    assert last.nodes <= first.nodes + 60


def test_data_whose_pictures_are_not_all_there_are_not_shown(browser: Browser, tmp_path: Path) -> None:
    put_wall(tmp_path, "good")
    page = browser.new_page(viewport={"width": 640, "height": 360})
    page.add_init_script(WATCH)
    with served(tmp_path) as port:
        page.goto(f"http://127.0.0.1:{port}/index.html#milliseconds=20&look=100")
        until(page, lambda seen: seen.version == "good")
        put_wall(tmp_path, "half", whole=False)
        seen = until(page, lambda seen: seen.refused >= 3)
        assert (seen.version, seen.faults) == ("good", [])

        put_wall(tmp_path, "half")
        assert until(page, lambda seen: seen.version == "half").faults == []
    page.close()


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ("field=电子信息", {"2026-500103-0001", "2026-500103-0003"}),
        ("numbers=2026-500103-0003,2026-500103-0000", {"2026-500103-0003", "2026-500103-0000"}),
        ("season=2026", {"2026-500103-0000", "2026-500103-0001", "2026-500103-0002", "2026-500103-0003", ""}),
    ],
)
def test_the_address_says_what_is_shown(browser: Browser, tmp_path: Path, asked: str, numbers: set[str]) -> None:
    put_wall(tmp_path, "one", 4)
    page = browser.new_page(viewport={"width": 640, "height": 360})
    page.goto(f"{(tmp_path / 'index.html').as_uri()}#{asked}&milliseconds=330")
    until(page, lambda seen: seen.shown >= 1)
    found = set()
    for _ in range(24):
        page.wait_for_timeout(100)
        text = page.evaluate("[...document.querySelectorAll('.slide.shown')].pop().querySelector('.scan').textContent")
        found.add(text.removeprefix("扫码看全文").strip())
    page.close()

    assert found == numbers

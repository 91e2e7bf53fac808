"""Publishes 10,000 cases: whole, after ten changes, and read in a browser, beside the floors.

    python -m tests.benchmarks.bench_site [--cases 1428] [--seasons 7]

Floors of the same run: one compiled template rendered once a case and the same bytes written plainly; the same folders
and links made plainly; substring search by `in` over all texts. The words asked for are parts of titles that were
published in earlier years (`queries.txt`), of which the cases hold whole ones and parts. The limits beside the figures
are those of the specification. Making folders and files can cost a file system ten times as much an hour later: the
figures tell the system's part, and `TMPDIR=/dev/shm` leaves the disk out.
"""

import argparse
import functools
import gzip
import http.server
import os
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from playwright.sync_api import Page

from config.settings import Settings
from flows.home.releases import KEPT
from flows.publish import cases as case_pages
from flows.publish.facts import facts_of
from flows.publish.pages.content import CasePage, Frame
from flows.publish.pages.rendering import render
from flows.publish.release import publish
from flows.publish.search import by_number, plain, shards_of, text_of
from models.database import make_engine, reading
from models.schema import upgrade
from tests.support.browser import chromium
from tests.support.cases import change_cases, fill_cases

FIRST_YEAR = 2026
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"


_ASKING = r"""async (query) => {
  const form = document.getElementById("finder");
  const before = form.dataset.done;
  const turn = () => new Promise((done) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  });
  const start = performance.now();
  location.replace(`#q=${encodeURIComponent(query)}&asked=${Math.random()}`);
  while (form.dataset.done === before) await turn();
  const found = document.getElementById("found").textContent.match(/符合条件 (\d+) 项/);
  return [found ? Number(found[1]) : 0, performance.now() - start];
}"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=1428, help="a season")
    options.add_argument("--seasons", type=int, default=7)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        own = Settings(home=Path(folder) / "home", database_url="")
        own.folder()
        engine = make_engine(own.database)
        upgrade(engine)
        years = range(FIRST_YEAR, FIRST_YEAR + asked.seasons)
        fill_cases(engine, years, asked.cases, real=True)
        at = own.clock.now()
        with _cpu("release of everything (limit: 1.5 times the floor, and 5 s more)"):
            publish(own, engine, at)
        print(f"  peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB (limit 500)")
        _floor(own, engine, Path(folder) / "floor")
        change_cases(engine, years[-1], 10)
        before = {path: path.stat().st_ino for path in _files(own)}
        with _cpu("ten cases changed (limit 1.5)"):
            publish(own, engine, at)
        _linked(own.home / "site", Path(folder) / "linked")
        written = [path for path in _files(own) if before.get(path) != path.stat().st_ino]
        pages = [path for path in written if path.name == "index.html" and path.parent.name.startswith("20")]
        pages = [path for path in pages if path.parent.parent.name == "cases"]
        print(f"  written {len(written)} files, of them {len(pages)} case pages (limit 10)")
        for _ in range(KEPT - 1):
            change_cases(engine, years[-1], 1)
            publish(own, engine, at)
        change_cases(engine, years[-1], 10)
        with _cpu(f"ten cases changed, once {KEPT + 1} releases were made (limit 1.5)"):
            publish(own, engine, at)
        _weights(own)
        _search(own, engine, asked.seasons * asked.cases)


@contextmanager
def _cpu(what: str) -> Iterator[None]:
    before, wall = os.times(), time.monotonic()
    yield
    after = os.times()
    user, system = after.user - before.user, after.system - before.system
    took = time.monotonic() - wall
    print(f"{what}: {user + system:.2f} CPU s, of it {system:.2f} the system's; {took:.1f} s", flush=True)


def _files(own: Settings) -> list[Path]:
    return sorted(path for path in (own.home / "site").glob("**/*") if path.is_file())


def _floor(own: Settings, engine: Any, target: Path) -> None:
    """One template rendered for every case, the same bytes written plainly; then the index alone."""
    with reading(engine) as session:
        facts = facts_of(session, own)
        told = []
        for season in facts.seasons:
            for case in by_number(season):
                told.append((case_pages.case_data(case, "示例区", season.season.title, "2026-08-31", ""), season))
        with _cpu("  floor: one template rendered for each, the same bytes written"):
            for data, season in told:
                frame = Frame("../../", season.changed_at, season.changed_at)
                whose = {"programme": "示例", "office": "示例", "contact": "office@example.invalid"}
                page = render(CasePage(**whose, case=data, linked="{}", frame=frame)).encode()
                path = target / data["number"] / "index.html"
                path.parent.mkdir(parents=True)
                path.write_bytes(page)
                path.with_name("case.json").write_bytes(case_pages._json(data))
        with _cpu("  of it the index of all texts"):
            for season in facts.seasons:
                shards_of([text_of(case) for case in by_number(season)])
    shutil.rmtree(target)


def _linked(site: Path, target: Path) -> None:
    """The folders of a release and links to its files, made plainly."""
    with _cpu("  floor: the same folders and links"):
        for folder, _, names in os.walk(site.resolve()):
            there = target / os.path.relpath(folder, site.resolve())
            there.mkdir()
            for name in names:
                os.link(f"{folder}/{name}", f"{there}/{name}")
    shutil.rmtree(target)


def _weights(own: Settings) -> None:
    site = own.home / "site"
    case = max(len(gzip.compress(path.read_bytes())) for path in list(site.glob("cases/*/index.html"))[:500])
    first = [
        site / "cases/index.html",
        *(site / "assets").iterdir(),
        *(site / "cases/data").glob("20*.js"),
        site / "cases/data/seasons.js",
    ]
    newest = max(int(path.stem) for path in (site / "cases/data").glob("20*.js"))
    first.append(site / f"cases/data/{newest}/t0.js")
    weight = sum(len(gzip.compress(path.read_bytes())) for path in first)
    print(f"largest case {case / 1024:.1f} KB gz (limit 12); list's first view {weight / 1024:.1f} KB gz (limit 60)")


def _queries(texts: list[str], count: int = 60) -> list[str]:
    """The shipped words, and as many again that stand in some text: two to eight signs long."""
    rng, found = Random(3), (Path(__file__).parent / "queries.txt").read_text("utf-8").split("\n")[:-1]
    count += len(found)
    while len(found) < count:
        line = rng.choice(rng.choice(texts).split("\n"))
        length = rng.randint(2, 8)
        if len(line) >= length:
            start = rng.randrange(len(line) - length + 1)
            word = line[start : start + length]
            if word.strip() == word and " " not in word:
                found.append(word)
    return found


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_: object) -> None: ...


def _search(own: Settings, engine: Any, total: int) -> None:
    with reading(engine) as session:
        cases = [case for season in facts_of(session, own).seasons for case in by_number(season)]
        texts = {case.number: text_of(case) for case in cases}
    queries = _queries(list(texts.values()))
    handler = functools.partial(_Quiet, directory=str(own.home / "site"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with chromium() as browser:
            tab = browser.new_page()
            tab.goto(f"http://127.0.0.1:{server.server_port}/cases/index.html")
            tab.wait_for_selector("#results li")
            asked: list[str] = []
            tab.on("request", lambda request: asked.append(request.url))
            cold = _ask(tab, queries[0])
            names = {url.partition("/cases/")[2].partition("?")[0] for url in asked}
            sizes = [
                len(gzip.compress((own.home / "site" / "cases" / name).read_bytes()))
                for name in names
                if name.startswith("data/")
            ]
            print(f"first answer {cold[1]:.0f} ms (limit 500), {sum(sizes) / 1024:.0f} KB gz transferred (limit 300)")
            hits = wanted = right = 0
            for query in queries:
                found, _ = _ask(tab, query)
                expected = sum(plain(query) in text for text in texts.values())
                # Whatever has the word is found, since the index has all its parts: so the sum tells the rest.
                hits, wanted, right = hits + found, wanted + expected, right + min(found, expected)
            times = [_ask(tab, query)[1] for query in queries]
            tab.context.new_cdp_session(tab).send("HeapProfiler.collectGarbage")
            heap = tab.evaluate("performance.memory.usedJSHeapSize") / 1e6
            linear = []
            for query in queries:
                start = time.monotonic()
                sum(plain(query) in text for text in texts.values())
                linear.append((time.monotonic() - start) * 1000)
            print(
                f"{len(queries)} words over {total} cases: recall {right / wanted:.3f}, precision {right / hits:.3f} "
                f"(limits 1.000, 0.99); warm {median(times):.0f} ms (limit 30; linear search {median(linear):.0f} ms), "
                f"heap {heap:.0f} MB (limit 40)"
            )
    finally:
        server.shutdown()


def _ask(tab: Page, query: str) -> tuple[int, float]:
    """How many cases a word finds, and after how many milliseconds they are shown."""
    told = tab.evaluate(_ASKING, query)
    return int(told[0]), float(told[1])


if __name__ == "__main__":
    main()

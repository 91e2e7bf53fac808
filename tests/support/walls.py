"""A museum's wall to try: slides drawn by code, a server that can be killed, and what a watcher saw meanwhile."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page

from flows.publish.pages.rendering import asset, render_wall
from flows.publish.wall import wall_code

PROGRAMME = "示例岗位创新争先行动"
LONG = "基于多传感器融合的示例线路车辆受电弓滑板磨耗在线监测与智能预警装置的研制及其在示例线网中的推广应用研究成果"
STORY = "示例班组自行设计、加工和调试，用变频代替节流。" * 12
_WARM = 1_100  # slides until the browser has compiled what it runs again and again
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'"

# Looks at every frame that is painted: something must be in front, with its words, and its picture whole.
WATCH = """
window.faults = []; window.frames = 0;
const watch = () => {
  window.frames += 1;
  const shown = [...document.querySelectorAll('.slide.shown')];
  const front = shown[shown.length - 1];
  if (!front) { window.faults.push('blank'); }
  else {
    if (!front.querySelector('h1').textContent) { window.faults.push('no title'); }
    const image = front.querySelector('img');
    if (front.classList.contains('picture') && !(image && image.complete && image.naturalWidth)) {
      window.faults.push('broken picture');
    }
  }
  requestAnimationFrame(watch);
};
addEventListener('DOMContentLoaded', () => requestAnimationFrame(watch));
"""


class Seen(NamedTuple):
    """What a page says of itself: slides shown, skipped, data refused, the version shown, faults, bytes, nodes."""

    shown: int
    skipped: int
    refused: int
    version: str
    faults: list[str]
    heap: int
    nodes: int
    memory: int = 0


def put_wall(
    folder: Path, version: str, count: int = 9, size: tuple[int, int] = (96, 64), *, whole: bool = True
) -> None:
    """A wall of one season and so many cases, of which every third has no picture; `now.js` comes last.

    Not whole: the first picture is there, and empty as yet.
    """
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    slides = [a_slide("season", "", text="共评出获奖项目3项。一等奖1项，二等奖2项。")]
    for number in range(count):
        slides.append(a_slide("story" if number % 3 == 2 else "picture", f"2026-500103-{number:04d}"))
        if slides[-1]["layout"] == "picture":
            name = f"pictures/{version}-{number}.webp"
            content = drawn(size, number)
            (folder / name).write_bytes(content if whole or number else b"")
            slides[-1]["picture"] = {"file": name, "alt": "示例图片"}
        slides[-1]["title"] = LONG if number % 4 == 1 else f"示例装置{version}之{number}"
    (folder / "index.html").write_text(render_wall(PROGRAMME), "utf-8")
    for name in ("icon.svg", "wall.css", "wall.js"):
        (folder / name).write_text(asset(name), "utf-8")
    told = {"version": version, "seconds": 12, "slides": slides}
    (folder / "data.js").write_text(f"wallData({json.dumps(told, ensure_ascii=False)});\n", "utf-8")
    (folder / "now.js").write_text(f'wallNow("{version}");\n', "utf-8")


def a_slide(layout: str, number: str, text: str = STORY) -> dict[str, Any]:
    return {
        "layout": layout,
        "number": number,
        "season": 2026,
        "field": "机械制造" if number[-1:] in "0246" else "电子信息",
        "tier": "一等奖" if number else "2026年度",
        "about": "2026年度　机械制造　示例区" if number else "",
        "title": PROGRAMME,
        "organisations": "示例公司、示例学院" if number else "",
        "people": "示例·甲、示例·乙等5人" if number else "",
        "text": text,
        "picture": None,
        "code": wall_code(f"https://example.invalid/cases/{number}/"),
    }


def drawn(size: tuple[int, int], hue: int) -> bytes:
    out = BytesIO()
    Image.effect_noise(size, 40 + hue % 100).convert("RGB").save(out, "WEBP", quality=60)
    return out.getvalue()


@contextmanager
def served(folder: Path, port: int = 0) -> Iterator[int]:
    """A server as strict as the public one; its port. Ended, it refuses connections."""

    class Strict(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", POLICY)
            super().end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        allow_reuse_address = True
        daemon_threads = True

    server = Server(("127.0.0.1", port), partial(Strict, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def look_at(page: Page) -> Seen:
    """What the page has shown until now, with its garbage collected."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"]
    nodes = session.send("Memory.getDOMCounters")["nodes"]
    session.detach()
    told = page.evaluate(
        "[window.wallShown || 0, window.wallSkipped || 0, window.wallNotReady || 0, window.wallVersion || '', window.faults]"
    )
    return Seen(*told, int(heap), int(nodes))


def until(page: Page, condition: Callable[[Seen], bool], seconds: float = 60) -> Seen:
    """Wait for what the page has seen. Raises AssertionError with it when that does not come."""
    for _ in range(int(seconds * 5)):
        page.wait_for_timeout(200)
        if condition(seen := look_at(page)):
            return seen
    raise AssertionError(seen)


def _settled(page: Page) -> int:
    """The median of several moments: slides with and without a picture need more and less."""
    return int(median(footprint(page) for _ in range(9)))


def footprint(page: Page) -> int:
    """Bytes that the page's renderer has for itself, as Chromium counts them in a dump after collecting garbage.

    The resident size will not do: it has what the renderer shares, and what it has given back and the system has not taken.
    """
    assert page.context.browser is not None
    told: list[dict[str, Any]] = []
    own, session = page.context.new_cdp_session(page), page.context.browser.new_browser_cdp_session()
    own.send("HeapProfiler.collectGarbage")
    own.detach()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    busiest = max((one for one in processes if one["type"] == "renderer"), key=lambda one: one["cpuTime"])
    ended: list[object] = []
    session.on("Tracing.dataCollected", lambda event: told.extend(event["value"]))
    session.on("Tracing.tracingComplete", lambda event: ended.append(event))
    kept = {"includedCategories": ["disabled-by-default-memory-infra"], "excludedCategories": ["*"]}
    session.send("Tracing.start", {"traceConfig": kept, "transferMode": "ReportEvents"})
    session.send("Tracing.requestMemoryDump", {"deterministic": True, "levelOfDetail": "background"})
    session.send("Tracing.end")
    while not ended:
        page.wait_for_timeout(20)
    session.detach()
    totals = [
        one["args"]["dumps"].get("process_totals") for one in told if one["ph"] == "v" and one["pid"] == busiest["id"]
    ]
    return max(int(one["private_footprint_bytes"], 16) for one in totals if one)


def endure(
    browser: Browser,
    folder: Path,
    *,
    slides: int,
    releases: int,
    away: int,
    warm: int = _WARM,
    look: int = 150,
    script: str = "",
    weighed: bool = False,
) -> tuple[Seen, Seen]:
    """Play at 10 ms with new data again and again and the server away for a while: what was seen after the first round,
    of so many slides, and at the end. `look`: milliseconds between two looks for new data.
    """
    put_wall(folder, "r0")
    page = browser.new_page(viewport={"width": 640, "height": 360})
    page.add_init_script(WATCH + script)
    with served(folder) as port:
        page.goto(f"http://127.0.0.1:{port}/index.html#milliseconds=10&look={look}")
        until(page, lambda seen: seen.version == "r0" and seen.shown >= 40)
        put_wall(folder, "r1")
        first = until(page, lambda seen: seen.version == "r1" and seen.shown >= warm, 600)
        if weighed:
            first = first._replace(memory=_settled(page))
        for release in range(2, releases // 2 + 1):
            put_wall(folder, f"r{release}")
            until(page, lambda seen, wanted=f"r{release}": seen.version == wanted)
    gone = look_at(page).shown
    put_wall(folder, f"r{releases}")
    until(page, lambda seen: seen.shown >= gone + away, 600)
    with served(folder, port):
        for release in range(releases // 2 + 1, releases + 1):
            put_wall(folder, f"r{release}")
            until(page, lambda seen, wanted=f"r{release}": seen.version == wanted)
        last = until(page, lambda seen: seen.shown >= slides, 3600)
        if weighed:
            last = last._replace(memory=_settled(page))
    page.close()
    return first, last

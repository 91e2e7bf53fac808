"""The museum's wall for long, in Chromium: `python -m tests.benchmarks.bench_wall [--slides 10000] [--releases 20]`.

Slides at 10 ms, new data again and again, and no server for a thousand slides; the page looks for new data every 15 ms, a
museum's every minute. Printed is what was seen after the first round and at the end: faults, slides left out, heap, nodes, and
what the renderer has for itself. A first round is half of all slides: by then the browser's cache of what was looked at has
come near the 15 MB that it keeps, at some 3 KB a look. `--leak` has the page keep as many bytes a slide, to see it told.
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from tests.support.browser import chromium
from tests.support.walls import Seen, endure

LOOK = 15  # ms
LEAK = """
window.kept = [];
let last = 0;
const keep = () => {
  for (; last < (window.wallShown || 0); last += 1) { window.kept.push(new Uint8Array(%d).fill(1)); }
  setTimeout(keep, 20);
};
addEventListener("DOMContentLoaded", keep);
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--slides", type=int, default=10_000)
    options.add_argument("--releases", type=int, default=20)
    options.add_argument("--leak", type=int, default=0, help="bytes a slide")
    asked = options.parse_args()
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        first, last = _played(browser, Path(folder), asked)
    print(
        f"{last.shown} slides, {asked.releases} releases: {len(last.faults)} faults, {last.skipped} left out (limit 0)"
    )
    print(f"  heap {_of(first.heap, last.heap)} (limit 10 %); nodes {first.nodes} -> {last.nodes} (limit 60 more)")
    print(f"  what the renderer has for itself {_of(first.memory, last.memory)} (limit 5 %)")


def _played(browser: Browser, folder: Path, asked: argparse.Namespace) -> tuple[Seen, Seen]:
    away = min(1_000, asked.slides // 10)
    script = LEAK % asked.leak if asked.leak else ""
    most = {"slides": asked.slides, "releases": asked.releases, "away": away, "warm": asked.slides // 2}
    return endure(browser, folder, **most, look=LOOK, script=script, weighed=True)


def _of(first: int, last: int) -> str:
    return f"{first / 2**20:.1f} -> {last / 2**20:.1f} MiB, {(last - first) / first:+.1%}"


if __name__ == "__main__":
    main()

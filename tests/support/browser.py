"""A real browser for pages: Chromium without a screen and without a network."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_program() -> str:
    """Where Chromium is; CHROMIUM names it where it is not called chromium. Without one the test is skipped."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium), so pages were not opened in a browser")
    return program


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A started browser; `more` are arguments of its own."""
    program = chromium_program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*QUIET, *more])
        yield browser
        browser.close()

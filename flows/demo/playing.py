"""`gangchuang demo`: the whole engine, as in real life, and simulated people on a stepped clock."""

import os
from time import monotonic

from config.settings import SETTINGS_FILE, Settings, settings
from flows.demo.mailbox import DemoMailbox
from flows.engine.environment import LOOPBACK, enter_environment
from flows.engine.supervisor import Engine, supervise

# Quick looks, because the season's months are minutes here; everything else is as in production.
_QUICK = {
    "GANGCHUANG_SWEEP_SECONDS": "0.4",
    "GANGCHUANG_LEASE_SECONDS": "20",
    "GANGCHUANG_MAIL_SECONDS": "15",
}

_BESIDE = 80  # how far the port of the link pages, and beside it the mailbox's, lies from the dashboard's


def play_demo(*, exit_when_done: bool) -> int:
    """Play the season in a home of its own, `demo` below the home folder. Returns the exit status."""
    for name, value in _QUICK.items():
        os.environ.setdefault(name, value)
    os.environ["GANGCHUANG_HOME"] = str(settings().home.absolute() / "demo")
    settings.cache_clear()
    _open_ways(settings())
    settings.cache_clear()
    own, begun = settings(), monotonic()
    mailbox = DemoMailbox(own.home.absolute() / "people" / "mailbox", own.links_port + 1)
    mailbox.begin()
    own.folder("inbox")
    _name_site(own)
    own = settings()
    enter_environment(own)
    from flows.stage import open_database

    open_database(own.database)
    return supervise(own, on_ready=lambda engine: _play(own, engine, begun, exit_when_done))


def _name_site(own: Settings) -> None:
    """An address that leads nowhere: letters, feed and certificates' codes look as in real life, and to later commands too."""
    if not own.site_url:
        (own.home / SETTINGS_FILE).write_text("GANGCHUANG_SITE_URL=https://gangchuang.example.invalid\n", "utf-8")
        settings.cache_clear()


def _open_ways(own: Settings) -> None:
    """A mailbox and link pages of the demo's own, whatever the environment names: it must not touch real ones."""
    links = own.dashboard_port + _BESIDE if own.dashboard_port + _BESIDE < 65535 else own.dashboard_port - _BESIDE
    os.environ["GANGCHUANG_LINKS_PORT"] = str(links)
    os.environ["GANGCHUANG_LINKS_URL"] = f"http://{LOOPBACK}:{links}/me"
    os.environ["GANGCHUANG_IMAP_URL"] = f"imap://demo:demo@{LOOPBACK}:{links + 1}/INBOX"


def _play(own: Settings, engine: Engine, begun: float, exit_when_done: bool) -> None:
    from flows.demo.pilot import play

    play(own, exit_when_done=exit_when_done, boot_seconds=monotonic() - begun, stopped=engine.stop_asked)
    if exit_when_done:
        engine.ask_to_stop()

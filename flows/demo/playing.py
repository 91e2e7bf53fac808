"""`gangchuang demo`: the whole engine, as in real life, and simulated people on a stepped clock."""

import os
from time import monotonic

from config.settings import SETTINGS_FILE, Settings, settings
from flows.engine.environment import enter_environment
from flows.engine.supervisor import Engine, supervise

# Quick looks, because the season's months are minutes here; everything else is as in production.
_QUICK = {"GANGCHUANG_SWEEP_SECONDS": "0.4", "GANGCHUANG_LEASE_SECONDS": "20", "GANGCHUANG_MAIL_SECONDS": "15"}


def play_demo(*, exit_when_done: bool) -> int:
    """Play the season in a home of its own, `demo` below the home folder. Returns the exit status."""
    for name, value in _QUICK.items():
        os.environ.setdefault(name, value)
    os.environ["GANGCHUANG_HOME"] = str(settings().home.absolute() / "demo")
    settings.cache_clear()
    own, begun = settings(), monotonic()
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


def _play(own: Settings, engine: Engine, begun: float, exit_when_done: bool) -> None:
    from flows.demo.pilot import play

    play(own, exit_when_done=exit_when_done, boot_seconds=monotonic() - begun, stopped=engine.stop_asked)
    if exit_when_done:
        engine.ask_to_stop()

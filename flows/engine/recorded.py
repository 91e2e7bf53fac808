"""What a command does stands in the dashboard as a form's run does: done here, recorded there where a server answers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from config.settings import Settings
from flows.engine.environment import api_url, child_environment, external_api_url, home_tags, server_answers
from flows.engine.hung_runs import own_name

if TYPE_CHECKING:
    from prefect import Flow

log = logging.getLogger("gangchuang.engine")
# Begins the tag by which a run is known whose process is a command's; its name as leases are signed follows.
COMMAND = "command:"
_ended: ContextVar[list[Any] | None] = ContextVar("ended", default=None)


def note_ending(how: object) -> None:
    """Keep what a flow's body returned, or why it did not, for the command that called it."""
    ending = _ended.get()
    if ending is not None:
        ending[:] = [how]


def is_commanded() -> bool:
    """Whether a command does what is done now, whose words are those of the flow and not of its form."""
    return _ended.get() is not None


def acted(flow: "Flow[..., Any]", own: Settings, **given: Any) -> dict[str, Any]:
    """Do what a flow does, here and now: its outcome; raises what its body raises.

    Where this home's server answers, it is a flow run there; where that cannot be made, it is done all the same.
    """
    # What answers at our port is not ours before a server of this home had its sign-in made.
    if not ((external_api_url() or own.sign_in_file.exists()) and server_answers(own)):
        return dict(flow.fn(**given))
    ending: list[Any] = []
    mark = _ended.set(ending)
    try:
        with _speaking_to(own):
            from prefect import tags

            with tags(*home_tags(), f"{COMMAND}{own_name()}"):
                flow(**given, return_state=True)
    except Exception as problem:  # whatever Prefect raises, who is away or cannot keep what was done
        log.warning("the dashboard could not record this (%s: %s)", type(problem).__name__, problem)
    finally:
        _ended.reset(mark)
    if not ending:
        return dict(flow.fn(**given))
    if isinstance(ending[0], BaseException):
        raise ending[0]
    return dict(ending[0])


@contextmanager
def _speaking_to(own: Settings) -> Iterator[None]:
    """Prefect's client of this process asks this home's server, quietly and without the minute's heartbeat."""
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_SERVER_EPHEMERAL_ENABLED,
        temporary_settings,
    )

    signed_in = child_environment(own).get("PREFECT_API_AUTH_STRING")
    chosen = {
        PREFECT_API_URL: api_url(own),
        PREFECT_API_AUTH_STRING: signed_in,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        PREFECT_SERVER_EPHEMERAL_ENABLED: False,
    }
    # What Prefect tells of its doing belongs into its own log, not between the lines of a command.
    loggers = [logging.getLogger(name) for name in ("prefect", "prefect.flow_runs", "prefect.task_runs")]
    levels = [logger.level for logger in loggers]
    with temporary_settings(chosen):
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)

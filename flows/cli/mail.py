"""`gangchuang mail`: what does not go out, and what a person does about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.installation import AsJson, Year, local, opened, print_json
from models.enums import MessageState

if TYPE_CHECKING:
    from models import Message


def mail(
    season: Year,
    retry: Annotated[str, typer.Option(help="key (or a unique part of it) of a message to try again now")] = "",
    give_up: Annotated[str, typer.Option("--give-up", help="key (or part) of a message never to be sent")] = "",
    officer_name: Annotated[str, typer.Option("--by", help="the acting officer, for --retry and --give-up")] = "",
    reason: Annotated[str, typer.Option(help="why, for --retry and --give-up; kept in the history")] = "",
    as_json: AsJson = False,
) -> None:
    """List the messages that are stuck or put off; have one tried again, or give one up.

    When: whenever `status` says that messages are stuck: correct the address or the server first, then --retry.
    """
    if retry and give_up:
        raise typer.BadParameter("either --retry or --give-up, not both")
    from flows.office.facts import addressee
    from models.queries import season_in_force
    from states.maintenance.stuck_messages import give_up_message, retry_message, troubled_messages

    here = opened()
    if retry or give_up:
        with here.writing() as session:
            act = here.act_of(session, season, officer_name)
            decide, key = (retry_message, retry) if retry else (give_up_message, give_up)
            done = decide(session, season, key, act, reason=reason)
        typer.echo(f"{done.key}: {'is tried again at once' if retry else 'is given up'}; recorded.")
        return
    with here.reading() as session:
        rules = season_in_force(session, season)
        found = [(message, addressee(session, rules, message)) for message in troubled_messages(session, season)]
    if as_json:
        print_json([_told(message, whom) for message, whom in found])
        return
    for message, whom in found:
        typer.echo(
            f"{message.key}\n    {message.state.value}, to {whom}; {message.attempts} attempt(s), {_next(message)}"
        )
        typer.echo(f"    last error: {message.problem or 'none yet'}")
    stuck = sum(message.state is MessageState.STUCK for message, _ in found)
    typer.echo(f"{stuck} message(s) stuck, {len(found) - stuck} put off.")


def _told(message: Message, whom: str) -> dict[str, object]:
    shown = message.model_dump(include={"key", "state", "subject", "written_at", "attempts", "problem"})
    tried_at = None if message.state is MessageState.STUCK else datetime.fromtimestamp(message.not_before, UTC)
    return {**shown, "to": whom, "next_try_at": tried_at}


def _next(message: Message) -> str:
    if message.state is MessageState.STUCK:
        return "not tried again by itself"
    return f"next try from {local(datetime.fromtimestamp(message.not_before, UTC))}"

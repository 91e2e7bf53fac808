"""Commands for what a person decides; the dashboard's forms do the same."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from flows.cli.installation import ActingOfficer, Year, acted, print_result
from models.enums import ApprovalDecision


def approve(
    season: Year,
    digest: Annotated[str, typer.Option(help="the list's digest, as its page and mail print it; 8 characters will do")],
    officer_name: ActingOfficer,
    send_back: Annotated[bool, typer.Option("--send-back", help="do not approve: rank again")] = False,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="take the approval back, until the notice is posted; needs --reason")
    ] = False,
    strike: Annotated[str, typer.Option(help="numbers to strike, separated by commas; needs --reason")] = "",
    reason: Annotated[str, typer.Option(help="kept in the history; printed on the notice for what is struck")] = "",
) -> None:
    """Approve the proposed award list, send it back, or take an approval back.

    When: after the ranking is frozen (July), before the public notice; `status` shows that it waits.
    """
    from flows.approve_list import approve_list

    if send_back and withdraw:
        raise typer.BadParameter("either --send-back or --withdraw, not both")
    decision = ApprovalDecision.SENT_BACK if send_back else ApprovalDecision.APPROVED
    decision = ApprovalDecision.WITHDRAWN if withdraw else decision
    given = {"decision": decision, "list_digest": digest, "strike_numbers": strike, "reason": reason}
    print_result(acted(approve_list, season=season, officer_name=officer_name, **given))


class EveryDecision(TyperCommand):
    """A command whose help ends with each decision and its fields; the table is loaded for that alone."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        from flows.decisions import Decision

        typer.echo("Decisions: subject, --other, --reason")
        for decision in Decision:
            asked = decision.asked
            fields = {"": asked.subject, "--other ": asked.other, "--reason ": asked.reason}
            told = ", ".join(f"{sign}{field.title}" for sign, field in fields.items() if field is not None)
            typer.echo(f"  {decision:<24} {asked.title}: {told}")


def decide(
    decision: Annotated[str, typer.Argument(help="withdraw, reinstate, revoke, …: all of them below")],
    season: Year,
    subject: Annotated[str, typer.Argument(help="submission number, objection id, or beginning of a digest")],
    reason: Annotated[str, typer.Option(help="kept in the history")],
    officer_name: ActingOfficer,
    other: Annotated[str, typer.Option(help="what a decision asks for beside its subject: see below")] = "",
) -> None:
    """Record an officer's decision about one submission, delivery or objection.

    When: whenever a unit withdraws, a late delivery is to be admitted, an objection comes or is answered.
    """
    from flows.decide import decide as decide_flow
    from flows.decisions import Decision

    try:
        kind = Decision(decision.replace("-", "_"))
    except ValueError:
        raise typer.BadParameter(f"{decision!r} is none of: {', '.join(Decision)}") from None
    given = {"decision": kind, "subject": subject, "reason": reason, "other": other}
    print_result(acted(decide_flow, season=season, officer_name=officer_name, **given))

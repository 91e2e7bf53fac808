"""Commands about objections (异议): enter one, list them, see who objected."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.installation import ActingOfficer, AsJson, Year, acted, local, opened, print_json, print_result

app = typer.Typer(help="Objections: enter one, list them, see who objected.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(help="the objection's number, such as 20260001")]


@app.command("form")
def write_form(
    season: Year,
    reference: Annotated[
        str, typer.Argument(help="a name for the letter's folder, such as letter-1; no person's name")
    ],
    number: Annotated[str, typer.Option(help="the submission that it is about")] = "",
) -> None:
    """Make the folder of one objection's letter, with the form to fill in; evidence is put beside it.

    When: an objection has come by whatever way. Then `gangchuang objection enter`, or the dashboard's form.
    """
    from flows.home import paths
    from flows.objections import FORM, blank_form

    here = opened()
    folder = paths.objection_letters(here.settings, season) / reference
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / FORM).exists():
        (folder / FORM).write_text(blank_form(number), "utf-8")
    print(f"{folder / FORM}: fill it in, put the evidence beside it, then enter it as {reference}")


@app.command()
def enter(
    season: Year,
    officer_name: ActingOfficer,
    reference: Annotated[str, typer.Argument(help="the folder of a filled form; without one you are asked")] = "",
    evidence: Annotated[list[Path] | None, typer.Option(help="a file that came along; as often as needed")] = None,
) -> None:
    """Enter an objection as it came: from its folder, or by answering here. Who objected is encrypted at once.

    When: an objection has come. Late, anonymous and repeated ones are entered too, and declined with the reason.
    """
    from flows.decide import decide
    from flows.decisions import Decision
    from flows.objections import put_letter

    here = opened()
    if not reference:
        reference = put_letter(here.settings, season, _asked(), evidence or [])
    given = {"decision": Decision.RAISE_OBJECTION, "subject": reference, "reason": ""}
    print_result(acted(decide, season=season, officer_name=officer_name, **given))


@app.command("list")
def list_objections(season: Year, as_json: AsJson = False) -> None:
    """List a season's objections with what became of each; no names.

    When: whenever you want to know what is owed.
    """
    from states.objections.reading import objection_counts, objection_lines, owed_answers

    here = opened()
    with here.reading() as session:
        owed = {answer.objection: answer for answer in owed_answers(session, season, here.at)}
        lines, counts = objection_lines(session, season), objection_counts(session, season)
    if as_json:
        print_json(
            [{**asdict(line), "answer_due_at": getattr(owed.get(line.objection), "due_at", None)} for line in lines]
        )
        return
    for line in lines:
        answer = owed.get(line.objection)
        due = f"; answer due {local(answer.due_at)}{', OVERDUE' if answer.overdue else ''}" if answer else ""
        days = f" received {line.received_on}, answered {line.answered_on or '–'}, final {line.settled_on or '–'}"
        print(f"{line.objection} {line.number or '–'} {line.state}: {line.published_reason};{days}{due}")
    for (kind, became), count in sorted(counts.items(), key=str):
        print(f"{kind.label if kind else '–'} {became}: {count}")


@app.command()
def show(
    season: Year,
    objection: Number,
    officer_name: ActingOfficer,
    reason: Annotated[str, typer.Option(help="why you have to know; kept in the history")],
) -> None:
    """Show who objected and how they are reached. That you looked is an entry of the record.

    When: a letter is to be handed on to the objector, or they must be asked.
    """
    from models.queries import season_in_force
    from states.machine import Act
    from states.objections.process import show_objector
    from states.officers import investigator

    here = opened()
    key = here.settings.objectors_key(season)
    with here.writing() as session:
        rules = season_in_force(session, season)
        act = Act(investigator(rules, officer_name), here.at)
        objector, contact = show_objector(session, rules, objection, act, reason=reason, key=key)
    print(f"objector: {objector or '(none given)'}\ncontact: {contact or '(none given)'}")


def _asked() -> dict[str, str]:
    """The form's answers, typed: what is typed here stands on no command line."""
    from flows.objections import HEADINGS

    return {heading: typer.prompt(heading, default="", show_default=False).strip() for heading in HEADINGS}

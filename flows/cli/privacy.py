"""The command about personal data: what is held, why, until when, and what of one person."""

from typing import Annotated

import typer

from flows.cli.installation import AsJson, Year, local, opened, print_json


def privacy(
    season: Year,
    name: Annotated[
        str, typer.Option(help="a person's name: list every place in which it stands, over all seasons")
    ] = "",
    organisation: Annotated[str, typer.Option(help="only where the person belongs to this organisation")] = "",
    as_json: AsJson = False,
) -> None:
    """List what personal data a season holds, why and until when; or everything that is held of one person.

    When: when somebody asks what is held of them (个人信息保护法第四十四至四十七条), and before the yearly deletion.
    """
    from models.queries import season_in_force
    from states.history.read import is_erased
    from states.maintenance.personal_data import held_of_person, held_of_season

    here = opened()
    with here.reading() as session:
        if name:
            found = list(held_of_person(session, name, organisation))
            if as_json:
                print_json({"found": found})
                return
            for place in found:
                typer.echo(f"{place.what}: {place.key}: {place.said}")
            typer.echo(f"{len(found)} place(s) name {name}.")
            return
        rules = season_in_force(session, season)
        held, erased = held_of_season(session, rules), is_erased(session, season)
    if as_json:
        print_json({"held": held, "erased": erased, "erase_at": rules.erase_personal_data_at})
        return
    for kind in held:
        until = f"until {local(kind.until)}" if kind.until else "stays"
        typer.echo(f"{kind.what}: {kind.rows} row(s), {until}; for: {kind.purpose}")
    when = "was deleted already" if erased else f"is deleted on {local(rules.erase_personal_data_at)}"
    typer.echo(f"What has a date {when}. Backups made before hold it still: delete them too.")

"""The command about personal data: what is held, why, until when, and what of one person."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.installation import AsJson, Installation, Year, local, opened, print_json, writing_to


def privacy(
    season: Year,
    name: Annotated[
        str, typer.Option(help="a person's name: list every place in which it stands, over all seasons, files too")
    ] = "",
    organisation: Annotated[str, typer.Option(help="only where the person belongs to this organisation")] = "",
    extract: Annotated[
        Path | None, typer.Option(help="write what the person is to be handed as a page (HTML) to be printed")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what personal data a season holds, why and until when; or everything that is held of one person.

    When: when somebody asks what is held of them (个人信息保护法第四十四至四十七条), and before the yearly deletion. To
    correct a name or a contact: `decide correct_name`; to delete a person on request: `decide erase_person`.
    """
    here = opened()
    if name:
        _tell_person(here, season, name, organisation, extract, as_json)
    else:
        _tell_season(here, season, as_json)


def _tell_person(
    here: Installation, season: int, name: str, organisation: str, extract: Path | None, as_json: bool
) -> None:
    from flows.personal_data import extract_page, files_naming, unread_files
    from models.queries import season_in_force
    from states.maintenance.personal_data import held_of_person

    home = here.settings.home.absolute()
    with here.reading() as session:
        rules = season_in_force(session, season)
        found = list(held_of_person(session, name, organisation))
        unread = [
            (number, called, path.relative_to(home).as_posix())
            for number, called, path in unread_files(session, home, found)
        ]
    files = [path.relative_to(home).as_posix() for path in files_naming(home, [name])]
    if extract is not None:
        theirs = [place for place in found if place.theirs]
        with writing_to(extract):
            extract.write_bytes(extract_page(rules, name, organisation, theirs, here.at))
    if as_json:
        print_json({"found": found, "files": files, "to_look_at": [list(file) for file in unread]})
        return
    for place in found:
        until = f" (until {local(place.until)})" if place.until else ""
        typer.echo(f"{place.what}: {place.key}: {place.said}{until}")
    for file in files:
        typer.echo(f"file 文件: {file}")
    typer.echo(f"{len(found)} place(s) and {len(files)} file(s) name {name}.")
    typer.echo(
        "Not looked through: names of objectors (encrypted; `objection show`), backups, scans, PDFs and pictures."
    )
    if unread:
        typer.echo("Nobody can search a scan or a picture by words: look at these yourself (请人工查看):")
    for number, called, file in unread:
        typer.echo(f"look at 请查看: {number} {called}: {file}")
    if extract is not None:
        typer.echo(f"{extract} has what the person is to be handed; read it before you hand it over.")


def _tell_season(here: Installation, season: int, as_json: bool) -> None:
    from models.queries import season_in_force
    from states.history.read import is_erased
    from states.maintenance.backup import deletions_so_far, holds_deleted
    from states.maintenance.personal_data import held_of_season

    with here.reading() as session:
        rules = season_in_force(session, season)
        held, erased, deletions = held_of_season(session, rules), is_erased(session, season), deletions_so_far(session)
    backups = sorted((here.settings.home.absolute() / "backups").glob("*.zip"))
    outdated = [path.name for path in backups if holds_deleted(path, deletions)]
    if as_json:
        told = {"held": held, "erased": erased, "erase_at": rules.erase_personal_data_at}
        print_json({**told, "backups": [path.name for path in backups], "backups_to_delete": outdated})
        return
    for kind in held:
        until = f"until {local(kind.until)}" if kind.until else "stays"
        typer.echo(f"{kind.what}: {kind.rows} row(s), {until}; for: {kind.purpose}")
    when = "was deleted already" if erased else f"is deleted on {local(rules.erase_personal_data_at)}"
    typer.echo(f"What has a date {when}.")
    for path in backups:
        fate = "holds what was deleted since: delete it" if path.name in outdated else "goes with the first after that"
        typer.echo(f"backups/{path.name}: {fate}")
    typer.echo("Backups elsewhere and before-restore/ hold the same: delete them when its date has come.")

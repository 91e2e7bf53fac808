"""Commands that show what a season will say before it says it: the rehearsal, and single letters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config.errors import GangchuangError
from flows.cli.installation import Year, opened


class FolderInUse(GangchuangError):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"{folder} is not empty. Name another folder with --folder, or delete it.")


def rehearse(
    season: Year,
    folder: Annotated[
        Path | None,
        typer.Option(help="an empty folder for what comes of it; without it one below rehearsals/ in the home"),
    ] = None,
) -> None:
    """Play a coming season within a minute or two, and write its dates, letters, pages and workbooks with a report.

    When: in winter, after `season check` and before `season plan`; again after each change of the file, the units, the
    pool or a letter's wording. Nothing is sent and nothing of the home is changed; the folder holds experts' names and
    addresses: delete it when it was read.
    """
    from flows.rehearsal.playing import rehearse as play
    from flows.rehearsal.report import HOME, write_report

    here = opened()
    chosen = folder or here.settings.folder("rehearsals") / f"{season}-{here.at:%Y%m%d%H%M%S}"
    if chosen.is_dir() and any(chosen.iterdir()):
        raise FolderInUse(chosen)
    home = chosen.absolute() / HOME
    home.mkdir(parents=True)
    typer.echo(f"Season {season} is played in {home} …")
    found = write_report(chosen.absolute(), play(here.settings, season, home), here.at)
    for finding in found:
        typer.echo(f"{finding.weight.name:<8}{finding.about}：{finding.sentence}")
    typer.echo(f"{len(found)} finding(s); read {chosen / 'report.html'}")


def letter(
    kind: Annotated[
        str, typer.Argument(help="the letter's kind, as its template is called; a wrong one lists them all")
    ],
    season: Year,
    unit: Annotated[str, typer.Argument(help="the reporting unit's code")],
    at: Annotated[str, typer.Option(help="local time at which it would be written; without it, now")] = "",
) -> None:
    """Print one letter as it would read to a unit at an instant; nothing is kept or sent.

    When: before the call opens, and whenever the wording of a letter was changed in the home.
    """
    from config.local_time import local_instant
    from config.season import load_season
    from flows.outbox.letters import LetterKind
    from flows.outbox.previews import preview
    from models.queries import planned_seasons, season_in_force

    wanted = next((known for known in LetterKind if known.value == kind.replace("-", "_")), None)
    if wanted is None:
        raise typer.BadParameter(f"{kind!r} is none of: {', '.join(LetterKind)}")
    here = opened()
    with here.reading() as session:
        planned = season in planned_seasons(session)
        rules = season_in_force(session, season) if planned else load_season(season, here.settings.home)
        address, shown = preview(session, rules, wanted, unit, local_instant(at) if at else here.at)
    typer.echo(f"To: {address}\nSubject: {shown.subject}\n\n{shown.body}")

"""Commands about the record: is it whole, and does what was decided follow from it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.installation import AsJson, Year, opened, print_json

if TYPE_CHECKING:
    from models import Publication


_AWAY = 7  # days that a time-stamp service may be away before one asks whether the root is the one of then


def verify(
    season: Annotated[int | None, typer.Argument(help="the season's year; all when left out")] = None,
    root: Annotated[list[str] | None, typer.Option(help="a root as printed on a page or in a letter")] = None,
    letter: Annotated[list[Path] | None, typer.Option(help="a letter that brought a root, as .eml")] = None,
    as_json: AsJson = False,
) -> None:
    """Check that nothing of the record was changed; exit status 1 and the exact entry when anything was.

    When: before each publication, after a restore, whenever somebody doubts.
    """
    from sqlalchemy import select

    from flows.home.paths import TIMESTAMPS
    from models import Call
    from models.queries import call_state
    from states.audit.anchors import against_held, against_sent, read_stamps, unstamped
    from states.audit.bound import unproven
    from states.audit.verify import examine
    from states.roots import newest_publication

    here = opened()
    with here.reading() as session:
        findings, later = examine(session, season, root or ())
        findings += [*against_sent(session, season), *against_held(session, letter or ())]
        stamps, unlike = read_stamps(session, here.settings.home / TIMESTAMPS, season)
        findings += unlike
        entries = session.scalar(select(Call.sequence).limit(1)) is not None
        if season is not None and not findings:
            call_state(session, season)
        wanting = unstamped(session, stamps, season) if not findings else []
        newest = {year: newest_publication(session, year) for year in later}
        unproved = {year: unproven(session, year) for year in later}
    if as_json:
        told = {"findings": findings, "stamps": stamps, "unstamped": [made.root for made in wanting]}
        print_json({**told, "under_no_root": dict(later), "unproven": unproved})
        sys.exit(1 if findings else 0)
    for finding in findings:
        typer.echo(str(finding), err=True)
    if findings:
        typer.echo(f"{len(findings)} finding(s): the record was changed.", err=True)
        sys.exit(1)
    typer.echo("The record is whole." if entries else "The record is empty: no season is planned yet.")
    for stamp in stamps:
        trust = "" if stamp.certified else ", not judged: no timestamps/roots.pem holds a certificate to trust"
        days = (stamp.at - stamp.published_at).days
        late = f", {days} days after it was published: made anew since, or the service was away" if days > _AWAY else ""
        typer.echo(f"root {stamp.root} was there on {stamp.at:%Y-%m-%d %H:%M:%S} UTC{late}, says {stamp.by}{trust}")
    for made in wanting:
        typer.echo(f"root {made.root}, published on {made.published_at:%Y-%m-%d}, has no time stamp in timestamps/.")
    for year, publication in sorted(newest.items()):
        _tell_later(year, publication, later[year])
        if unproved[year]:
            typer.echo(
                f"{year}: an earlier version wrote part of its record, which does not prove: {'; '.join(unproved[year])}."
            )


def _tell_later(year: int, newest: "Publication | None", later: Sequence[str]) -> None:
    """What nobody outside could contradict: listed after the newest root, said in a sentence before the first."""
    if newest is None:
        typer.echo(f"{year}: no root was published yet; whoever owns the database can still rewrite the whole season.")
        return
    name = newest.kind.value if newest.ordinal == 1 else f"{newest.kind.value} {newest.ordinal}"
    typer.echo(f"{year}: newest root {newest.root} ({name}); later than it, and under no root yet: {len(later)}")
    for line in later:
        typer.echo(f"  {line}")


def recompute(
    season: Year,
    file: Annotated[
        Path | None, typer.Option(help="an exported history; without it the database is exported first")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute draw, assignment, merits, ranking, tiers and awards from the exported record alone.

    When: after the ranking, before the notice, and whenever somebody doubts it; exit status 1 and the first differences.
    """
    from models.enums import Trigger
    from models.queries import call_state
    from states.audit.export import checked_export
    from states.audit.recompute import recompute as recompute_record
    from states.history.read import read_entries

    if file is not None:
        entries = list(checked_export(file))
    else:
        here = opened()
        with here.reading() as session:
            call_state(session, season)
            entries = list(read_entries(session, season))
    differences = recompute_record(entries)
    if as_json:
        print_json({"entries": len(entries), "differences": differences})
        sys.exit(1 if differences else 0)
    for difference in differences[:10]:
        typer.echo(str(difference), err=True)
    if differences:
        typer.echo(f"{len(differences)} difference(s).", err=True)
        sys.exit(1)
    typer.echo(f"{len(entries)} entries: everything that was decided follows from the record.")
    drawn = [entry["facts"] for entry in entries if entry["trigger"] == Trigger.ASSIGN]
    if drawn and not any('"certificate":' in facts for facts in drawn):
        typer.echo(
            "No certificate of the assignment was recorded: whether the panel could be better served is not known."
        )

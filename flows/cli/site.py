"""Commands about the public pages: what is out, make it anew, put an earlier one back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.installation import ActingOfficer, AsJson, acted, local, opened, print_json, print_result

if TYPE_CHECKING:
    from flows.home.releases import Manifest

app = typer.Typer(help="The public pages, release by release.", no_args_is_help=True)


@app.command("list")
def list_releases(as_json: AsJson = False) -> None:
    """List the releases that are kept, the newest last, and which of them is out.

    When: before putting one back, and to see whether the pages follow what was decided.
    """
    from flows.home.releases import Releases
    from flows.publish.release import wants_release

    here = opened()
    releases = Releases(here.settings.home)
    behind = wants_release(here.settings, here.engine)
    if as_json:
        kept = [{"number": number, **_told(releases.manifest(number))} for number in releases.numbers()]
        print_json({"out": releases.out(), "behind": behind, "releases": kept})
        return
    for number in releases.numbers():
        manifest = releases.manifest(number)
        as_before = f"as {manifest.put_back}, put back" if manifest.put_back else ""
        at = local(datetime.fromisoformat(manifest.instant))
        out = "out" if releases.out() == number else ""
        words = (f"{number:>4}", at, f"{len(manifest.files)} files", f"root {manifest.root[:16]}…", as_before, out)
        typer.echo("  ".join(filter(None, words)))
    if behind:
        typer.echo("The pages are behind the database: the clock makes a release within a minute.")


def _told(manifest: Manifest) -> dict[str, object]:
    return {
        "at": manifest.instant,
        "files": len(manifest.files),
        "root": manifest.root,
        "put_back": manifest.put_back,
    }


@app.command()
def publish(
    afresh: Annotated[bool, typer.Option("--afresh", help="write every file once more, altered ones too")] = False,
) -> None:
    """Make a release of the present state, if anything public has changed, and put it out.

    When: after a restore or an upgrade where no clock runs, and with --afresh when the doctor names an altered page.
    """
    from flows.publish.release import publish as publish_release

    here = opened()
    made = publish_release(here.settings, here.engine, here.at, afresh=afresh)
    typer.echo(f"Release {made.number} is out." if made else "Nothing public has changed; no release was made.")


@app.command("put-back")
def put_back(
    number: Annotated[int, typer.Argument(help="the release to put back, as `site list` shows it; 0 ends that again")],
    reason: Annotated[str, typer.Option(help="kept in the history")],
    officer_name: ActingOfficer,
) -> None:
    """Put an earlier release back, on the record, until the next public change.

    When: a page came out wrong and cannot wait for its correction.
    """
    from flows.decide import decide
    from flows.decisions import Decision
    from models.queries import planned_seasons

    here = opened()
    with here.reading() as session:
        season = max(planned_seasons(session), default=here.at.year)
    given = {"decision": Decision.PUT_BACK_RELEASE, "subject": str(number), "reason": reason}
    print_result(acted(decide, season=season, officer_name=officer_name, **given))

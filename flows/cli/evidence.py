"""The command that hands somebody what they took part in and won: for the 创新争先奖, a promotion, a tender."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.installation import opened, writing_to

KINDS = ("person", "organisation", "unit")


def evidence(
    kind: Annotated[str, typer.Argument(help="person, organisation or unit")],
    name: Annotated[
        str, typer.Argument(help="the person's or organisation's name, a credit code, or the reporting unit's code")
    ],
    organisation: Annotated[
        list[str] | None,
        typer.Option(
            help="where the person works, once for each place; of an organisation that shares its name, the credit code"
        ),
    ] = None,
    with_content: Annotated[
        bool,
        typer.Option(
            help="add the forms as delivered, so that names and titles can be checked too; they name the other "
            "contributors: only for who may read them"
        ),
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(help="where the files go; without it, office/<year>/证明/ in the home")
    ] = None,
) -> None:
    """Write what one took part in over all seasons, as PDF and JSON with its proof: submitted, recommended, awarded, used.

    When: somebody applies for another award (创新争先奖) or is assessed, and asks what stands of them here. A name that
    may be several people's is refused, and the choices are listed. verify_history.py beside the JSON checks it.
    """
    from flows.home import paths
    from flows.papers.evidence import FOLDER, write_evidence
    from states.audit.evidence import About, SubjectKind
    from states.audit.evidence import evidence as made_of

    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of: {', '.join(KINDS)}")
    here = opened()
    about = About(SubjectKind(kind), name.strip(), tuple(organisation or ()))
    site_url = here.settings.site_url
    with here.reading() as session:
        made = made_of(session, about, here.at, site_url=site_url, with_content=with_content)
    chosen = folder or paths.office_folder(here.settings, made.cases[-1].season) / FOLDER
    with writing_to(chosen):
        files = write_evidence(made, chosen, site_url)
    for note in made.notes:
        typer.echo(f"- {note}")
    typer.echo(f"{len(made.cases)} submission(s): {files.pdf} (to be stamped) and {files.document}.")
    roots = " ".join(f"--root {publication['root']}" for publication in made.publications)
    typer.echo(f"Check it: python {files.checker} {files.document} {roots or '(under no root yet)'}")

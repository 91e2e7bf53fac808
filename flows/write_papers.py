"""Makes certificates, payment lists and press kits anew, by hand: a design or a font was changed, a file was lost."""

from flows.papers.putting import put_papers
from flows.run import Ending, Run
from flows.stage import perform, stage_flow


@stage_flow(name="write-papers")
def write_papers(season: int, dry_run: bool = False) -> dict[str, object]:
    """Make certificates, payment lists and press kits (制作证书、奖补发放表和宣传材料).

    Runs: by a person, once a design or a font in `templates/papers/` was changed, or something could not be made.
    Before: the results are published.
    After: what changed is made anew and lies in `office/<season>/`; units whose papers changed have them in a letter.
    No number of a certificate changes.
    Undo: put the design back and run it again.
    """
    return perform("write_papers", season, writing, dry_run=dry_run)


def writing(run: Run) -> Ending:
    """The same as after the results and after each decision."""
    put_papers(run)
    return Ending()

"""Publishes the public pages as the database has them."""

from flows.engine.tasks import PieceKind
from flows.publish.release import publish
from flows.run import Ending, Run
from flows.stage import perform, stage_flow


@stage_flow(name="publish-site")
def publish_site(season: int, afresh: bool = False, dry_run: bool = False) -> dict[str, object]:
    """Publish the pages of all seasons (更新网站).

    Runs: within a minute after whatever the public reads has changed, or by hand.
    Before: a call is out.
    After: a release of this moment is out; with `afresh` every file of it was written once more, so that nothing
    altered on the disk stays. The last five releases are kept.
    Undo: the decision put_back_release, with the number of an earlier release.
    """

    def publishing(run: Run) -> Ending:
        """Make the release, unless nothing has changed."""
        if not run.dry_run:
            made = run.piece(
                PieceKind.PAGES, str(season), lambda: publish(run.settings, run.engine, run.at, afresh=afresh)
            )
            run.tell("release", made.number if made else "unchanged")
        return Ending()

    return perform("publish_site", season, publishing, dry_run=dry_run)

"""Collects deliveries from the inbox; what was to be delivered as a correction, and was not, lapses."""

from flows.intake.deliveries import take_deliveries
from flows.intake.inbox import senders_waiting
from flows.intake.mail.taking import read_until
from flows.outbox.corrections import let_lapse
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from states.leases import forget


@stage_flow(name="collect")
def collect(season: int, dry_run: bool = False) -> dict[str, object]:
    """Collect deliveries from the inbox (收件).

    Runs: every minute while anything lies in the inbox or a correction is overdue, or by hand.
    Before: the season is planned; files lie in `inbox/<unit code>/`, `inbox/<expert id>/` or `inbox/office/`.
    After: each file is taken once by content, its good rows are in, its sender has a receipt,
    and the file lies in `taken/`; what was not corrected in time has lapsed, and its unit knows.
    Undo: none; a wrong row is corrected by a later delivery, or taken back by `gangchuang decide withdraw`.
    """
    return perform("collect", season, collecting, dry_run=dry_run)


def collecting(run: Run) -> Ending:
    """Take every file that lies whole in the inbox, the oldest first; what was not corrected in time lapses."""
    take_deliveries(run)
    with run.step() as session:
        # What still lies in a unit's inbox, or unread in the mailbox, may be its answer, and may have come in time.
        let_lapse(session, run, sparing=senders_waiting(run.settings), due_before=read_until(session, run))
    with run.step() as session:
        # Whoever delivers next need not wait until the clock's lease on the start runs out.
        forget(session, f"start/{run.year}/collect")
    return Ending()

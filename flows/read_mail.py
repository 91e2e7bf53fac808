"""Reads the mailbox that sends the letters: replies with workbooks are deliveries, the others are answered or noted."""

from config.milestones import Chore
from flows.intake.mail.taking import read_mailbox
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from states.leases import forget


@stage_flow(name="read-mail")
def read_mail(season: int, dry_run: bool = False) -> dict[str, object]:
    """Read the mailbox (收取邮件).

    Runs: whenever mail has come or a held one was let in, or by hand.
    Before: `GANGCHUANG_IMAP_URL` names the mailbox to which people answer.
    After: each mail is dealt with once: its workbooks are taken as of the time at which the server got it, or it is
    held for a person, or its sender knows what to do; letters that came back mark their addresses.
    Undo: none; the mailbox itself is left as it is.
    """
    return perform("read_mail", season, reading_mail, dry_run=dry_run)


def reading_mail(run: Run) -> Ending:
    """Deal with every mail that was not."""
    read_mailbox(run)
    if not run.failures and not run.resting:
        with run.step() as session:
            # Whoever writes next need not wait until the clock's lease on the start runs out.
            forget(session, f"start/{run.year}/{Chore.READ_MAIL}")
    return Ending()

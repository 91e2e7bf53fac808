"""The clock: looks when something may be due, and starts the deployment for it. It decides nothing.

What is due, the database and `states.rules.calendar.timetable.due` say; when to look, APScheduler; who
may look, a lease; once, a lease on the start and Prefect's idempotency key; the doing is
Prefect's. Two clocks running by mistake do no harm.
"""

import importlib
import logging
import signal
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from config.errors import GangchuangError
from config.local_time import ZONE, local_day
from config.milestones import Chore, Milestone
from config.settings import Settings, settings
from flows.engine.hung_runs import end_hung_runs
from flows.engine.upcoming import Upcoming, call_of
from flows.home.releases import Releases
from flows.intake.inbox import files_of_season, files_to_take
from flows.objections import anything_to_tend
from flows.office.summary import summary
from flows.office.watch import everything_wrong
from flows.outbox.letters import LetterKind
from flows.outbox.messages import write_letter
from flows.publish.release import wants_release
from flows.publish.timestamps import stamps_due
from models import Alert
from models.database import reading, writing
from models.enums import CallState
from models.queries import call_state, messages_due, milestone_rows, planned_seasons, season_in_force
from states.alerts import keep_told, to_tell
from states.audit.verify import examine
from states.failures import VERIFICATION, keep_failures, pause_after, resting
from states.final_round.approval import waits_for_approval
from states.guard_facts import dated
from states.history.read import season_of_subject
from states.incoming_mail import admitted_mails, looked_at
from states.leases import LeaseTaken, forget, is_live, take
from states.machine import CLOCK, Act
from states.rules.calendar.timetable import Dated, Due, due, next_dates
from states.standstill import believe
from states.submissions.corrections import overdue_corrections
from states.timeline import attempts_of, count_attempt, skip_milestone
from states.troubles import Trouble

log = logging.getLogger("gangchuang.clock")

Start = Callable[[str, dict[str, Any], str], str]
_NIGHT = range(2, 5)
_A_DAY = 20 * 3600.0
_FINDINGS_TOLD = 5


class Timekeeper:
    """Keeps one home's timetable. `start` takes a stage's name, its parameters and an idempotency key.

    `heard` says of the server and of the worker whether they gave a sign of life, `restore` brings back what was
    deleted there, `follow` has the dashboard show the seasons' dates to come, `show` has it say where they stand,
    `mailbox` tells a word that changes whenever mail has come, `offer` has the forms offer what there is to choose from.
    """

    def __init__(
        self,
        own: Settings,
        engine: Engine,
        start: Start,
        *,
        heard: Mapping[str, Callable[[], bool]] = MappingProxyType({}),
        restore: Callable[[], object] = list,
        follow: Callable[[Mapping[int, list[Dated]], datetime], None] | None = None,
        mailbox: Callable[[], str] | None = None,
        offer: Callable[[], object] = list,
        show: Callable[[str], None] | None = None,
    ) -> None:
        self.settings, self.engine, self.start = own, engine, start
        self.heard, self.restore, self.follow, self.mailbox = heard, restore, follow, mailbox
        self.offer, self.show = offer, show
        self.newest_mail = ""
        self.owner = uuid.uuid4().hex
        self.scheduler = BackgroundScheduler(
            timezone=ZONE, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )

    @property
    def _tending_seconds(self) -> float:
        """How often the dashboard is looked after; nobody reads it faster."""
        return max(self.settings.sweep_seconds, 3.0)

    def run(self, stopped: threading.Event) -> None:
        """Tend the timetable until told to stop."""
        self.scheduler.add_job(self.sweep, "interval", seconds=self.settings.sweep_seconds, id="sweep")
        if self.mailbox is not None:
            # In a thread of its own: a mail server that keeps silent holds nothing up.
            self.scheduler.add_job(self.ask_mailbox, "interval", seconds=self.settings.sweep_seconds, id="mailbox")
        self.scheduler.start()
        self.sweep()
        self.tend_dashboard()
        # A server that keeps silent holds no date up.
        self.scheduler.add_job(self.tend_dashboard, "interval", seconds=self._tending_seconds, id="dashboard")
        stopped.wait()
        self.scheduler.shutdown(wait=True)

    def sweep(self) -> None:
        """Rebuild the triggers from the database and catch what moved or was missed."""
        with _survived("hung runs"):
            end_hung_runs(self.engine, self.settings.lease_seconds)
        with _survived("sweep"):
            if not self._may_look():
                return
            with reading(self.engine) as session:
                states = {year: call_state(session, year) for year in planned_seasons(session)}
            with _survived("the public pages"):
                self._publish(states)
            with _survived("verification"):
                self._begin_verification()
            for year, state in states.items():
                with _survived(f"season {year}"):
                    # A closed season still has personal data to delete, and letters to send.
                    self._set_triggers(year)
                    self.look(year)
                    self._housekeeping(year, closed=state is CallState.CLOSED)
                    self._alert(year)

    def tend_dashboard(self) -> None:
        """What is deployed, what the forms offer, the dates ahead and the summary stand there as the database has them."""
        with _survived("dashboard"):
            if not (self._may_look() and self._note_signs_of_life()):
                return
            with _survived("deployments"):
                self.restore()
            with _survived("forms"):
                self.offer()
            with _survived("the dates ahead"):
                self._show_ahead()
            with _survived("the summary"):
                self._show_standing()

    def ask_mailbox(self) -> None:
        """Ask whether mail has come; what is wrong with the mailbox, the stage that reads it says and keeps."""
        if self.mailbox is not None:
            try:
                self.newest_mail = self.mailbox()
            except GangchuangError as problem:
                log.warning("%s", problem)
                self.newest_mail = "away"

    def look(self, year: int) -> list[str]:
        """Start what is due in one season at this moment. Returns the keys of what was started or skipped.

        Raises InstantImplausible.
        """
        at = self.settings.clock.now()
        with reading(self.engine) as session:
            believe(session, year, at, self.settings.believed_until)
            rows = milestone_rows(session, year)
            waiting = {Milestone.OPEN_PUBLIC_NOTICE} if waits_for_approval(session, year) else set()
        touched = []
        for due_date in due(dated(rows), at, waiting=waiting):
            if self._skip(year, due_date) if due_date.skip else self._start(year, due_date):
                touched.append(due_date.key)
        return touched

    def _may_look(self) -> bool:
        try:
            with writing(self.engine) as session:
                take(session, "clock", owner=self.owner, seconds=max(3 * self.settings.sweep_seconds, 5.0))
        except LeaseTaken:
            return False
        return True

    def _note_signs_of_life(self) -> bool:
        """Keep a lease in the name of whoever is heard: `status` reads the others' silence from the database.

        Returns whether the server answers. Of one that does not nothing is asked, a worker's life either: each
        question would hold the clock up for seconds.
        """
        for name, is_heard in self.heard.items():
            heard = False
            with _survived(name):
                heard = is_heard()
                if heard:
                    with writing(self.engine) as session:
                        take(session, name, owner=CLOCK.name, seconds=2.5 * self._tending_seconds)
            if name == "server" and not heard:
                return False
        return True

    def _show_ahead(self) -> None:
        """A stepped clock's dates have no time by which the dashboard could show them."""
        if self.follow is None or self.settings.clock.stepped:
            return
        with reading(self.engine) as session:
            seasons = {year: dated(milestone_rows(session, year)) for year in planned_seasons(session)}
        self.follow(seasons, self.settings.clock.now())

    def _show_standing(self) -> None:
        if self.show is not None:
            with reading(self.engine) as session:
                text = summary(session, self.settings, self.settings.clock.now())
            self.show(text)

    def _set_triggers(self, year: int) -> None:
        with reading(self.engine) as session:
            rows = milestone_rows(session, year)
        wanted = {}
        for date in next_dates(dated(rows), self.settings.clock.now()):
            moment = self.settings.clock.wall_time_of(date.due_at)
            if moment is not None:
                wanted[f"{year}/{date.milestone}/{date.ordinal}/{date.unit}"] = moment
        for job in self.scheduler.get_jobs():
            if job.id.startswith(f"{year}/") and job.id not in wanted:
                job.remove()
        for key, moment in wanted.items():
            self.scheduler.add_job(self.look, DateTrigger(moment), args=(year,), id=key, replace_existing=True)

    def _start(self, year: int, due_date: Due) -> bool:
        stage, parameters = call_of(due_date.dated)
        with writing(self.engine) as session:
            if is_live(session, f"stage/{year}/{due_date.dated.milestone.value}"):
                return False
            pause = pause_after(attempts_of(session, year, due_date.dated), self.settings.lease_seconds)
            if not self._lease_start(session, f"start/{year}/{due_date.key}", pause):
                return False
            attempt = count_attempt(session, year, due_date.dated)
        return self._hand_over(
            year, stage, parameters, f"{year}/{due_date.key}/{attempt}", f"start/{year}/{due_date.key}"
        )

    def _housekeeping(self, year: int, *, closed: bool) -> None:
        """Deliveries to take, corrections to lapse, objections to tend, messages to send, if any.

        A closed season still has objections and letters.
        """
        with reading(self.engine) as session:
            messages = messages_due(session, year)
            overdue = overdue_corrections(session, year, self.settings.clock.now())
            files = [] if closed else files_to_take(session, year, files_of_season(session, year, self.settings))
            mail = not closed and self._mail_waits(session, year, bool(overdue))
            season = season_in_force(session, year)
            unstamped = stamps_due(session, self.settings, season)
            objections = anything_to_tend(session, season, self.settings.clock.now())
        if messages or unstamped:
            self._keep_house(year, Chore.DELIVER_MESSAGES, self.settings.mail_seconds)
        if mail:
            self._keep_house(year, Chore.READ_MAIL, self.settings.lease_seconds)
        if objections:
            self._keep_house(year, Chore.TEND_OBJECTIONS, self.settings.lease_seconds)
        if not closed and (overdue or files):
            self._keep_house(year, Chore.COLLECT, self.settings.lease_seconds)

    def _publish(self, years: Iterable[int]) -> None:
        """What the public reads has changed, and whoever changed it has not put it out: died, or was refused by the disk."""
        if not Releases(self.settings.home).is_locked() and wants_release(self.settings, self.engine):
            self._keep_house(max(years), Chore.PUBLISH_SITE, self.settings.lease_seconds)

    def _mail_waits(self, session: Session, year: int, overdue: bool) -> bool:
        """Mail has come, was let in, or may hold what is overdue."""
        if not self.newest_mail:
            return False
        look = looked_at(session, year)
        news = look is None or look.newest != self.newest_mail or bool(admitted_mails(session, year))
        return news or overdue

    def _keep_house(self, year: int, stage: Chore, seconds: float) -> None:
        lease = f"start/{year}/{stage}"
        with writing(self.engine) as session:
            if "" in resting(session, year, stage):
                return
            free = not is_live(session, f"stage/{year}/{stage}")
            if not (free and self._lease_start(session, lease, seconds)):
                return
        when = self.settings.clock.now().astimezone(ZONE)
        self._hand_over(year, stage, {}, f"{year}/{stage}/{when:%m-%dT%H:%M}/{uuid.uuid4().hex[:12]}", lease)

    def _alert(self, year: int) -> None:
        """A letter to the office a cause and day while something is wrong, and one when it is over."""
        at = self.settings.clock.now()
        with reading(self.engine) as session:
            found = everything_wrong(session, self.settings, at, [year])
            if to_tell(session, year, found, at) == ([], []):
                return
        with writing(self.engine) as session:
            new, over = to_tell(session, year, found, at)
            for trouble in new:
                said = {"trouble": trouble.kind, "said": trouble.said}
                self._write(session, year, at, LetterKind.ALERT, f"{_cause(trouble)}/{local_day(at)}", **said)
            for alert in over:
                ended = {"trouble": alert.kind, "subject": alert.subject, "since": alert.since}
                self._write(session, year, at, LetterKind.ALERT_OVER, f"{_cause(alert)}/{local_day(at)}", **ended)
            keep_told(session, year, new, over, at)

    def _write(self, session: Session, year: int, at: datetime, kind: LetterKind, key: str, **said: Any) -> None:
        season = season_in_force(session, year)
        to = season.office.mail
        write_letter(session, season, self.settings, at, kind, key=f"office/{key}", to=to, **said)

    def _begin_verification(self) -> None:
        """Once a night the whole record is verified, beside the sweeps; a stepped clock has no nights."""
        own = self.settings
        if own.clock.stepped or own.clock.now().astimezone(ZONE).hour not in _NIGHT:
            return
        with writing(self.engine) as session:
            if not self._lease_start(session, "verification", _A_DAY):
                return
        self.scheduler.add_job(self.verify, id="verification", replace_existing=True)

    def verify(self) -> None:
        """Verify every season's record; what was changed is kept as that season's failure until it holds again."""
        with reading(self.engine) as session:
            findings = examine(session, None, ())[0]
            years = planned_seasons(session)
        for year in years:
            found = [str(finding) for finding in findings if season_of_subject(finding.subject) in (year, None)]
            problems = {"": "\n".join(found[:_FINDINGS_TOLD])} if found else {}
            with writing(self.engine) as session:
                at = self.settings.clock.now()
                keep_failures(session, year, VERIFICATION, problems, at=at, seconds=self.settings.lease_seconds)

    def _lease_start(self, session: Session, name: str, seconds: float) -> bool:
        """One start at a time: a lease whose run never began runs out, and the next attempt begins."""
        try:
            take(session, name, owner=uuid.uuid4().hex, seconds=seconds)
        except LeaseTaken:
            return False
        return True

    def _hand_over(self, year: int, stage: str, parameters: dict[str, Any], key: str, lease: str) -> bool:
        try:
            run = self.start(stage, {"season": year, **parameters}, key)
        except Exception as problem:  # whatever Prefect raises: it is away, and the next sweep tries again
            log.warning("%s could not be started (%s); the next sweep tries again", key, problem)
            with writing(self.engine) as session:
                forget(session, lease)
            return False
        log.info("started %s as flow run %s", key, run)
        return True

    def _skip(self, year: int, due_date: Due) -> bool:
        at = self.settings.clock.now()
        with writing(self.engine) as session:
            due_at = skip_milestone(session, year, due_date.dated, Act(CLOCK, at))
            if due_at is None:
                return False
            keep_failures(session, year, due_date.dated.milestone, {}, at=at, seconds=self.settings.lease_seconds)
            reason = f"预定{due_at.astimezone(ZONE):%Y年%m月%d日%H:%M}，当日已过，或者它所提醒的截止已经执行"
            said = {"milestone": due_date.dated.milestone, "reason": reason}
            self._write(session, year, at, LetterKind.MILESTONE_SKIPPED, due_date.key, **said)
        return True


def _cause(one: Trouble | Alert) -> str:
    """Names a cause in the keys of its letters."""
    return sha256(f"{one.kind}/{one.subject}".encode()).hexdigest()[:16]


@contextmanager
def _survived(what: str) -> Iterator[None]:
    try:
        yield
    except GangchuangError as problem:
        log.error("%s: %s", what, problem)
    except Exception:  # a clock that dies of one bad look would stop the year
        log.exception("%s: the look failed; the next sweep tries again", what)


def main() -> None:
    """Run the clock until SIGTERM or SIGINT (`python -m flows.clock`)."""
    from flows.engine.choices import ChoicesFollower, filling
    from flows.engine.deployments import refresh, register, restoring, worker_polls
    from flows.engine.environment import form_modules, server_answers
    from flows.engine.overview import Overview
    from flows.engine.reconcile import ensure_zombie_automation, settling
    from flows.intake.mail.server import open_mailbox
    from flows.stage import open_database

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    own, stopped = settings(), threading.Event()
    own.folder()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    database = open_database(own.database)
    upcoming, forms, overview = Upcoming(), ChoicesFollower(database, refresh), Overview()

    def register_all() -> list[str]:
        modules = map(importlib.import_module, form_modules(own).split())
        ensure_zombie_automation()
        return register([form for module in modules for form in module.FORMS], filling(database))

    lost, settle = restoring(register_all), settling()

    def restore() -> None:
        if lost():
            upcoming.forget()
            forms.forget()
            overview.forget()
        settle()

    def mailbox() -> str:
        with open_mailbox(own) as box:
            return box.newest

    heard = {"server": partial(server_answers, own), "worker": worker_polls()}
    given: dict[str, Any] = {"mailbox": mailbox} if own.imap_url.get_secret_value() else {}
    given |= {"heard": heard, "restore": restore, "follow": upcoming.follow, "show": overview.show}
    Timekeeper(own, database, upcoming.start, **given, offer=forms.look).run(stopped)


if __name__ == "__main__":
    main()

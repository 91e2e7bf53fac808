"""Those who decide: through the deployments' forms, as in the dashboard; and the command line."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from config.errors import GangchuangError
from config.local_time import ZONE
from config.settings import Settings
from flows.demo.clerks import Clerks
from flows.demo.script import Act, Deed
from flows.demo.world import World
from flows.engine.environment import child_environment
from models.enums import Outcome, Trigger


class CommandFailed(GangchuangError):
    def __init__(self, words: tuple[str, ...], answer: str) -> None:
        self.words = words
        super().__init__(f"gangchuang {' '.join(words)} failed: {answer.strip() or 'no answer'}")


class NothingToDecide(GangchuangError):
    """The subject of a decision never came into being."""

    def __init__(self, act: Act) -> None:
        self.act = act
        super().__init__(f"{act.deed} {act.subject}: there is nothing to decide about; the season took another way")


def command(own: Settings, *words: str) -> str:
    """Run one command of ours in this installation. Returns what it printed; raises CommandFailed."""
    program = "from flows.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=child_environment(own),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(words, done.stderr or done.stdout)
    return done.stdout


class Officers:
    """The office's accounts, and whoever writes to the office: units that withdraw, citizens who object."""

    def __init__(self, world: World, clerks: Clerks) -> None:
        self.world, self.clerks = world, clerks
        self._traces: dict[Deed, Callable[[Act], bool]] = {
            Deed.MOVE_DATE: lambda act: world.was_moved(act.details["milestone"], act.subject),
            Deed.ADMIT_LATE: lambda act: world.was_admitted(act.subject),
            Deed.SETTLE_DUPLICATE: lambda act: world.was_settled(
                self._number(act), self._number(act, act.details["other"])
            ),
            Deed.WITHDRAW: lambda act: world.was_noted(self._number(act), Trigger.ARCHIVE, outcome=Outcome.WITHDRAWN),
            Deed.REINSTATE: lambda act: world.was_noted(self._number(act), Trigger.REINSTATE),
            Deed.REVOKE: lambda act: world.was_noted(self._number(act), Trigger.REVOKE),
            Deed.ASK_CORRECTION: lambda act: world.was_asked_to_correct(self._number(act)),
            Deed.REPLACE_EXPERT: lambda _: world.was_replaced(clerks.silent_expert()),
            Deed.APPROVE: lambda _: world.was_approved(),
            Deed.OBJECT: lambda act: bool(world.objection_to(self._number(act))),
            Deed.ANSWER_OBJECTION: lambda act: world.was_answered(self._number(act)),
        }

    def has_done(self, act: Act) -> bool:
        """Whether the domain database shows that a decision was taken. Raises NothingToDecide."""
        return self._traces[act.deed](act)

    def decide(self, act: Act, *, attempt: int) -> str:
        """Have a decision carried out by its deployment; returns the flow run's id. Raises NothingToDecide."""
        from flows.engine.deployments import start

        forms = {Deed.APPROVE: self._approval, Deed.MOVE_DATE: self._move}
        stage, parameters = forms.get(act.deed, self._decision)(act)
        return start(stage, {"season": self.world.year, **parameters}, f"demo/{self.world.year}/{act.key}/{attempt}")

    def _move(self, act: Act) -> tuple[str, dict[str, Any]]:
        return act.deed.value, {
            "officer_name": act.officer,
            "milestone": act.details["milestone"],
            "to": f"{act.details['to'].astimezone(ZONE):%Y-%m-%dT%H:%M}",
            "reason": act.reason,
            "unit": act.subject,
        }

    def _approval(self, act: Act) -> tuple[str, dict[str, Any]]:
        return "approve_list", {
            "officer_name": act.officer,
            "decision": "approved",
            "list_digest": self.world.list_digest(),
            "strike_numbers": self._number(act, act.details["struck"]),
            "reason": act.reason,
        }

    def _decision(self, act: Act) -> tuple[str, dict[str, Any]]:
        decision, subject, other = self._words(act)
        # What comes by letter is entered by an officer on duty.
        officer = act.officer or self.world.season.office.officers[0]
        return "decide", {
            "officer_name": officer,
            "decision": decision,
            "subject": subject,
            "other": other,
            "reason": act.reason,
        }

    def _words(self, act: Act) -> tuple[str, str, str]:
        """Decision, subject and other, as the form wants them."""
        from flows.office_decisions import Decision

        if act.deed is Deed.ADMIT_LATE:
            return act.deed.value, self.world.latest_refused(act.subject), ""
        if act.deed is Deed.REPLACE_EXPERT:
            return "replace_expert", self.clerks.silent_expert(), ""
        number = self._number(act)
        if act.deed is Deed.SETTLE_DUPLICATE:
            decision = "same_achievement" if act.details["same"] else "distinct_achievements"
            return decision, number, self._number(act, act.details["other"])
        if act.deed is Deed.OBJECT:
            return Decision.RAISE_OBJECTION.value, number, act.details["objector"]
        if act.deed is Deed.ANSWER_OBJECTION:
            decision = "uphold_objection" if act.details["upheld"] else "dismiss_objection"
            return decision, self.world.objection_to(number), ""
        return act.deed.value, number, ""

    def _number(self, act: Act, key: str = "") -> str:
        number = self.world.numbers().get(key or act.subject)
        if number is None:
            raise NothingToDecide(act)
        return number

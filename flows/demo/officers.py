"""Those who decide: through the deployments' forms, as in the dashboard; and the command line."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from config.errors import GangchuangError
from config.local_time import ZONE, local_day
from config.settings import Settings
from flows.demo.clerks import Clerks
from flows.demo.script import Deed, Scene
from flows.demo.world import World
from flows.engine.environment import child_environment
from models.enums import Outcome, Trigger

Start = Callable[[str, dict[str, Any], str], str]


class CommandFailed(GangchuangError):
    def __init__(self, words: tuple[str, ...], answer: str) -> None:
        self.words = words
        super().__init__(f"gangchuang {' '.join(words)} failed: {answer.strip() or 'no answer'}")


class NothingToDecide(GangchuangError):
    """The subject of a decision never came into being."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        super().__init__(f"{scene.deed} {scene.subject}: there is nothing to decide about; the season took another way")


def start(stage: str, parameters: dict[str, Any], key: str) -> str:
    """Have a stage's deployment start it; returns the flow run's id."""
    from flows.engine.deployments import start as start_deployment

    return start_deployment(stage, parameters, key)


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

    def __init__(self, world: World, clerks: Clerks, start: Start = start) -> None:
        self.world, self.clerks, self.start = world, clerks, start
        self._traces: dict[Deed, Callable[[Scene], bool]] = {
            Deed.MOVE_DATE: lambda scene: world.was_moved(scene.details["milestone"], scene.subject),
            Deed.ADMIT_LATE: lambda scene: world.was_admitted(scene.subject),
            Deed.SETTLE_DUPLICATE: lambda scene: world.was_settled(
                self._number(scene), self._number(scene, scene.details["other"])
            ),
            Deed.WITHDRAW: lambda scene: world.was_noted(
                self._number(scene), Trigger.ARCHIVE, outcome=Outcome.WITHDRAWN
            ),
            Deed.REINSTATE: lambda scene: world.was_noted(self._number(scene), Trigger.REINSTATE),
            Deed.REVOKE: lambda scene: world.was_noted(self._number(scene), Trigger.REVOKE),
            Deed.WITHDRAW_CONSENT: lambda scene: world.was_noted(self._number(scene), Trigger.WITHDRAW_CONSENT),
            Deed.WITHHOLD_PRACTICE: lambda scene: world.was_withheld(_report_of(scene)),
            Deed.ASK_CORRECTION: lambda scene: world.was_asked_to_correct(self._number(scene)),
            Deed.REPLACE_EXPERT: lambda _: world.was_replaced(clerks.silent_expert()),
            Deed.APPROVE: lambda _: world.was_approved(),
            Deed.OBJECT: lambda scene: bool(world.objection_to(self._number(scene))),
            Deed.ACCEPT_OBJECTION: lambda scene: world.was_noted(self._number(scene), Trigger.ACCEPT_OBJECTION),
            Deed.INVESTIGATE_OBJECTION: lambda scene: world.was_noted(
                self._number(scene), Trigger.INVESTIGATE_OBJECTION
            ),
            Deed.ANSWER_OBJECTION: lambda scene: world.was_answered(
                self._number(scene), times=scene.details.get("ordinal", 1)
            ),
            Deed.RECONSIDER: lambda scene: world.was_noted(self._number(scene), Trigger.RECONSIDER_OBJECTION),
            Deed.CORRECT_NAME: lambda scene: world.was_noted(self._number(scene), Trigger.VOID_CERTIFICATES),
        }

    def has_done(self, scene: Scene) -> bool:
        """Whether the domain database shows that a decision was taken. Raises NothingToDecide."""
        return self._traces[scene.deed](scene)

    def decide(self, scene: Scene, *, attempt: int) -> str:
        """Have a decision carried out by its deployment; returns the flow run's id. Raises NothingToDecide."""
        forms = {Deed.APPROVE: self._approval, Deed.MOVE_DATE: self._move}
        stage, parameters = forms.get(scene.deed, self._decision)(scene)
        return self.start(
            stage, {"season": self.world.year, **parameters}, f"demo/{self.world.year}/{scene.key}/{attempt}"
        )

    def _move(self, scene: Scene) -> tuple[str, dict[str, Any]]:
        return scene.deed.value, {
            "officer_name": scene.officer,
            "milestone": scene.details["milestone"],
            "to": f"{scene.details['to'].astimezone(ZONE):%Y-%m-%dT%H:%M}",
            "reason": scene.reason,
            "unit": scene.subject,
        }

    def _approval(self, scene: Scene) -> tuple[str, dict[str, Any]]:
        return "approve_list", {
            "officer_name": scene.officer,
            "list_digest": self.world.list_digest(),
            "strike_numbers": self._number(scene, scene.details["struck"]),
            "reason": scene.reason,
        }

    def _decision(self, scene: Scene) -> tuple[str, dict[str, Any]]:
        decision, subject, other = self._words(scene)
        # What comes by letter is entered by an officer on duty.
        officer = scene.officer or self.world.season.office.officers[0]
        return decision, {
            "officer_name": officer,
            "subject": subject,
            "other": other,
            # What a letter says lies in its folder: it may name people, and a run's parameters stay.
            "reason": "" if scene.deed is Deed.OBJECT else scene.reason,
        }

    def _words(self, scene: Scene) -> tuple[str, str, str]:
        """Decision, subject and other, as the form wants them."""
        from flows.decisions import ABSENT, Decision

        if scene.deed is Deed.ADMIT_LATE:
            return scene.deed.value, self.world.latest_refused(scene.subject), ""
        if scene.deed is Deed.REPLACE_EXPERT:
            return Decision.REPLACE_EXPERT.value, self.clerks.silent_expert(), ABSENT
        if scene.deed is Deed.WITHHOLD_PRACTICE:
            return scene.deed.value, _report_of(scene), ""
        number = self._number(scene)
        if scene.deed is Deed.SETTLE_DUPLICATE:
            decision = "same_achievement" if scene.details["same"] else "distinct_achievements"
            return decision, number, self._number(scene, scene.details["other"])
        if scene.deed is Deed.OBJECT:
            return Decision.RAISE_OBJECTION.value, self._letter(scene, number), ""
        if scene.deed is Deed.ACCEPT_OBJECTION:
            return scene.deed.value, self.world.objection_to(number), ""
        if scene.deed in (Deed.INVESTIGATE_OBJECTION, Deed.RECONSIDER):
            return scene.deed.value, self.world.objection_to(number), scene.details["investigator"]
        if scene.deed is Deed.ANSWER_OBJECTION:
            decision = "uphold_objection" if scene.details["upheld"] else "dismiss_objection"
            other = self.world.other_tier(number) if scene.details.get("another_tier") else ""
            return decision, self.world.objection_to(number), other
        if scene.deed is Deed.CORRECT_NAME:
            return scene.deed.value, f"{number} 完成人{scene.details['place']}", scene.details["right"]
        return scene.deed.value, number, scene.details.get("other", "")

    def _letter(self, scene: Scene, number: str) -> str:
        """The letter's folder, as the officer makes it: form and evidence."""
        from flows.objections import HEADINGS, put_letter

        told = scene.details
        received = local_day(scene.at).isoformat()
        given = (number, told["kind"], "邮寄", received, told["objector"], told["contact"], scene.reason)
        own, year = self.world.settings, self.world.year
        return put_letter(own, year, dict(zip(HEADINGS, given, strict=True)), reference=f"letter-{number}")

    def _number(self, scene: Scene, key: str = "") -> str:
        number = self.world.numbers().get(key or scene.subject)
        if number is None:
            raise NothingToDecide(scene)
        return number


def _report_of(scene: Scene) -> str:
    """The number of the first report of good practice of the scene's unit: it is collected in the season's own year."""
    return f"{scene.at.year}-{scene.subject}-P01"

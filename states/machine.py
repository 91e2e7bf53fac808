"""How a state machine is declared and asked: one line an edge, guards as small pure functions.

The table is the document. `transitions` turns it into a machine whose conditions are the guards;
its walk is the one judgement, for a subject and for every group of a round.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from transitions import EventData, Machine, MachineError

from config.errors import GangchuangError
from models.enums import Role, Trigger


class AskedCase(Protocol):
    """What every case tells: where its subject stands and in which role somebody asks."""

    @property
    def state(self) -> StrEnum | None: ...
    @property
    def role(self) -> Role: ...


CaseT = TypeVar("CaseT", bound=AskedCase)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a role and the account, unit code or stage that acts in it."""

    role: Role
    name: str

    def __str__(self) -> str:
        return f"{self.role.value}:{self.name}"


@dataclass(frozen=True, slots=True)
class Act:
    """What every entry of one step shares: who acts, when, and in which run."""

    actor: Actor
    at: datetime
    flow_run: str = ""

    def by(self, actor: Actor) -> "Act":
        """The same act in another's name."""
        return replace(self, actor=actor)


# Acts where nothing but a day that has passed decides, whichever stage finds that it has.
CLOCK = Actor(Role.SYSTEM, "clock")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an edge may not be taken: a code, a sentence for operators, one for the people concerned.

    `about`: the field of the form that it is about, where it is one. `further`: what else speaks against it.
    """

    code: str
    english: str
    chinese: str
    about: str = ""
    further: tuple["Refusal", ...] = ()

    @property
    def each(self) -> tuple["Refusal", ...]:
        """Every reason by itself, this one first."""
        return (replace(self, further=()), *self.further)


def together(*found: Refusal | None) -> Refusal | None:
    """Everything that speaks against something as one refusal, so that it is told in one round; None for nothing."""
    told = list(dict.fromkeys(reason for refusal in found if refusal is not None for reason in refusal.each))
    return replace(told[0], further=tuple(told[1:])) if told else None


Guard = Callable[[CaseT], Refusal | None]


@dataclass(frozen=True, slots=True)
class Edge(Generic[CaseT]):
    """One edge. `when` chooses between edges of one trigger from one state; guards may refuse it."""

    trigger: Trigger
    source: StrEnum | None
    target: StrEnum
    by: tuple[Role, ...]
    guards: tuple[Guard[CaseT], ...] = ()
    when: Callable[[CaseT], bool] = lambda case: True

    def theirs(self, case: CaseT) -> Refusal | None:
        """The guard that every edge has: whether the role may."""
        return None if case.role in self.by else not_theirs(case.role, self.by)


class TransitionRefused(GangchuangError):
    """A transition that may not happen: names the subject, the trigger, the state and the reason."""

    def __init__(self, subject: str, trigger: Trigger, state: str, refusal: Refusal) -> None:
        self.subject, self.trigger, self.state, self.refusal = subject, trigger, state, refusal
        self.chinese = f"{subject}：{refusal.chinese}。没有任何改动。"
        super().__init__(f"{subject}: {trigger} is refused in state {state or 'none'}: {refusal.english}")


class TransitionTable(Generic[CaseT]):
    """A machine's edges, and the machine that `transitions` builds from them: it alone judges."""

    def __init__(self, name: str, states: type[StrEnum], edges: Sequence[Edge[CaseT]]) -> None:
        self.name, self.states, self.edges = name, states, tuple(edges)
        self.triggers = tuple(dict.fromkeys(edge.trigger for edge in edges))
        self.machine = Machine(
            model=None,
            states=[_NOWHERE, *(state.value for state in states)],
            initial=None,
            auto_transitions=False,
            send_event=True,
        )
        for edge in edges:
            conditions: list[Any] = [_chosen(edge), *map(_asked, (edge.theirs, *edge.guards))]
            source = edge.source.value if edge.source else _NOWHERE
            self.machine.add_transition(str(edge.trigger), source, edge.target.value, conditions=conditions)

    def judge(self, trigger: Trigger, case: CaseT) -> StrEnum | Refusal:
        """The state to which the machine walks from the case's, or why it may not.

        Of many subjects with equal facts one walks: nothing is kept of the walk, and the case is left as it is.
        """
        walker, refusals = _Walker(case.state.value if case.state else _NOWHERE), list[Refusal]()
        event = self.machine.events.get(trigger)
        # A state that the trigger does not leave is an exception of the library's; conditions that fail are none.
        with suppress(MachineError):
            if event is not None and event.trigger(walker, case=case, refusals=refusals):
                return self.states(walker.state)
        return refusals[0] if refusals else self._illegal(trigger, case.state)

    def against(self, trigger: Trigger, case: CaseT) -> Refusal | None:
        """Every guard that refuses a step, where the machine's walk ends at the first; None when it may be taken."""
        verdict = self.judge(trigger, case)
        if not isinstance(verdict, Refusal):
            return None
        edges = (
            edge for edge in self.edges if (edge.trigger, edge.source) == (trigger, case.state) and edge.when(case)
        )
        return together(verdict, *(guard(case) for edge in edges for guard in (edge.theirs, *edge.guards)))

    def move(self, subject: str, trigger: Trigger, case: CaseT) -> StrEnum:
        """The state that one subject reaches. Raises TransitionRefused."""
        verdict = self.judge(trigger, case)
        if isinstance(verdict, Refusal):
            raise TransitionRefused(subject, trigger, case.state or "", verdict)
        return verdict

    def _illegal(self, trigger: Trigger, state: str | None) -> Refusal:
        if trigger not in self.triggers:
            known = ", ".join(self.triggers)
            return Refusal("unknown_trigger", f"there is no trigger {trigger!r} (known: {known})", "没有这种操作")
        label = getattr(self.states(state), "label", state) if state else "尚未申报"
        sources = ", ".join(sorted({str(edge.source or "none") for edge in self.edges if edge.trigger == trigger}))
        return Refusal("state", f"possible only from: {sources}", f"当前状态为“{label}”，不能进行此操作")


def not_theirs(role: Role, allowed: Sequence[Role]) -> Refusal:
    """The refusal for somebody who asks in a role that may not."""
    return Refusal("role", f"only {', '.join(allowed)} may do this, not {role}", f"{role.label}无权进行此操作")


# Where a subject stands that is not there yet.
_NOWHERE = "nowhere"


@dataclass
class _Walker:
    """A plain subject for the machine; it lives for one step."""

    state: str = _NOWHERE


def _chosen(edge: Edge[Any]) -> Callable[[EventData], bool]:
    return lambda event: edge.when(event.kwargs["case"])


def _asked(guard: Guard[Any]) -> Callable[[EventData], bool]:
    """A guard as a condition of the machine's; its refusal names itself."""

    def allows(event: EventData) -> bool:
        refusal = guard(event.kwargs["case"])
        if refusal is not None:
            event.kwargs["refusals"].append(refusal)
        return refusal is None

    return allows

"""How a state machine is declared and asked: one line an edge, guards as small pure functions.

The table is the document. `transitions` turns it into a machine that moves one subject and
draws the diagram; the bulk path asks the same edges and guards without a machine per row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from transitions import Machine, MachineError
from transitions.extensions import GraphMachine

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
    """Why an edge may not be taken: a code, a sentence for operators, one for the people concerned."""

    code: str
    english: str
    chinese: str


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


class TransitionRefused(GangchuangError):
    """A transition that may not happen: names the subject, the trigger, the state and the reason."""

    def __init__(self, subject: str, trigger: Trigger, state: str, refusal: Refusal) -> None:
        self.subject, self.trigger, self.state, self.refusal = subject, trigger, state, refusal
        super().__init__(f"{subject}: {trigger} is refused in state {state or 'none'}: {refusal.english}")


class Table(Generic[CaseT]):
    """A machine's edges, for one subject or for many."""

    def __init__(self, name: str, states: type[StrEnum], edges: Sequence[Edge[CaseT]]) -> None:
        self.name, self.states, self.edges = name, states, tuple(edges)
        self.triggers = tuple(dict.fromkeys(edge.trigger for edge in edges))
        self._by_key: dict[tuple[str, str | None], list[Edge[CaseT]]] = {}
        for edge in edges:
            self._by_key.setdefault((edge.trigger, edge.source), []).append(edge)
        self._machine = Machine(
            model=None, states=[state.value for state in states], initial=None, auto_transitions=False, send_event=True
        )
        for edge in edges:
            if edge.source is not None:
                self._machine.add_transition(
                    edge.trigger, edge.source.value, edge.target.value, conditions=_chosen(edge)
                )

    def judge(self, trigger: Trigger, case: CaseT) -> Edge[CaseT] | Refusal:
        """The edge that the trigger takes from the case's state, or why it may not. Pure; for one and for many."""
        choices = self._by_key.get((trigger, case.state), ())
        edge = next((edge for edge in choices if edge.when(case)), None)
        if edge is None:
            return self._illegal(trigger, case.state)
        if case.role not in edge.by:
            return not_theirs(case.role, edge.by)
        for guard in edge.guards:
            refusal = guard(case)
            if refusal is not None:
                return refusal
        return edge

    def move(self, subject: str, trigger: Trigger, case: CaseT) -> StrEnum:
        """The state that one subject reaches by the machine. Raises TransitionRefused."""
        verdict = self.judge(trigger, case)
        if isinstance(verdict, Refusal):
            raise TransitionRefused(subject, trigger, case.state or "", verdict)
        if verdict.source is None:
            return verdict.target
        walker = _Walker()
        self._machine.add_model(walker, initial=verdict.source.value)
        try:
            walker.trigger(trigger, case=case)
        except (MachineError, AttributeError) as problem:
            raise TransitionRefused(subject, trigger, case.state or "", self._illegal(trigger, case.state)) from problem
        finally:
            self._machine.remove_model(walker)
        return self.states(walker.state)

    def _illegal(self, trigger: Trigger, state: str | None) -> Refusal:
        if trigger not in self.triggers:
            known = ", ".join(self.triggers)
            return Refusal("unknown_trigger", f"there is no trigger {trigger!r} (known: {known})", "没有这种操作")
        label = getattr(self.states(state), "label", state) if state else "尚未申报"
        sources = ", ".join(sorted({str(edge.source or "none") for edge in self.edges if edge.trigger == trigger}))
        return Refusal("state", f"possible only from: {sources}", f"当前状态为“{label}”，不能进行此操作")

    def diagram(self) -> str:
        """The machine as a Mermaid state diagram, drawn by `transitions` from the same edges."""
        first = next(edge.target for edge in self.edges if edge.source is None)
        walker = _Walker()
        GraphMachine(
            model=walker,
            states=[state.value for state in self.states],
            transitions=[
                {"trigger": edge.trigger, "source": edge.source.value, "dest": edge.target.value}
                for edge in self.edges
                if edge.source is not None
            ],
            initial=first.value,
            auto_transitions=False,
            graph_engine="mermaid",
        )
        return str(walker.get_graph().source)


def not_theirs(role: Role, allowed: Sequence[Role]) -> Refusal:
    """The refusal for somebody who asks in a role that may not."""
    return Refusal("role", f"only {', '.join(allowed)} may do this, not {role}", f"{role.label}无权进行此操作")


class _Walker:
    """A plain subject for the machine; it lives for one step."""

    state: str


def _chosen(edge: Edge[Any]) -> Callable[[Any], bool]:
    return lambda event: edge.when(event.kwargs["case"])

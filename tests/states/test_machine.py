"""A table of edges: the machine that the library builds from it judges, for one and for many."""

from dataclasses import dataclass
from enum import StrEnum

import pytest
from transitions.core import Event

from models.enums import Role
from states.machine import Actor, Edge, Refusal, TransitionRefused, TransitionTable
from tests.support.readme import diagram


class Light(StrEnum):
    RED = "red"
    GREEN = "green"
    DARK = "dark"


@dataclass(frozen=True)
class Case:
    state: Light | None
    role: Role = Role.OFFICE
    power: bool = True
    broken: bool = False


NO_POWER = Refusal("no_power", "there is no power", "没有电")
BROKEN = Refusal("broken", "it is broken", "坏了")

TABLE = TransitionTable(
    "light",
    Light,
    [
        Edge("install", None, Light.RED, (Role.OFFICE,)),
        Edge(
            "switch",
            Light.RED,
            Light.GREEN,
            (Role.OFFICE, Role.SYSTEM),
            (lambda case: None if case.power else NO_POWER, lambda case: BROKEN if case.broken else None),
        ),
        Edge("fail", Light.GREEN, Light.DARK, (Role.SYSTEM,), when=lambda case: case.broken),
        Edge("fail", Light.GREEN, Light.RED, (Role.SYSTEM,), when=lambda case: not case.broken),
    ],
)


def test_a_trigger_takes_the_edge_of_its_state() -> None:
    assert TABLE.move("light/1", "switch", Case(Light.RED)) is Light.GREEN


def test_whoever_asks_what_speaks_against_a_step_hears_all_of_it() -> None:
    dark = Case(Light.RED, Role.EXPERT, power=False, broken=True)

    refusal = TABLE.against("switch", dark)

    assert refusal is not None
    assert [reason.code for reason in refusal.each] == ["role", "no_power", "broken"]
    assert TABLE.judge("switch", dark) == refusal.each[0]
    assert TABLE.against("switch", Case(Light.RED)) is None


def test_the_first_edge_needs_no_state() -> None:
    assert TABLE.move("light/1", "install", Case(None)) is Light.RED


@pytest.mark.parametrize(("broken", "target"), [(True, Light.DARK), (False, Light.RED)])
def test_of_two_edges_of_a_trigger_the_case_chooses(broken: bool, target: Light) -> None:
    case = Case(Light.GREEN, Role.SYSTEM, broken=broken)

    assert TABLE.move("light/1", "fail", case) is target


def test_guards_are_asked_in_their_order_and_the_first_refusal_counts() -> None:
    with pytest.raises(TransitionRefused) as caught:
        TABLE.move("light/1", "switch", Case(Light.RED, power=False, broken=True))

    assert caught.value.refusal is NO_POWER
    assert (caught.value.subject, caught.value.trigger, caught.value.state) == ("light/1", "switch", "red")
    assert str(caught.value) == "light/1: switch is refused in state red: there is no power"


def test_a_role_that_may_not_is_refused_before_any_guard() -> None:
    verdict = TABLE.judge("switch", Case(Light.RED, Role.EXPERT, power=False))

    assert verdict == Refusal("role", "only office, system may do this, not expert", "专家无权进行此操作")


def test_a_trigger_from_the_wrong_state_names_the_right_ones() -> None:
    verdict = TABLE.judge("switch", Case(Light.DARK))

    assert isinstance(verdict, Refusal)
    assert (verdict.code, verdict.english) == ("state", "possible only from: red")


def test_an_unknown_trigger_names_the_known_ones() -> None:
    with pytest.raises(TransitionRefused, match=r"no trigger 'smash' \(known: install, switch, fail\)") as caught:
        TABLE.move("light/1", "smash", Case(Light.RED))

    assert caught.value.refusal.code == "unknown_trigger"


def test_a_refused_subject_without_a_state_is_in_state_none() -> None:
    with pytest.raises(TransitionRefused, match="switch is refused in state none"):
        TABLE.move("light/1", "switch", Case(None))


def test_the_machine_forgets_its_subjects() -> None:
    TABLE.move("light/1", "switch", Case(Light.RED))
    with pytest.raises(TransitionRefused):
        TABLE.move("light/1", "switch", Case(Light.DARK))

    assert TABLE.machine.models == []


def test_the_librarys_walk_decides_and_nothing_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken away, taken elsewhere, or its edge or guard taken out of the machine: the judgement is another."""
    case = Case(Light.RED)
    assert TABLE.judge("switch", case) is Light.GREEN

    with monkeypatch.context() as changed:
        changed.setattr(Event, "trigger", lambda *_, **__: False)
        assert isinstance(TABLE.judge("switch", case), Refusal)
    (walk,) = TABLE.machine.get_transitions("switch", "red")
    with monkeypatch.context() as changed:
        changed.setattr(walk, "dest", "dark")
        assert TABLE.judge("switch", case) is TABLE.move("light/1", "switch", case) is Light.DARK
    with monkeypatch.context() as changed:
        changed.setattr(walk, "conditions", [])
        assert TABLE.judge("switch", Case(Light.RED, Role.EXPERT, power=False)) is Light.GREEN
    with monkeypatch.context() as changed:
        changed.setitem(TABLE.machine.events["switch"].transitions, "red", [])
        assert isinstance(TABLE.judge("switch", case), Refusal)


def test_a_walk_that_was_refused_leaves_nothing_behind() -> None:
    refused = [TABLE.judge("switch", Case(Light.RED, power=False)) for _ in range(3)]

    assert refused == [NO_POWER] * 3
    assert TABLE.judge("switch", Case(Light.RED)) is Light.GREEN


def test_the_diagram_shows_every_edge() -> None:
    drawn = diagram(TABLE)

    assert drawn.startswith(("---", "stateDiagram"))
    for edge in TABLE.edges:
        if edge.source is not None:
            assert f"{edge.source} --> {edge.target}: {edge.trigger}" in drawn


def test_an_actor_is_written_as_role_and_name() -> None:
    assert str(Actor(Role.OFFICE, "示例·王主任")) == "office:示例·王主任"

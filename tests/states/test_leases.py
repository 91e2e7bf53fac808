"""A lease is one's own, ends by itself, and a sleeper that lost it can write nothing more."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from models import Lease
from models.database import database_seconds, make_engine, reading, writing
from states.leases import HeldLease, LeaseLost, LeaseTaken, forget, hold, is_live, release, take
from tests.support.databases import TEMPLATE, Postgres
from tests.support.threads import at_once

NAME = "stage/2026/close_call"


def run_out(session: Session, name: str = NAME) -> None:
    """The lease's time is over."""
    session.execute(update(Lease).where(Lease.name == name).values(expires=database_seconds(session) - 1))


def test_a_lease_belongs_to_one(engine: Engine) -> None:
    with writing(engine) as session:
        take(session, NAME, owner="first", seconds=60)

    with pytest.raises(LeaseTaken) as caught, writing(engine) as session:
        take(session, NAME, owner="second", seconds=60)

    assert (caught.value.name, caught.value.owner) == (NAME, "first")
    assert "is being worked on by another run (first)" in str(caught.value)


def test_the_owner_may_take_it_again(engine: Engine) -> None:
    with writing(engine) as session:
        first = take(session, NAME, owner="first", seconds=60)
        again = take(session, NAME, owner="first", seconds=60)

    assert (first.fence, again.fence) == (1, 2)
    with pytest.raises(LeaseLost), writing(engine) as session:
        hold(session, first)


def test_a_lease_that_ran_out_is_free(engine: Engine) -> None:
    with writing(engine) as session:
        take(session, NAME, owner="first", seconds=60)
        run_out(session)
        assert not is_live(session, NAME)

        second = take(session, NAME, owner="second", seconds=60)

        assert second == HeldLease(NAME, "second", 2, 60, silent="first")
        assert is_live(session, NAME)


def test_a_sleeper_that_lost_its_lease_writes_nothing(engine: Engine) -> None:
    with writing(engine) as session:
        sleeper = take(session, NAME, owner="sleeper", seconds=60)
        run_out(session)
    with writing(engine) as session:
        take(session, NAME, owner="heir", seconds=60)

    with pytest.raises(LeaseLost, match="another run took over"), writing(engine) as session:
        session.add(Lease(name="written by the sleeper", owner="sleeper", fence=1, expires=0))
        session.flush()
        hold(session, sleeper)

    with writing(engine) as session:
        release(session, sleeper)
    with reading(engine) as session:
        assert session.scalars(select(Lease.name)).all() == [NAME]
        assert is_live(session, NAME), "the sleeper's release does not end its heir's lease"


def test_a_silent_holder_whose_lease_nobody_took_goes_on(engine: Engine) -> None:
    with writing(engine) as session:
        held = take(session, NAME, owner="first", seconds=60)
        run_out(session)

        hold(session, held)

        assert is_live(session, NAME)


def test_a_released_lease_is_free_and_its_fence_never_repeats(engine: Engine) -> None:
    with writing(engine) as session:
        release(session, take(session, NAME, owner="first", seconds=60))
        assert not is_live(session, NAME)

        assert take(session, NAME, owner="second", seconds=60).fence == 2


def test_tickets_are_forgotten_by_the_beginning_of_their_name(engine: Engine) -> None:
    names = ["start/2026/close_call/1", "start/2026/close_call/1/500237", "start/2026/open_call/1", "start/20260"]
    with writing(engine) as session:
        for name in names:
            take(session, name, owner="clock", seconds=60)

        forget(session, "start/2026/close_call/1")
        forget(session, "start_2026")  # the underscore is no wildcard

        assert set(session.scalars(select(Lease.name))) == {"start/2026/open_call/1", "start/20260"}


def test_a_name_never_leased_is_not_live(engine: Engine) -> None:
    with reading(engine) as session:
        assert not is_live(session, NAME)


@pytest.fixture
def server_engine(postgres: Postgres) -> Iterator[Engine]:
    made = make_engine(postgres.create("gangchuang_claims", TEMPLATE))
    yield made
    made.dispose()
    postgres.drop("gangchuang_claims")


@pytest.mark.parametrize("before", ["never claimed", "run out"])
def test_of_twenty_who_reach_for_a_lease_one_has_it(server_engine: Engine, before: str) -> None:
    if before == "run out":
        with writing(server_engine) as session:
            take(session, NAME, owner="dead", seconds=60)
            run_out(session)

    def reach(turn: int) -> HeldLease:
        with writing(server_engine) as session:
            return take(session, NAME, owner=f"run {turn}", seconds=60)

    through, refused = at_once(reach)

    assert len(through) == 1
    assert {type(error) for error in refused} == {LeaseTaken}
    with reading(server_engine) as session:
        assert session.get_one(Lease, NAME).owner == through[0].owner

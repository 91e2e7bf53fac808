"""What the database itself refuses, whatever Python may think: on SQLite and on PostgreSQL."""

import pytest
from sqlalchemy import CheckConstraint, Engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from models.columns import EnumText
from models.database import writing
from models.enums import CallState, SubmissionState
from tests.support.builders import a_season, a_submission

REFUSED = [
    "UPDATE submission SET state = 'elsewhere' WHERE number = :submitted",
    "UPDATE submission SET state = 'archived' WHERE number = :submitted",
    "UPDATE submission SET state = 'archived', outcome = 'withdrawn' WHERE number = :submitted",
    "UPDATE submission SET outcome = 'withdrawn' WHERE number = :submitted",
    "UPDATE submission SET outcome = NULL WHERE number = :archived",
    "UPDATE submission SET archived_from = NULL WHERE number = :archived",
    "UPDATE submission SET state = 'awarded' WHERE number = :submitted",
    "UPDATE submission SET tier = 'first' WHERE number = :submitted",
    "UPDATE submission SET tier = 'fourth' WHERE number = :awarded",
    "UPDATE submission SET tier = NULL WHERE number = :awarded",
    "UPDATE submission SET sequence = 0 WHERE number = :submitted",
    "UPDATE submission SET category = 'other' WHERE number = :submitted",
    "UPDATE submission SET season = 1999 WHERE number = :submitted",
    "UPDATE submission SET place = 1 WHERE number = :awarded",
    "UPDATE submission SET head = NULL WHERE number = :submitted",
    "UPDATE call SET state = 'paused'",
    "UPDATE call SET sequence = 0",
    "UPDATE milestone SET state = 'maybe'",
    "UPDATE assignment SET state = 'maybe'",
    "UPDATE district_verdict SET verdict = 'maybe'",
    "UPDATE seat SET position = 1",
    "DELETE FROM submission WHERE number = :submitted",
    "DELETE FROM call",
    "DELETE FROM expert",
]


def test_the_database_refuses_what_may_not_be(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session, state=CallState.PUBLISHED)
        numbers = {state.value: a_submission(session, state) for state in SubmissionState}

    kept = []
    for statement in REFUSED:
        values = {key: value for key, value in numbers.items() if f":{key}" in statement}
        try:
            with writing(engine) as session:
                session.execute(text(statement), values)
            kept.append(statement)
        except DBAPIError:
            continue

    assert kept == []


def test_every_closed_list_of_words_is_closed_in_the_database(engine: Engine) -> None:
    missing = []
    for table in SQLModel.metadata.sorted_tables:
        rules = " ".join(str(one["sqltext"]) for one in inspect(engine).get_check_constraints(table.name))
        for column in table.c:
            if isinstance(column.type, EnumText):
                words = [f"'{member.value}'" for member in column.type.members]
                missing += [f"{table.name}.{column.name}: {word}" for word in words if word not in rules]

    assert missing == []


def test_the_database_takes_no_word_that_the_record_does_not_have(engine: Engine) -> None:
    with writing(engine) as session:
        a_season(session)
        entry = session.execute(text("SELECT * FROM history LIMIT 1")).mappings().one()
    values = ", ".join(f":{column}" for column in entry)
    insert = text(f"INSERT INTO history ({', '.join(entry)}) VALUES ({values})")

    with pytest.raises(DBAPIError, match="trigger_known"), writing(engine) as session:
        session.execute(insert, {**entry, "sequence": 99, "trigger": "mvoe_date"})
    with writing(engine) as session:
        session.execute(insert, {**entry, "sequence": 99, "trigger": "move_date"})


def test_every_check_of_the_models_is_in_the_database(engine: Engine) -> None:
    for table in SQLModel.metadata.sorted_tables:
        named = {one["name"] for one in inspect(engine).get_check_constraints(table.name)}

        assert {one.name for one in table.constraints if isinstance(one, CheckConstraint)} <= named, table.name

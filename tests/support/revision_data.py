"""Databases of every schema revision with data in them.

What a season left in the first schema is kept as it was written then (`tests/models/revisions/0001.sql`: one INSERT a
row, in words that SQLite and PostgreSQL both read; instants are UTC). A later revision's database is that one brought
up, with today's rows in the tables that have come since.
"""

import tempfile
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Engine, inspect, text, update
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from models import (
    Admission,
    Alert,
    Approval,
    Attachment,
    Ballot,
    BouncedAddress,
    Certificate,
    Correction,
    DeclaredConflict,
    Delivery,
    Duplicate,
    Failure,
    FollowUp,
    FollowUpPicture,
    GoodPractice,
    IncomingMail,
    IssuedWorkbook,
    Lease,
    MailboxLook,
    MilestoneDate,
    Objection,
    ObjectionEvidence,
    ObjectionRuling,
    PersonalLink,
    Picture,
    RecordText,
    Recusal,
    ScoreDraft,
    Submission,
)
from models.database import make_engine, writing
from models.enums import (
    ApprovalDecision,
    CallState,
    CertificateState,
    CorrectionState,
    DeliveryState,
    DuplicateDecision,
    Holder,
    IncomingState,
    LinkKind,
    MailDoubt,
    MessageState,
    MilestoneState,
    ObjectionResult,
    ObjectionState,
    Outcome,
    PracticeKind,
    PracticeSource,
    PublicationKind,
    SubmissionState,
    Tier,
    TroubleKind,
    WorkbookKind,
)
from models.schema import upgrade
from states.machine import Act
from states.maintenance.stuck_messages import post_message
from states.roots import record_root
from tests.support.builders import OFFICE, a_season, a_submission

FIRST = Path(__file__).parent.parent / "models" / "revisions" / "0001.sql"


def bring_to(engine: Engine, revision: str) -> None:
    """Make an empty database one of a revision, with rows in every table."""
    upgrade(engine, "0001")
    _run(engine, FIRST.read_text(encoding="utf-8"))
    upgrade(engine, revision)
    with engine.connect() as connection:
        inspector = inspect(connection)
        tables = [*inspector.get_table_names()]
        empty = [table for table in tables if connection.scalar(text(f'SELECT count(*) FROM "{table}"')) == 0]
        columns = {table: {column["name"] for column in inspector.get_columns(table)} for table in empty}
    if columns:
        _run(engine, "\n".join(_inserts(columns)))


def _run(engine: Engine, script: str) -> None:
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if engine.dialect.name == "sqlite":
            driver.executescript(f"BEGIN;\n{script}\nCOMMIT;")
        else:
            driver.execute("SET LOCAL TIME ZONE 'UTC'")
            driver.execute(script)
            driver.commit()


def _inserts(columns: Mapping[str, Collection[str]]) -> list[str]:
    """One INSERT a row that `fill` puts into these tables, with these columns; tables before those that refer to them."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'filled.db'}")
        upgrade(engine)
        with writing(engine) as session:
            fill(session)
        found = list(_statements(engine, columns))
        engine.dispose()
    return found


def fill(session: Session) -> None:
    """At least one row in every table: a published season with submissions in every state and of every outcome."""
    season = a_season(session, state=CallState.PUBLISHED)
    at, one_day = season.dates.open_public_notice, timedelta(days=1)
    numbers = {state: a_submission(session, state) for state in SubmissionState}
    ended = [a_submission(session, SubmissionState.ARCHIVED, outcome=outcome) for outcome in Outcome]
    session.add_all(
        [
            Correction(
                number=numbers[SubmissionState.SUBMITTED],
                asked_by="office:示例",
                asked_at=at,
                missing="示例",
                due_at=at,
            ),
            Correction(
                number=ended[1],
                asked_by="office:示例",
                asked_at=at,
                missing="示例'引号",
                due_at=at,
                state=CorrectionState.LAPSED,
                settled_at=at + one_day,
            ),
            Duplicate(number=ended[0], other=ended[1], similarity=95),
            Duplicate(
                number=ended[1],
                other=ended[2],
                similarity=100,
                decision=DuplicateDecision.SAME,
                officer="示例",
                decided_at=at,
                reason="示例",
            ),
            Objection(
                id=1,
                season=season.year,
                number=numbers[SubmissionState.FINAL_REVIEWED],
                grounds="示例",
                received_at=at,
                due_at=at,
            ),
            Objection(
                id=2,
                season=season.year,
                number=ended[5],
                state=ObjectionState.CLOSED,
                grounds="示例",
                objector="示例·甲",
                received_at=at,
                due_at=at,
                settled_at=at,
            ),
            ObjectionRuling(
                objection=2,
                investigator="示例",
                begun_at=at,
                result=ObjectionResult.REMOVED,
                answer="示例",
                decided_at=at,
            ),
            ObjectionEvidence(objection=1, position=1, name="示例.pdf", digest="ef" * 32, size=1024),
            FollowUp(number=ended[6], asked_at=at, answered_at=at + one_day, adoption="示例"),
            FollowUpPicture(
                number=ended[6],
                position=1,
                digest="ef" * 32,
                encoded="ab" * 32,
                portrait=False,
                alt="示例",
                width=64,
                height=48,
            ),
            GoodPractice(
                number=f"{season.year}-500103-P01",
                season=season.year,
                unit="500103",
                place=1,
                kind=PracticeKind.METHOD,
                source=PracticeSource.EMPLOYER,
                title="示例",
                title_key="示例",
                organisation="示例",
                content="{}",
                consent=True,
                received_at=at,
                delivery="ab" * 32,
            ),
            Recusal(season=season.year, expert="E0001", number=ended[0], reason="示例", recused_at=at),
            DeclaredConflict(season=season.year, expert="E0001", key="示例", declared_at=at),
            Approval(
                season=season.year,
                ordinal=1,
                decision=ApprovalDecision.SENT_BACK,
                officer="示例",
                decided_at=at,
                reason="示例",
                list_digest="ab" * 32,
            ),
            Approval(
                season=season.year,
                ordinal=2,
                decision=ApprovalDecision.APPROVED,
                officer="示例",
                decided_at=at,
                list_digest="cd" * 32,
            ),
            Admission(season=season.year, digest="ab" * 32, officer="示例", admitted_at=at, reason="示例"),
            Picture(
                number=ended[0],
                position=1,
                digest="ef" * 32,
                encoded="ab" * 32,
                portrait=False,
                alt="示例",
                width=64,
                height=48,
            ),
            Attachment(number=ended[0], version=1, position=1, name="示例.pdf", digest="ef" * 32, size=1024),
            IssuedWorkbook(
                season=season.year,
                recipient="500112",
                kind=WorkbookKind.SUBMISSIONS,
                occasion="",
                issue=1,
                issued_at=at,
            ),
            Failure(
                season=season.year,
                stage="collect",
                subject="500112/示例.xlsx",
                mark="1/2/3",
                attempts=2,
                problem="示例",
                first_failed_at=at,
                failed_at=at,
                not_before=0.5,
            ),
            IncomingMail(
                mailbox="ab" * 8,
                validity=4_000_000_000,
                uid=7,
                season=season.year,
                digest="ab" * 32,
                sender="a@example.invalid",
                recipient="500112",
                arrived_at=at,
                state=IncomingState.HELD,
                doubt=MailDoubt.UNKNOWN_ADDRESS,
            ),
            PersonalLink(
                season=season.year,
                kind=LinkKind.UNIT,
                subject="500112",
                issue=1,
                nonce="ab" * 16,
                digest="ab" * 32,
                expires_at=at,
            ),
            ScoreDraft(season=season.year, expert="E0001", number=ended[0], typed="{}"),
            MailboxLook(season=season.year, mailbox="ab" * 8, newest="4000000000/8", looked_at=at),
            BouncedAddress(address="b@example.invalid", season=season.year, bounced_at=at, problem="示例"),
            Alert(season=season.year, kind=TroubleKind.DISK_LOW, subject="", since=at, told_at=at),
            Lease(name=f"stage/{season.year}/archive", owner="示例", fence=3, expires=0.0, done=1, total=2),
            Delivery(
                digest="ab" * 32,
                sender="500112",
                season=season.year,
                kind=WorkbookKind.SUBMISSIONS,
                file_name="示例.xlsx",
                arrived_at=at,
                taken_at=at,
                state=DeliveryState.PARTLY,
                rows_in=3,
                rows_back=1,
                problems='[["申报", "B7", "示例"]]',
            ),
            Delivery(
                digest="cd" * 32,
                sender="500112",
                season=season.year,
                file_name="示例.txt",
                arrived_at=at,
                taken_at=at,
                state=DeliveryState.REFUSED,
            ),
            Ballot(
                number=numbers[SubmissionState.AWARDED],
                tier=Tier.FIRST,
                caster="E0001",
                votes_for=1,
                votes_against=0,
                abstentions=0,
                received_at=at,
                delivery="ab" * 32,
            ),
        ]
    )
    for ordinal, state in enumerate(CertificateState, start=1):
        void = {"voided_at": at, "successor": 1 if state is CertificateState.REPLACED else None}
        session.add(
            Certificate(
                season=season.year,
                ordinal=ordinal,
                number=numbers[SubmissionState.AWARDED],
                holder=Holder.CONTRIBUTOR,
                position=1,
                name="示例·䶮",
                tier=Tier.FIRST,
                state=state,
                given_at=at,
                **(void if state is not CertificateState.VALID else {}),
            )
        )
    session.add(RecordText(season=season.year, seal="5e" * 32, text="示例"))
    for state in MessageState:
        post_message(
            session,
            key=f"{season.year}/{state.value}",
            season=season.year,
            recipient=f"{state.value}@example.invalid",
            subject="示例",
            body="示例\n第二行\n",
            attachments="[]",
            state=state,
            written_at=at,
            not_before=0.0,
            attempts=1,
            sent_at=at if state in (MessageState.SENT, MessageState.BOUNCED) else None,
            problem="",
        )
    for kind in PublicationKind:
        record_root(session, season.year, kind, Act(OFFICE, season.dates.archive))
    session.execute(
        update(MilestoneDate)
        .where(MilestoneDate.milestone == "archive")
        .values(state=MilestoneState.SKIPPED, settled_at=at, attempts=2)
    )
    session.execute(update(Submission).where(Submission.number == ended[0]).values(title="示例：“引号”'和%"))


def _statements(engine: Engine, columns: Mapping[str, Collection[str]]) -> Iterator[str]:
    with engine.connect() as connection:
        for table in SQLModel.metadata.sorted_tables:
            kept = [column for column in table.c if column.name in columns.get(table.name, ())]
            names = ", ".join(f'"{column.name}"' for column in kept)
            yes_or_no = [isinstance(column.type, Boolean) for column in kept]
            for row in connection.execute(text(f'SELECT {names} FROM "{table.name}"')) if kept else ():
                values = ", ".join(map(_literal, row, yes_or_no))
                yield f'INSERT INTO "{table.name}" ({names}) VALUES ({values});'


def _literal(value: Any, yes_or_no: bool) -> str:
    if value is None:
        return "NULL"
    if yes_or_no:
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"

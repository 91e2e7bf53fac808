"""Messages: a row first and mail later; the mail and the files that came in."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.columns import check, enum_field, one_of, sha256_text, text_field
from models.enums import DeliveryState, IncomingState, MailDoubt, MessageState, WorkbookKind


class Message(SQLModel, table=True):
    """One mail to one address. The key makes it unique for ever: one key, one text, one Message-ID."""

    __table_args__ = (
        one_of("state", MessageState),
        check("attempts_counted", "attempts >= 0"),
        check("sent_at_some_time", "(state IN ('sent', 'bounced')) = (sent_at IS NOT NULL)"),
        Index("message_by_state", "state", "not_before"),
    )

    key: str = Field(primary_key=True, max_length=160)
    season: int
    recipient: str = Field(description="deleted with contact data")
    subject: str
    body: str = text_field()
    attachments: str = Field(default="[]", description="JSON list of paths below the home folder")
    state: MessageState = enum_field(MessageState, default=MessageState.WAITING)
    written_at: datetime
    not_before: float = Field(default=0.0, description="real epoch seconds of the next attempt")
    attempts: int = 0
    sent_at: datetime | None = None
    problem: str = ""
    thread: str = Field(default="", description="Message-IDs of what it answers, directly the last")


class IncomingMail(SQLModel, table=True):
    """One mail of the mailbox, by its UID, and what became of it: each is dealt with once.

    `digest` is SHA-256 of its head, by which it is known again after the server has numbered its mails anew.
    """

    __tablename__ = "incoming_mail"
    __table_args__ = (
        one_of("state", IncomingState),
        one_of("doubt", MailDoubt, nullable=True),
        *sha256_text("digest"),
        check("held_for_a_doubt", "state <> 'held' OR doubt IS NOT NULL"),
        check("decided_by_somebody", "state NOT IN ('admitted', 'dismissed') OR officer <> ''"),
        Index("incoming_mail_by_state", "season", "state"),
    )

    mailbox: str = Field(primary_key=True, max_length=16, description="beginning of its address's SHA-256")
    validity: int = Field(primary_key=True, sa_type=BigInteger, description="UIDVALIDITY of the folder")
    uid: int = Field(primary_key=True, sa_type=BigInteger)
    season: int = Field(foreign_key="call.season")
    digest: str = Field(max_length=64, index=True)
    sender: str = Field(default="", description="its address; deleted with contact data")
    recipient: str = Field(default="", max_length=16, description="whom its workbook was issued to")
    arrived_at: datetime = Field(description="INTERNALDATE")
    state: IncomingState = enum_field(IncomingState)
    doubt: MailDoubt | None = enum_field(MailDoubt, nullable=True)
    officer: str = ""
    decided_at: datetime | None = None


class MailboxLook(SQLModel, table=True):
    """How far a season has read the mailbox: what came before `looked_at` is dealt with."""

    __tablename__ = "mailbox_look"

    season: int = Field(primary_key=True, foreign_key="call.season")
    mailbox: str = Field(max_length=16)
    newest: str = Field(max_length=32, description="UIDVALIDITY and UIDNEXT as they were then")
    looked_at: datetime


class BouncedAddress(SQLModel, table=True):
    """An address from which a letter of ours came back; gone as soon as mail comes from it, or with contact data."""

    __tablename__ = "bounced_address"

    address: str = Field(primary_key=True)
    season: int = Field(foreign_key="call.season")
    bounced_at: datetime
    problem: str


class IssuedWorkbook(SQLModel, table=True):
    """A workbook that was issued. A newer one to a unit supersedes its earlier ones; an expert's stand side by side.

    `occasion` is why it was issued (empty the first time): a repeated run finds the same number again.
    """

    __tablename__ = "issued_workbook"
    __table_args__ = (
        one_of("kind", WorkbookKind),
        UniqueConstraint("season", "recipient", "kind", "issue"),
        check("issue_positive", "issue >= 1"),
    )

    season: int = Field(primary_key=True, foreign_key="call.season")
    recipient: str = Field(primary_key=True, max_length=16, description="unit code, expert id or office")
    kind: WorkbookKind = enum_field(WorkbookKind, primary_key=True)
    occasion: str = Field(primary_key=True, max_length=64)
    issue: int
    issued_at: datetime


class Delivery(SQLModel, table=True):
    """One file that came into the inbox, known by its content: each content is taken once a unit."""

    __table_args__ = (
        one_of("state", DeliveryState),
        one_of("kind", WorkbookKind, nullable=True),
        check("rows_counted", "rows_in >= 0 AND rows_back >= 0"),
        check("refused_took_nothing", "state <> 'refused' OR rows_in = 0"),
    )

    digest: str = Field(primary_key=True, max_length=64, description="SHA-256 of the file")
    sender: str = Field(primary_key=True, max_length=16, description="unit code or expert id: the inbox folder")
    season: int
    kind: WorkbookKind | None = enum_field(WorkbookKind, nullable=True)
    file_name: str
    arrived_at: datetime
    taken_at: datetime
    state: DeliveryState = enum_field(DeliveryState)
    rows_in: int = 0
    rows_back: int = 0
    problems: str = text_field(default="[]")
    receipt: str = Field(default="", description="path of the receipt below the home folder")
    handed_in_by: str = Field(default="", max_length=16, description="the folder it lay in, where not the sender's")

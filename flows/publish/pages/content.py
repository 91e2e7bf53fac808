"""What stands on each page. Nothing that is not in these classes can reach a page.

They have no field for phones, mail addresses of people, identity or bank numbers.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from config.calendar import is_working_day
from models.enums import Carrier, Category, Tier


@dataclass(frozen=True, slots=True)
class AwardLine:
    """One award. `contributors`: who agreed to be named; the names of `withheld` more are not public.

    `licensed`: the organisations agreed that more than number, title and tier is published; without it a line
    forgets them as it is made. `unit` (district), category and carrier are kept for the statistics.
    """

    number: str
    title: str
    tier: Tier
    category: Category
    carrier: Carrier
    unit: str
    organisations: tuple[str, ...]
    contributors: tuple[str, ...]
    withheld: int
    licensed: bool

    def __post_init__(self) -> None:
        if not self.licensed:
            object.__setattr__(self, "organisations", ())


@dataclass(frozen=True, slots=True)
class Remark:
    """A submission named on a page with a sentence about it."""

    number: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Deviation:
    """Where a person decided otherwise than the ranking: what changed, who decided, why, when (aware)."""

    number: str
    title: str
    change: str
    officer: str
    reason: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """What a page commits to, and how an outsider checks it.

    `root` is the RFC 6962 Merkle root (hex) over the latest hashes of `subjects` subjects, `head`
    the hash of the call's latest history entry. `export` and `verifier` are links relative to the
    page, empty while the history is not out yet; `command` is what the reader types. `later` are the
    roots recorded since, with their names.
    """

    root: str
    subjects: int
    head: str = ""
    export: str = ""
    verifier: str = ""
    command: str = ""
    later: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NoticePage:
    """The public notice of the proposed list (拟获奖名单公示). `contact` is the office's own, no person's."""

    season: int
    programme: str
    office: str
    contact: str
    opens_on: date
    closes_on: date
    answer_working_days: int
    lines: tuple[AwardLine, ...]
    proof: Proof
    deviations: tuple[Deviation, ...] = ()

    @property
    def working_days(self) -> int:
        return sum(working for _, working in self.days)

    @property
    def days(self) -> tuple[tuple[date, bool], ...]:
        """Every day of the notice, and whether it is a working day. Raises CalendarUnknown."""
        span = (self.closes_on - self.opens_on).days + 1
        days = (self.opens_on + timedelta(days=n) for n in range(span))
        return tuple((day, is_working_day(day)) for day in days)


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """The award list (获奖项目发布). `suspended`: objections not yet answered; `revoked`: taken back."""

    season: int
    programme: str
    office: str
    contact: str
    published_at: datetime
    lines: tuple[AwardLine, ...]
    proof: Proof
    notice_link: str = ""
    amounts_yuan: tuple[tuple[Tier, int], ...] = ()
    suspended: tuple[Remark, ...] = ()
    revoked: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One published page or file, with its link relative to the index."""

    title: str
    link: str
    published_at: datetime
    summary: str


@dataclass(frozen=True, slots=True)
class IndexPage:
    """The season's entry page, newest entry first as given."""

    season: int
    programme: str
    office: str
    contact: str
    entries: tuple[IndexEntry, ...]


@dataclass(frozen=True, slots=True)
class WallGuide:
    """The technician's page; `link`: where the wall is public, empty where that is not known."""

    programme: str
    office: str
    contact: str
    made_at: datetime
    slides: int
    season: int
    field: str
    number: str
    link: str
    archive: str


@dataclass(frozen=True, slots=True)
class ProposedLine:
    """One line of the frozen ranking; merit, means and interval in points out of 100."""

    rank: int
    number: str
    title: str
    unit: str
    category: Category
    organisation: str
    tier: Tier | None
    merit: Decimal
    raw_mean: Decimal
    low: Decimal
    high: Decimal
    scores: int
    spread: Decimal
    settled: str = ""
    passed_over: str = ""
    struck: str = ""
    voted: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Everything that is to be said of the line."""
        struck = f"划去：{self.struck}" if self.struck else ""
        return tuple(filter(None, (struck, self.passed_over, self.settled, self.voted)))


@dataclass(frozen=True, slots=True)
class Cut:
    """A boundary below `tier`: `after` is the last place above it, `tied` the numbers equal there, and
    `close` those across it whose intervals overlap so that the scores cannot tell them apart."""

    tier: Tier
    after: int
    tied: tuple[str, ...] = ()
    close: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A case that needs a look: experts lie `spread` points apart. `totals` in ascending order; `furthest`
    is the one expert furthest from the others, where there is one."""

    number: str
    title: str
    totals: tuple[Decimal, ...]
    spread: Decimal
    furthest: str = ""


@dataclass(frozen=True, slots=True)
class Barred:
    """An expert who may not, or would not, review a submission, and why."""

    number: str
    expert: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProposalPage:
    """The proposed list for approval: for the office's eyes only."""

    season: int
    programme: str
    office: str
    made_at: datetime
    due_at: datetime
    digest: str
    method: str
    lines: tuple[ProposedLine, ...]
    cuts: tuple[Cut, ...]
    disagreements: tuple[Disagreement, ...]
    experts: int
    conflicts: int
    recusals: int
    assignment: str = ""
    absences: int = 0
    deviations: tuple[Deviation, ...] = ()
    barred: tuple[Barred, ...] = ()
    recused: tuple[Barred, ...] = ()
    vacant: tuple[tuple[Tier, int], ...] = ()

    def prizes(self, tier: Tier) -> int:
        """How many are proposed in a tier and not struck."""
        return sum(line.tier is tier and not line.struck for line in self.lines)

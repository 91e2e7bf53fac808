"""What stands on each page. Nothing that is not in these classes can reach a page.

They have no field for phones, mail addresses of people, identity or bank numbers.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from config.calendar import is_working_day
from models.enums import Carrier, Category, CertificateState, Holder, PracticeKind, Tier


@dataclass(frozen=True, slots=True)
class Frame:
    """What every public page has around its content: the way to the others, and how old it is.

    `up` leads to the site's top, as `../`; `links` are (words, address from this page); `versions` the page that lists
    the roots of earlier versions, empty where there are none.
    """

    up: str
    first_at: datetime
    changed_at: datetime
    links: tuple[tuple[str, str], ...] = ()
    versions: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPage:
    """What every public page says of whose it is: `contact` is the office's own, no person's.

    `season` is 0 on pages about all of them; `template` names the page's template.
    """

    template: ClassVar[str]
    season: int = 0
    programme: str
    office: str
    contact: str
    frame: Frame | None = None


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
class Deviation:
    """Where a person decided otherwise than the ranking: what changed, who decided, why, when (aware)."""

    number: str
    title: str
    change: str
    officer: str
    reason: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class AwardChange:
    """One submission of the notice that is no award, or one whose award changed since: when, what, and why."""

    number: str
    title: str
    on: date
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class PageProof:
    """What a page commits to, and how an outsider checks it.

    `root` is the RFC 6962 Merkle root (hex) over the latest hashes of `subjects` subjects. `export` and `verifier` are
    links relative to the page, empty while the history is not out yet; `command` is what the reader types. `later` are
    the roots recorded since, with their names.
    """

    root: str
    subjects: int
    export: str = ""
    verifier: str = ""
    command: str = ""
    later: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePage(PublicPage):
    """The public notice of the proposed list (拟获奖名单公示).

    `folder`: the web address of the season's folder, printed for whoever has nothing but the sheet of paper.
    """

    template = "notice"
    opens_on: date
    closes_on: date
    answer_working_days: int
    lines: tuple[AwardLine, ...]
    proof: PageProof
    deviations: tuple[Deviation, ...] = ()
    where: str = ""
    postcode: str = ""
    hotline: str = ""
    supervision: str = ""
    must_contain: tuple[str, ...] = ()
    no_grounds: tuple[str, ...] = ()
    ended: bool = False
    results_link: str = ""
    folder: str = ""

    @property
    def working_days(self) -> int:
        return sum(working for _, working in self.days)

    @property
    def days(self) -> tuple[tuple[date, bool], ...]:
        """Every day of the notice, and whether it is a working day. Raises CalendarUnknown."""
        span = (self.closes_on - self.opens_on).days + 1
        days = (self.opens_on + timedelta(days=n) for n in range(span))
        return tuple((day, is_working_day(day)) for day in days)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsPage(PublicPage):
    """The award list (获奖项目发布). `changes` and `added` account for every line of the notice: `noticed` of them.

    `altered` are changes that no sum shows (another tier, a place moved up to). `objections`: (kind, result, how many). `downloads` are (words, address).
    """

    template = "results"
    published_at: datetime
    lines: tuple[AwardLine, ...]
    proof: PageProof
    notice_link: str = ""
    amounts_yuan: tuple[tuple[Tier, int], ...] = ()
    noticed: int = 0
    changes: tuple[AwardChange, ...] = ()
    added: tuple[AwardChange, ...] = ()
    altered: tuple[AwardChange, ...] = ()
    objections: tuple[tuple[str, str, int], ...] = ()
    follow_up: tuple[tuple[str, str], ...] = ()
    downloads: tuple[tuple[str, str], ...] = ()

    @property
    def change_counts(self) -> tuple[tuple[str, int], ...]:
        """How many of the notice's lines are no awards now, by kind."""
        return tuple(Counter(change.kind for change in self.changes).items())

    @property
    def money_yuan(self) -> int:
        """The prize money of all awards."""
        amounts = dict(self.amounts_yuan)
        return sum(amounts.get(line.tier, 0) for line in self.lines)


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One published page or file, with its link relative to the index."""

    title: str
    link: str
    published_at: datetime
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPage(PublicPage):
    """The season's entry page, newest entry first as given."""

    template = "index"
    entries: tuple[IndexEntry, ...]


@dataclass(frozen=True, slots=True)
class CalendarLine:
    """One date of a call, with how its day stands (周五, 周日 休息)."""

    label: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPage(PublicPage):
    """The call (征集通知): what may be submitted, until when, to whom, and how it is judged."""

    template = "call"
    hotline: str
    where: str
    covered_years: tuple[int, ...]
    fields: tuple[str, ...]
    max_contributors: int
    max_organisations: int
    quota: int
    rubric: tuple[tuple[str, int, str], ...]
    prizes: tuple[tuple[Tier, int, int], ...]
    notice_working_days: int
    calendar: tuple[CalendarLine, ...]
    own_dates: tuple[tuple[str, str, datetime], ...]
    units: tuple[tuple[str, str], ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class SeasonEntry:
    """One season on the site's first page: what there is of it, as (words, address), and how many awards."""

    year: int
    title: str
    links: tuple[tuple[str, str], ...]
    awards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPage(PublicPage):
    """The site's first page."""

    template = "front"
    seasons: tuple[SeasonEntry, ...]

    @property
    def wall(self) -> bool:
        """Whether there is a museum's wall: once some season has awards."""
        return any(season.awards for season in self.seasons)


@dataclass(frozen=True, slots=True)
class Version:
    """A root that was published, with the record up to it where that is public."""

    title: str
    published_at: datetime
    root: str
    export: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionsPage(PublicPage):
    """The roots of everything that a season published, and how to check it."""

    template = "versions"
    versions: tuple[Version, ...]
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage(PublicPage):
    """One case; `case` is what its JSON says, to the letter."""

    template = "case"
    case: Mapping[str, Any]
    linked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CasesPage(PublicPage):
    """The list of cases: of all seasons with filters, or of one without."""

    template = "cases"
    seasons: tuple[tuple[int, int, str], ...]
    cases: tuple[tuple[str, str, str, str], ...]
    scripts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WallGuide(PublicPage):
    """The technician's page; `link`: where the wall is public, empty where that is not known."""

    template = "wall_guide"
    made_at: datetime
    slides: int
    field: str
    number: str
    link: str
    archive: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPage(PublicPage):
    """What became of one certificate (证书核验). `name` is empty where it is not released, `successor` without one."""

    template = "check"
    number: str
    short: str
    state: CertificateState
    holder: Holder
    name: str
    submission: str
    title: str
    tier: Tier
    given_on: date
    voided_on: date | None
    successor: str
    export: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIndexPage(PublicPage):
    """Every number of a certificate that was given, by season, with what it stands for now."""

    template = "check_index"
    seasons: tuple[tuple[int, tuple[tuple[str, CertificateState], ...]], ...]


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
    """The proposed list for approval: for the office's eyes only.

    `digest` is that of the list as it stands. Once a person approved it, `approval` is what they had before their eyes
    (its digest is the mail's; the list's is another one where something was struck), by whom, and when.
    """

    template: ClassVar[str] = "proposal"
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
    approval: tuple[str, str, datetime] | None = None

    def at_cut(self, cut: Cut) -> tuple[tuple[str, ProposedLine], ...]:
        """Everything to be looked at on both sides of a cut, one by one, with why."""
        lines = {line.number: line for line in self.lines}
        looks = [("得分相同", number) for number in cut.tied] + [("评分难以区分", number) for number in cut.close]
        return tuple((why, lines[number]) for why, number in looks)

    def prizes(self, tier: Tier) -> int:
        """How many are proposed in a tier and not struck."""
        return sum(line.tier is tier and not line.struck for line in self.lines)


@dataclass(frozen=True, slots=True)
class PracticeLine:
    """One report of good practice as it is public; `texts` are (heading, text)."""

    number: str
    title: str
    kind: PracticeKind
    organisation: str
    unit: str
    texts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticePage(PublicPage):
    """The season's good practice."""

    template = "practice"
    lines: tuple[PracticeLine, ...]

    @property
    def kinds(self) -> tuple[tuple[PracticeKind, tuple[PracticeLine, ...]], ...]:
        """The kinds that have reports, with these."""
        groups = ((kind, tuple(line for line in self.lines if line.kind is kind)) for kind in PracticeKind)
        return tuple((kind, lines) for kind, lines in groups if lines)

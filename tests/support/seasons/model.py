"""A season in a few dictionaries: its call, its dates, its submissions, and the working days that it counts."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from config.calendar import is_working_day, last_of_working_days, working_days_after
from config.local_time import ZONE, end_of_day, local_day


def correction_due(at: datetime) -> datetime:
    """Five working days from an instant; of the next year nobody knows them yet, nor asks."""
    return end_of_day(working_days_after(min(local_day(at), date(2026, 12, 1)), 5))


def last_day_to_correct(at: datetime, closes_at: datetime) -> datetime | None:
    """Five working days, but so that a working day is left to judge; nothing when none is left to correct."""
    due_at = correction_due(at)
    if due_at < closes_at:
        return due_at
    last = local_day(closes_at) - timedelta(days=1)
    while not is_working_day(last):
        last -= timedelta(days=1)
    return end_of_day(last) if last > local_day(at) else None


def notice_end(opened_at: datetime) -> datetime:
    """Five working days, the posting day counted, to the end of the last."""
    last = last_of_working_days(local_day(opened_at), 5)
    return datetime.combine(last + timedelta(days=1), time(0), ZONE)


LIVE = ("submitted", "district_reviewed", "final_reviewed")
OUT = ("withdrawn", "ineligible")  # the same achievement may come again
MAXIMA = {"innovation": 30, "practicality": 25, "benefit": 25, "spread": 20}


@dataclass(frozen=True)
class Points:
    """What one expert gives: a total, shared out over the criteria from the first or from the last on."""

    total: int
    from_the_first: bool = True

    @property
    def shared(self) -> dict[str, int]:
        left, given = self.total, {}
        for key in MAXIMA if self.from_the_first else reversed(MAXIMA):
            given[key] = min(left, MAXIMA[key])
            left -= given[key]
        return given


@dataclass
class Row:
    """`experts` have it to score in the final round, with what they gave; `had` is everybody who ever had it.

    `replaced`: the kinds of content that a later version took the place of.
    """

    unit: str
    title: int
    flawed: bool
    state: str = "submitted"
    outcome: str | None = None
    origin: str | None = None
    verdict: str | None = None
    eligible: bool = False
    correction: str = ""
    due_at: datetime | None = None
    experts: dict[str, Points | None] = field(default_factory=dict)
    had: set[str] = field(default_factory=set)
    recused: set[str] = field(default_factory=set)
    re_review: dict[str, Points | None] = field(default_factory=dict)
    lost_to_re_review: set[str] = field(default_factory=set)
    placed: str | None = None
    tier: str | None = None
    struck: bool = False
    approved: bool = False
    objections: list[str] = field(default_factory=list)
    objected: list[tuple[str, date]] = field(default_factory=list)
    erased: bool = False
    replaced: set[str] = field(default_factory=set)

    def archive(self, outcome: str) -> None:
        self.origin, self.state, self.outcome = self.state, "archived", outcome

    @property
    def is_out(self) -> bool:
        return self.outcome in OUT

    @property
    def stands(self) -> bool:
        return self.state != "archived"

    @property
    def owes_correction(self) -> bool:
        return self.stands and self.correction == "outstanding"

    def correction_is_overdue(self, at: datetime) -> bool:
        return self.correction == "outstanding" and self.due_at is not None and self.due_at < at

    @property
    def out_uncorrected(self) -> bool:
        """Out since no correction came: one that comes now is late."""
        return self.correction == "lapsed" and self.outcome == "ineligible"

    @property
    def recommended(self) -> bool:
        return self.verdict == "recommended"

    @property
    def fell_out_by_the_round(self) -> bool:
        return self.outcome in ("not_reviewed", "not_recommended")

    @property
    def in_final_round(self) -> bool:
        """Before the experts: recommended by its unit and eligible."""
        return self.state == "district_reviewed" and self.eligible and self.recommended

    @property
    def scores(self) -> list[Points]:
        return [points for points in self.experts.values() if points is not None]


STEPS = (
    "open_call",
    "close_call",
    "close_district_round",
    "check_eligibility",
    "close_eligibility",
    "draw_panel",
    "close_final_round",
    "close_re_review",
    "open_public_notice",
    "close_public_notice",
    "publish_results",
    "archive",
    "open_practice",
    "close_practice",
    "write_report",
    "follow_up",
    "close_season",
    "erase_personal_data",
)
PER_UNIT = ("close_call", "close_district_round")
JUDGING = ("open", "district_review")
Key = tuple[str, str]  # a step, and the unit whose own date it is


@dataclass
class SeasonModel:
    """`others` are the programme's other seasons; `panel` who has a seat or stands in reserve."""

    year: int
    units: tuple[str, ...]
    quota: int
    sizes: tuple[int, ...]
    scores_needed: int
    dates: dict[Key, datetime]
    others: list["SeasonModel"] = field(default_factory=list)
    call: str = "planned"
    rows: dict[str, Row] = field(default_factory=dict)
    settled: set[Key] = field(default_factory=set)
    panel: set[str] = field(default_factory=set)
    scores_frozen: bool = False
    ever_ranked: bool = False
    ranked: bool = False
    approved: bool = False

    @property
    def next_key(self) -> Key | None:
        """Steps go in the order of the year; of one step, the earlier date first."""
        unsettled = [key for key in self.dates if key not in self.settled]
        return min(unsettled, key=lambda key: (STEPS.index(key[0]), self.dates[key], key[1]), default=None)

    @property
    def next_step(self) -> str:
        return self.next_key[0] if self.next_key else ""

    def due(self, at: datetime) -> list[Key]:
        """What the clock is to start: the dates of the step whose turn it is, unless it waits for a person."""
        if self.next_step == "open_public_notice" and not self.approved:
            return []
        now = [key for key, due in self.dates.items() if key[0] == self.next_step and due <= at]
        return sorted((key for key in now if key not in self.settled), key=lambda key: (self.dates[key], key[1]))

    def date(self, step: str, unit: str = "") -> datetime:
        """A unit's own date before the season's."""
        return self.dates.get((step, unit)) or self.dates[step, ""]

    def is_past(self, step: str, at: datetime, unit: str = "") -> bool:
        return at > self.date(step, unit)

    def is_done(self, step: str) -> bool:
        return all(key in self.settled for key in self.dates if key[0] == step)

    def round_is_closed(self, unit: str) -> bool:
        """By what was done: a unit's own date before the season's."""
        own = ("close_district_round", unit)
        return (own if own in self.dates else ("close_district_round", "")) in self.settled

    @property
    def scoring(self) -> bool:
        """Experts are scoring: the draw is made, the scores are not frozen."""
        return self.call == "final_review" and not self.scores_frozen

    @property
    def checks_are_over(self) -> bool:
        return self.is_done("close_eligibility")

    def twin(self, title: int, but: Row | None = None) -> bool:
        """Whether the same achievement stands already, here or in another season."""
        every = (row for season in (self, *self.others) for row in season.rows.values())
        return any(row.title == title and row is not but and not row.is_out and not row.erased for row in every)

    def recommended_by(self, unit: str) -> set[str]:
        return {number for number, row in self.rows.items() if row.unit == unit and row.recommended and row.stands}

    def unchecked(self) -> list[Row]:
        return [
            row
            for row in self.rows.values()
            if row.state == "district_reviewed" and row.recommended and not row.eligible
        ]

    def owing_corrections(self) -> list[Row]:
        return [row for row in self.rows.values() if row.owes_correction]

    def in_final_round(self) -> list[Row]:
        return [row for row in self.rows.values() if row.in_final_round]

    def free_experts(self, row: Row) -> set[str]:
        """Who may take it over: on the panel or in reserve, and nobody who had it or stepped back from it."""
        return self.panel - row.had - row.recused

    def experts_wanted(self, row: Row) -> int:
        """How many experts it has once whoever is missing was replaced."""
        return min(self.scores_needed, len(row.experts) + len(self.free_experts(row)))

    def proposed(self) -> list[str]:
        return [
            number
            for number, row in self.rows.items()
            if row.placed and not row.struck and row.state == "final_reviewed"
        ]

    @property
    def open_objections(self) -> int:
        return sum(len(row.objections) for row in self.rows.values())

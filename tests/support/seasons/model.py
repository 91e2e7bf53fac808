"""A season in a few dictionaries: its call, its dates, its submissions."""

from dataclasses import dataclass, field
from datetime import datetime

from tests.support.seasons.rows import Row

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

"""One submission as the model sees it."""

from dataclasses import dataclass, field
from datetime import datetime

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
    """`experts` have it to score in the final round, with what they gave; `had` is everybody who ever had it."""

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
    erased: bool = False

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

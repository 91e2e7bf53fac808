"""A season in a few dictionaries: what should stand in the database after each deed.

Written from the programme's rules alone. It imports nothing of the states it is to judge, so
that an error there cannot be repeated here.
"""

from dataclasses import dataclass, field
from datetime import datetime

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
)
CALL_AFTER = {
    "open_call": "open",
    "close_call": "district_review",
    "draw_panel": "final_review",
    "open_public_notice": "public_notice",
    "publish_results": "published",
    "close_season": "closed",
}
LIVE = ("submitted", "district_reviewed", "final_reviewed")
TIERS = ("first", "second", "third")


@dataclass
class Row:
    """One submission as the model sees it."""

    unit: str
    title: int
    flawed: bool
    state: str = "submitted"
    outcome: str | None = None
    origin: str | None = None
    verdict: str | None = None
    total: int = 0
    eligible: bool = False
    correction: str = ""
    due_at: datetime | None = None
    score: int | None = None
    assigned: bool = False
    tier: str | None = None
    placed: str | None = None
    struck: bool = False
    approved: bool = False
    objections: int = 0
    recused: int = 0

    def archive(self, outcome: str) -> None:
        self.origin, self.state, self.outcome = self.state, "archived", outcome

    @property
    def can_lose_an_expert(self) -> bool:
        """Five experts, two of them needed: three may step back."""
        return self.assigned and self.score is None and self.state == "district_reviewed" and self.recused < 3

    @property
    def is_out(self) -> bool:
        """Withdrawn or ineligible: the same achievement may come again."""
        return self.outcome in ("withdrawn", "ineligible")


@dataclass
class SeasonModel:
    """All submissions, the call's state, and which steps are settled."""

    quota: int
    prizes: int
    call: str = "planned"
    rows: dict[str, Row] = field(default_factory=dict)
    settled: list[str] = field(default_factory=list)
    approved: bool = False

    @property
    def next_step(self) -> str | None:
        return STEPS[len(self.settled)] if len(self.settled) < len(STEPS) else None

    @property
    def in_final_round(self) -> bool:
        """Experts are scoring: the draw is made, the scores are not frozen."""
        return self.call == "final_review" and "close_final_round" not in self.settled

    # deeds of people: the code of the refusal, or "" when it is done

    def deliver(self, unit: str, title: int, kind: str, *, late: bool) -> str:
        """One row of a workbook: `kind` is good, flawed (no credit code), incomplete or uncovered."""
        own = self._own(unit, title)
        if own is not None:
            return self._amend(own, kind, late=late)
        if self.call == "planned":
            return "call_not_open"
        if late:
            return "late"
        if self.call not in ("open", "district_review"):
            return "call_over"
        if kind in ("incomplete", "uncovered"):
            return {"incomplete": "incomplete", "uncovered": "not_covered"}[kind]
        if any(row.title == title and not row.is_out for row in self.rows.values()):
            return "duplicate"
        place = 1 + sum(row.unit == unit for row in self.rows.values())
        self.rows[f"2026-{unit}-{place:04d}"] = Row(unit, title, kind == "flawed")
        return ""

    def correct(self, number: str, *, at: datetime, late: bool) -> str:
        """The unit names the number and sends the row again, now without a flaw."""
        row = self.rows[number]
        if any(one.title == row.title and one is not row and not one.is_out for one in self.rows.values()):
            return "duplicate"
        if row.correction == "outstanding" and row.state != "archived":
            if row.due_at is not None and at > row.due_at:
                return "late" if row.flawed else ""
            if row.flawed:
                row.flawed, row.correction = False, "answered"
            return ""
        if not row.flawed:
            return ""
        if row.state != "submitted":
            return "state"
        if late:
            return "late"
        row.flawed = False
        return ""

    def ask_correction(self, number: str, due_at: datetime) -> str:
        row = self.rows[number]
        if row.state not in ("submitted", "district_reviewed") or row.correction:
            return "refused"
        if self.call not in ("open", "district_review") or "close_eligibility" in self.settled:
            return "refused"
        row.correction, row.due_at, row.eligible = "outstanding", due_at, False
        return ""

    def judge(self, unit: str, number: str, verdict: str, total: int, *, late: bool) -> str:
        """One row of a verdict workbook."""
        if self.call not in ("open", "district_review"):
            return "round_not_open"
        if late:
            return "late"
        row = self.rows[number]
        if row.unit != unit:
            return "unknown_number"
        if row.state not in ("submitted", "district_reviewed"):
            return "state"
        if row.correction == "outstanding":
            return "correction_outstanding"
        if verdict == "recommended" and self._recommended_beside(number) >= self.quota:
            return "over_quota"
        row.verdict, row.total, row.state = verdict, total, "district_reviewed"
        return ""

    def withdraw(self, number: str) -> str:
        row = self.rows[number]
        if row.state == "archived":
            return "state"
        if row.state not in LIVE:
            return "outcome"
        if self.call == "closed":
            return "season_closed"
        row.archive("withdrawn")
        return ""

    def reinstate(self, number: str) -> str:
        row = self.rows[number]
        if row.state != "archived":
            return "state"
        if self.call == "closed":
            return "season_closed"
        if any(one.title == row.title and one is not row and not one.is_out for one in self.rows.values()):
            return "refused"
        recommended = row.origin == "district_reviewed" and row.verdict == "recommended"
        if recommended and self._recommended_beside(number) >= self.quota:
            return "refused"
        overruled = row.outcome == "ineligible" and "check_eligibility" in self.settled
        if recommended and (overruled or "close_eligibility" in self.settled):
            row.eligible = True
            row.correction = "lapsed" if row.correction == "outstanding" else row.correction
        row.state, row.outcome, row.origin = row.origin or "", None, None
        if row.state == "district_reviewed" and row.eligible and self.in_final_round:
            row.assigned = True
        return ""

    def revoke(self, number: str) -> str:
        row = self.rows[number]
        if row.state == "awarded":
            row.archive("revoked")
            return ""
        if row.state != "archived":
            return "state"
        if row.outcome != "completed":
            return "not_completed"
        row.outcome = "revoked"
        return ""

    def object_to(self, number: str, *, over: bool) -> str:
        row = self.rows[number]
        if self.call != "public_notice" or over or row.state != "final_reviewed":
            return "refused"
        row.objections += 1
        return ""

    def answer(self, number: str, *, upheld: bool) -> str:
        row = self.rows[number]
        row.objections -= 1
        if upheld and row.state != "archived":
            row.archive("objection_upheld")
        return ""

    def proposed(self) -> list[str]:
        """The list before the office, best first."""
        return [
            number
            for number, row in sorted(self.rows.items(), key=lambda item: (-(item[1].score or 0), item[0]))
            if row.placed and not row.struck and row.state == "final_reviewed"
        ]

    def approve(self, strike: str) -> str:
        if self.call != "final_review" or "close_re_review" not in self.settled or self.approved:
            return "refused"
        if strike:
            row = self.rows[strike]
            if row.placed is None or row.struck:
                return "refused"
            row.struck = True
        for number in self.proposed():
            self.rows[number].approved = True
        self.approved = True
        return ""

    def send_back(self) -> str:
        if self.call != "final_review" or "close_re_review" not in self.settled or self.approved:
            return "refused"
        self.settled.remove("close_re_review")
        return ""

    # steps of the clock: whether the step is settled, or waits

    def step(self, name: str, at: datetime) -> bool:
        done = getattr(self, f"_{name}", lambda at: True)(at)
        if done:
            self.settled.append(name)
            self.call = CALL_AFTER.get(name, self.call)
        return bool(done)

    def _close_district_round(self, at: datetime) -> bool:
        self._lapse(at)
        for row in self.rows.values():
            if row.state == "submitted":
                row.archive("not_reviewed")
            elif row.state == "district_reviewed" and row.verdict == "not_recommended":
                row.archive("not_recommended")
        return True

    def _check_eligibility(self, at: datetime) -> bool:
        for row in self._unchecked():
            row.eligible = not row.flawed
            if row.flawed and not row.correction:
                row.correction, row.due_at = "outstanding", None
        return True

    def _close_eligibility(self, at: datetime) -> bool:
        self._lapse(at)
        if self._waiting_for_correction():
            return False
        for row in self._unchecked():
            if row.flawed:
                row.archive("ineligible")
            else:
                row.eligible = True
        return True

    def _draw_panel(self, at: datetime) -> bool:
        if self._waiting_for_correction() or self._unchecked():
            return False
        for row in self._in_final_round():
            row.assigned = True
        return True

    def _close_final_round(self, at: datetime) -> bool:
        if any(row.score is None for row in self._in_final_round()):
            return False
        for row in self._in_final_round():
            if row.verdict == "recommended" and row.correction != "outstanding":
                row.state = "final_reviewed"
        return True

    def _close_re_review(self, at: datetime) -> bool:
        ranked = sorted(
            (row for row in self.rows.values() if row.state == "final_reviewed"), key=lambda row: -(row.score or 0)
        )
        for row in self.rows.values():
            row.placed, row.struck = None, False
        for place, row in enumerate(ranked):
            row.placed = TIERS[place] if place < self.prizes else None
        return True

    def _open_public_notice(self, at: datetime) -> bool:
        return self.approved

    def _publish_results(self, at: datetime) -> bool:
        self._award()
        return True

    def _archive(self, at: datetime) -> bool:
        if any(row.objections for row in self.rows.values()):
            return False
        self._award()
        return self._settle_rest()

    def _close_season(self, at: datetime) -> bool:
        return self._settle_rest()

    def _settle_rest(self) -> bool:
        for row in self.rows.values():
            if row.state == "district_reviewed":
                unchecked = row.verdict == "recommended" and not row.eligible
                row.archive("ineligible" if unchecked else "not_recommended")
            elif row.state != "archived":
                row.archive(
                    {"submitted": "not_reviewed", "final_reviewed": "no_prize", "awarded": "completed"}[row.state]
                )
        return True

    def _award(self) -> None:
        for row in self.rows.values():
            if row.state == "final_reviewed" and row.approved and not row.objections:
                row.state, row.tier = "awarded", row.placed

    def _lapse(self, at: datetime) -> None:
        for row in self.rows.values():
            if row.correction == "outstanding" and row.due_at is not None and row.due_at < at:
                row.correction = "lapsed"
                if row.state != "archived":
                    row.archive("ineligible")

    def _waiting_for_correction(self) -> bool:
        return any(row.correction == "outstanding" and row.state != "archived" for row in self.rows.values())

    def _unchecked(self) -> list[Row]:
        return [
            row
            for row in self.rows.values()
            if (row.state, row.verdict) == ("district_reviewed", "recommended") and not row.eligible
        ]

    def _recommended_beside(self, number: str) -> int:
        return sum(
            one.unit == self.rows[number].unit
            and key != number
            and one.verdict == "recommended"
            and one.state != "archived"
            for key, one in self.rows.items()
        )

    def _in_final_round(self) -> list[Row]:
        return [row for row in self.rows.values() if row.state == "district_reviewed" and row.eligible]

    def _own(self, unit: str, title: int) -> str | None:
        return next(
            (
                number
                for number, row in sorted(self.rows.items())
                if (row.unit, row.title, row.state) == (unit, title, "submitted")
            ),
            None,
        )

    def _amend(self, number: str, kind: str, *, late: bool) -> str:
        row = self.rows[number]
        if kind == ("flawed" if row.flawed else "good"):
            return ""
        if row.correction == "outstanding":
            raise AssertionError("corrections are sent with their number")
        if late:
            return "late"
        if kind in ("incomplete", "uncovered"):
            return {"incomplete": "incomplete", "uncovered": "not_covered"}[kind]
        row.flawed = kind == "flawed"
        return ""

"""How deep the seasons went: which edges of both machines they took, which outcomes and answers they met."""

import json
from collections import Counter

from sqlalchemy import select

from models import History
from tests.support.seasons.game import Game

CALL_EDGES = (
    "plan → planned",
    "open_call planned → open",
    "close_call open → district_review",
    "begin_final_review district_review → final_review",
    "open_public_notice final_review → public_notice",
    "publish_results public_notice → published",
    "close_season published → closed",
)
SUBMISSION_EDGES = (
    "submit → submitted",
    "record_district_review submitted → district_reviewed",
    "record_final_review district_reviewed → final_reviewed",
    "award final_reviewed → awarded",
    "archive submitted → archived as withdrawn",
    "archive submitted → archived as ineligible",
    "archive submitted → archived as not_reviewed",
    "archive district_reviewed → archived as withdrawn",
    "archive district_reviewed → archived as ineligible",
    "archive district_reviewed → archived as not_recommended",
    "archive final_reviewed → archived as withdrawn",
    "archive final_reviewed → archived as no_prize",
    "archive final_reviewed → archived as objection_upheld",
    "archive awarded → archived as completed",
    "reinstate archived → submitted",
    "reinstate archived → district_reviewed",
    "reinstate archived → final_reviewed",
    "reinstate archived → awarded",
    "revoke awarded → archived as revoked",
    "revoke archived → archived as revoked",
)
EDGES = (*CALL_EDGES, *SUBMISSION_EDGES)
# What each deed may be answered besides that it is done.
REFUSALS = {
    "deliver": ("call_not_open", "late", "call_over", "incomplete", "not_covered", "duplicate"),
    "correct": ("late", "state", "incomplete", "not_covered", "duplicate"),
    "judge": (
        *("round_not_open", "late", "check_closed", "unknown_number"),
        *("state", "correction_outstanding", "over_quota"),
    ),
    "send back by its unit": ("late", "unknown_number", "state", "had_its_chance", "too_late_to_correct"),
    "withdraw by its unit": ("unknown_number",),
    "withdraw": ("state", "outcome"),
    "reinstate": ("state", "season_closed", "came again", "its quota is"),
    "revoke": ("state", "not_completed"),
    "ask correction": ("it is archived", "had its one chance", "the eligibility check is closed"),
    "move": ("already", "would come before", "would come after"),
    "move for a unit": ("can differ for one district", "would come before", "would come after"),
    "approve": ("no ranking waits", "approved already", "not on the proposed list", "struck already"),
    "send back": ("no ranking waits", "approved already"),
    "object": ("out_of_scope", "late", "was entered already", "repeated", "personal data are deleted"),
    "answer": ("state",),
    "score": ("not_assigned", "recused", "late", "round_not_open"),
    "score again": ("late",),
    "recuse": ("it is scored already",),
    "give up a seat": ("nobody of this id has a seat",),
    "close_eligibility": ("waiting",),
    "close_final_round": ("waiting",),
    "open_public_notice": ("waiting",),
    "archive": (),
}
ANSWERS = (
    *(f"{deed}: {answer}" for deed, answers in REFUSALS.items() for answer in ("done", *answers)),
    *("tend: done", "tend: nothing"),
    *("look early: not_due", "look out of turn: not_due", "look out of turn: already_done"),
)
_TRIGGERS = {edge.split(" ")[0] for edge in EDGES}


class Depth:
    """Counts over all seasons of one test."""

    def __init__(self) -> None:
        self.reached: Counter[str] = Counter()
        self.edges: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.games = self.checks = 0

    def add(self, game: Game) -> None:
        self.games += 1
        self.checks += game.checks
        self.reached.update(season.call for season in game.seasons.values())
        self.answers.update(game.answers)
        with game.player.reading() as session:
            query = select(History.trigger, History.from_state, History.to_state, History.facts)
            for trigger, source, target, facts in session.execute(query.where(History.trigger.in_(_TRIGGERS))):
                outcome = json.loads(facts).get("outcome") if target == "archived" else None
                words = (trigger, source, "→", target, *(("as", outcome) if outcome else ()))
                self.edges[" ".join(word for word in words if word)] += 1

    @property
    def missing(self) -> list[str]:
        """Edges that no season took, and answers that none met."""
        unmet = [answer for answer in ANSWERS if not self.answers[answer]]
        return [edge for edge in EDGES if not self.edges[edge]] + unmet

    def __str__(self) -> str:
        parts = (
            ("seasons by where their call ended", self.reached),
            ("edges", self.edges),
            ("answers", self.answers),
        )
        lines = [f"{self.games} plays, {self.checks} times every invariant"]
        for title, counts in parts:
            lines.append(f"{title}:")
            lines += [
                f"{count:7} {name}" for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            ]
        return "\n".join(lines)

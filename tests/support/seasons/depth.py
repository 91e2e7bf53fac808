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
        """Edges that no season took."""
        return [edge for edge in EDGES if not self.edges[edge]]

    def __str__(self) -> str:
        parts = (
            ("seasons by where their call ended", self.reached),
            ("edges", self.edges),
            ("answers", self.answers),
        )
        lines = [f"{self.games} plays, {self.checks} times every invariant"]
        for title, counts in parts:
            lines.append(f"{title}:")
            lines += [f"{count:7} {name}" for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]
        return "\n".join(lines)

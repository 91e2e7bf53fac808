"""Assesses the reporting units: their scorecards, from the record alone."""

from sqlalchemy.orm import Session

from config.season import Season
from flows.home import paths
from flows.reports.scorecards import Scored, files
from flows.run import Ending, Run
from flows.stage import perform, stage_flow
from models.queries import planned_seasons, season_in_force
from states.history.read import read_entries
from states.scorecard.facts import read_record
from states.scorecard.indicators import Card, scorecards


@stage_flow(name="assess-units")
def assess_units(season: int, dry_run: bool = False) -> dict[str, object]:
    """Assess the reporting units (区县工作考核).

    Runs: by a person, after the results and again after the follow-up; as often as one likes.
    Before: the season is planned.
    After: `office/<year>/scorecards/` holds a page and a workbook for the city and for each unit; every figure names the
    entries of the record that it was made of. Nothing is decided and nobody is written to.
    Undo: delete the folder.
    """
    return perform("assess_units", season, assessing, dry_run=dry_run)


def assessing(run: Run) -> Ending:
    """Read the record, compare the units, write the pages and workbooks."""
    with run.step() as session:
        cards = _cards(session, run.season)
        known = planned_seasons(session)
        before = _cards(session, season_in_force(session, run.year - 1)) if run.year - 1 in known else {}
    made = files(Scored(run.season, run.at, cards, before))
    folder = paths.office_folder(run.settings, run.year) / "scorecards"
    for name, content in made.items():
        run.write(folder / name, content)
    run.tell("units assessed", len(cards))
    run.tell("units compared", sum(card.place is not None for card in cards.values()))
    return Ending()


def _cards(session: Session, season: Season) -> dict[str, Card]:
    told = read_record(read_entries(session, season.year))
    units = [unit.code for unit in season.units()]
    weights = {str(key): weight for key, weight in season.scorecard.weights.items()}
    return scorecards(told, units, weights, season.scorecard.least_cases)

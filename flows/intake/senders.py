"""Who delivers: whose folder a file lies in, or whom the office hands in for, and how they are answered."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from config.local_time import local_day
from config.units import UnitNotInForce, UnknownUnit, heirs_on, unit_on
from flows.home import paths
from flows.outbox.messages import addressee
from flows.run import Run
from flows.workbooks.reader.reading import genuine_mark
from models import Expert
from models.enums import Role
from states.machine import Actor


@dataclass(frozen=True)
class Sender:
    """A unit, an expert or the office; `problem`: why nothing from that folder can be taken."""

    code: str
    name: str
    mail: str
    actor: Actor
    problem: str = ""


def sender_of(run: Run, folder: str, path: Path) -> Sender:
    """Whose delivery it is: the folder's – but the office hands in for whoever a genuine mark names.

    So does a unit for one that merged into it since the call opened.
    """
    today = local_day(run.at)
    before = {unit.code for unit in run.season.units() if folder in {heir.code for heir in heirs_on(unit.code, today)}}
    handing_in = folder == paths.OFFICE or before
    mark = genuine_mark(path, run.season.files, run.settings.signing_key()) if handing_in else None
    theirs = mark is not None and mark.season == run.year and (folder == paths.OFFICE or mark.recipient in before)
    with run.step() as session:
        return sender_named(session, run, mark.recipient if mark is not None and theirs else folder)


def sender_named(session: Session, run: Run, folder: str) -> Sender:
    """Who has a code, an id or the office's name, and how they are answered."""
    office = run.season.office
    if folder == paths.OFFICE:
        return Sender(folder, office.name, office.mail, Actor(Role.OFFICE, folder))
    expert = session.get(Expert, folder)
    if expert is not None:
        return Sender(folder, expert.name, expert.mail, Actor(Role.EXPERT, folder))
    try:
        unit = unit_on(folder, local_day(run.season.dates.open_call))
    except UnknownUnit:
        problem = f"收件文件夹“{folder}”不是报送单位代码，也不是专家编号；请联系协调小组办公室"
    except UnitNotInForce as gone:
        heirs = "、".join(gone.unit.successors)
        problem = f"收件文件夹“{folder}”：{gone.unit.name}已撤销，本年度不再单独报送；请由承接单位（代码{heirs}）报送"
    else:
        name, mail = addressee(run.season, unit.code, run.at)
        return Sender(folder, name, mail, Actor(Role.DISTRICT, folder))
    return Sender(folder, office.name, office.mail, Actor(Role.DISTRICT, folder), problem)

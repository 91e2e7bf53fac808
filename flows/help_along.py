"""Helps a stage that writes to every unit: a run like any other, which any worker takes. The mechanism: `flows.sharing`."""

from types import MappingProxyType
from typing import Any

from config.milestones import Milestone
from config.settings import settings
from flows.close_call import issuing
from flows.engine.artifacts import current_flow_run_id
from flows.engine.forms import Field, Form
from flows.engine.words import deed_of
from flows.open_call import calling
from flows.run import AskedInVain, Run
from flows.sharing import HELP, Part, help_with
from flows.stage import open_database, stage_flow
from models.database import reading
from models.enums import Role
from models.queries import season_in_force
from states.machine import Act, Actor

# Measured (bench_workers): the stages whose work for a unit takes longer than its share of a further run.
PARTS: MappingProxyType[str, Part] = MappingProxyType({Milestone.OPEN_CALL: calling, Milestone.CLOSE_CALL: issuing})


class NoHelpWanted(AskedInVain):
    def __init__(self, stage: str) -> None:
        self.chinese = f"“{deed_of(stage)}”不能由其他运行分担。没有任何改动。"
        super().__init__(f"{stage} is no stage that can be helped; it may be one of {', '.join(PARTS)}")


@stage_flow(name="help-along", deed=lambda given: f"分担“{deed_of(str(given.get('stage', '')))}”")
def help_along(season: int, stage: str, fence: int, codes: list[str]) -> dict[str, object]:
    """Help a stage that runs at this moment (分担).

    Runs: started by the stage itself, as often as the setting `helpers` says.
    Before: the stage's run has laid its work out in parts.
    After: the parts that this run took are done.
    Undo: none; it does nothing that the stage would not do.
    """
    part = PARTS.get(stage)
    if part is None:
        raise NoHelpWanted(stage)
    own = settings()
    engine = open_database(own.database)
    with reading(engine) as session:
        rules = season_in_force(session, season)
    act = Act(Actor(Role.SYSTEM, stage), own.clock.now(), current_flow_run_id())
    done = help_with(Run(stage, rules, act, engine, own), codes, fence, part)
    return {"outcome": "done", "explanation": f"{done} of {len(codes)} done here", "chinese": f"分担 {done} 个单位。"}


def _shown(title: str, kind: dict[str, Any]) -> Field:
    return Field(title, "由步骤自己填写。", kind)


# After everything that people start.
FORMS: tuple[Form, ...] = (
    Form(
        HELP,
        "分担",
        help_along,
        "由步骤自己启动，不必手工启动：手工启动没有任何作用。",
        fields={
            "stage": _shown("步骤", {"type": "string"}),
            "fence": _shown("序号", {"type": "integer"}),
            "codes": _shown("单位", {"type": "array", "items": {"type": "string"}}),
        },
        label="Z01 分担",
    ),
)

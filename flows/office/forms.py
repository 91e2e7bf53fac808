"""Where the dashboard has a form, whatever its deployment's id is today, and what is filled in there."""

from collections.abc import Mapping
from typing import Any

from config.errors import GangchuangError
from flows.engine.words import deed_of
from models.enums import ApprovalDecision


class FormUnknown(GangchuangError):
    """The dashboard has no such form at present; `said` in the office's words."""

    def __init__(self, stage: str, given: Mapping[str, str], reason: str) -> None:
        self.stage = stage
        filled = "，".join(f"{name}={value}" for name, value in given.items())
        self.said = (
            f"管理界面里暂时没有“{deed_of(stage)}”的表单（{reason}）。可以稍后再试，或用命令办理；要填的是：{filled}"
        )
        super().__init__(f"the dashboard has no form of {stage} at present: {reason}")


def form_address(stage: str, given: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The path of a stage's form below the dashboard, and the values as its fields take them.

    Raises FormUnknown when there is none, or Prefect does not answer.
    """
    from flows.engine.deployments import deployment_and_fields
    from flows.engine.errors import DeploymentMissing, EngineAway
    from flows.engine.forms import fitted

    try:
        deployment, fields = deployment_and_fields(_form_of(stage, given))
    except (DeploymentMissing, EngineAway) as problem:
        raise FormUnknown(stage, given, str(problem)) from problem
    typed = {
        name: int(value) if fields[name].get("type") == "integer" else value
        for name, value in given.items()
        if name in fields
    }
    return f"/deployments/deployment/{deployment}/run", fitted({"properties": fields}, typed)


def _form_of(stage: str, given: Mapping[str, str]) -> str:
    """The name of the form: each decision has its own."""
    if given.get("decision") == ApprovalDecision.SENT_BACK:
        return "send_back_list"
    return given.get("decision", stage) if stage == "decide" else stage

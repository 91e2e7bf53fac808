"""Where the dashboard has a form, whatever its deployment's id is today, and what is filled in there."""

from collections.abc import Mapping
from typing import Any

from config.errors import GangchuangError
from flows.engine.words import deed_of


class FormUnknown(GangchuangError):
    """The dashboard has no such form at present; `said` in the office's words."""

    def __init__(self, name: str, given: Mapping[str, str], reason: str) -> None:
        self.name = name
        filled = "，".join(f"{field}={value}" for field, value in given.items())
        self.said = (
            f"管理界面里暂时没有“{deed_of(name)}”的表单（{reason}）。可以稍后再试，或用命令办理；要填的是：{filled}"
        )
        super().__init__(f"the dashboard has no form {name} at present: {reason}")


def form_address(name: str, given: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The path of a form below the dashboard, and the values as its fields take them.

    Raises FormUnknown when there is none, or Prefect does not answer.
    """
    from flows.engine.deployments import form_filled
    from flows.engine.errors import DeploymentMissing, EngineAway

    try:
        deployment, filled = form_filled(name, given)
    except (DeploymentMissing, EngineAway) as problem:
        raise FormUnknown(name, given, str(problem)) from problem
    return f"/deployments/deployment/{deployment}/run", filled

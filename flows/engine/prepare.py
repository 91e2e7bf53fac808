"""Before the worker starts: deployments and the zombie automation. `python -m flows.engine.prepare MODULE`."""

import importlib
import sys

from config.settings import settings
from flows.engine.environment import enter_environment, entrypoints_file
from flows.engine.processes import tell


def main(arguments: list[str]) -> int:
    """Register the stages that a module lists in `STAGES`."""
    own = settings()
    enter_environment(own)
    from flows.engine.deployments import entrypoint, register
    from flows.engine.reconcile import ensure_zombie_automation

    stages = importlib.import_module(arguments[0]).STAGES
    entrypoints_file(own).write_text("\n".join(entrypoint(stage.flow) for stage in stages), "utf-8")
    for name in register(stages):
        tell(f"registered {name}")
    ensure_zombie_automation()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

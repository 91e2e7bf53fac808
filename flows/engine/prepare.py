"""Before the worker starts: deployments and the zombie automation. `python -m flows.engine.prepare MODULE`."""

import importlib
import sys

from config.settings import settings
from flows.engine.console import tell
from flows.engine.environment import enter_environment


def main(arguments: list[str]) -> int:
    """Register the stages that a module lists in `STAGES`."""
    enter_environment(settings())
    from flows.engine.deployments import register
    from flows.engine.reconcile import ensure_zombie_automation

    for name in register(importlib.import_module(arguments[0]).STAGES):
        tell(f"registered {name}")
    ensure_zombie_automation()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

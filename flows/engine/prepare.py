"""Before the worker starts: deployments, slots and the zombie automation. `python -m flows.engine.prepare MODULE`."""

import importlib
import sys

from config.settings import settings
from flows.engine.environment import enter_environment, entrypoints_file, external_api_url
from flows.engine.processes import tell
from flows.home.files import write_atomically


def main(arguments: list[str]) -> int:
    """Register the forms that modules list in `FORMS`."""
    own = settings()
    enter_environment(own)
    from flows.engine.choices import filling
    from flows.engine.deployments import entrypoint, free_slots, register
    from flows.engine.reconcile import ensure_zombie_automation
    from models.database import make_engine

    forms = [form for module in arguments for form in importlib.import_module(module).FORMS]
    listed = "\n".join(sorted({entrypoint(form.flow) for form in forms}))
    write_atomically(entrypoints_file(own), listed.encode())
    for name in register(forms, filling(make_engine(own.database))):
        tell(f"registered {name}")
    if not external_api_url():
        free_slots()
    ensure_zombie_automation()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

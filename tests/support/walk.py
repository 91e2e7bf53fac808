"""Which files of the program a submission passes on its way, stage by stage: `python -m tests.support.walk`.

A small season is played from the call to its end; a file is passed where one of its functions runs. With
`--files` each stage's are named, the first delivery's among them.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, ClassVar

from config.settings import Settings
from models.database import make_engine
from tests.support.databases import migrated_sqlite
from tests.support.played import play_season
from tests.support.playing import Player

ROOT = Path(__file__).parents[2]
ROOMS = tuple(f"{ROOT / room}/" for room in ("config", "models", "states", "flows"))


@contextmanager
def passing() -> Iterator[set[str]]:
    """The files of which a function runs in the meantime."""
    passed: set[str] = set()

    def look(frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(ROOMS) and file.endswith(".py") and frame.f_code.co_name != "<module>":
            passed.add(str(Path(file).relative_to(ROOT)))

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        yield passed
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


class Walker(Player):
    """Notes what each stage passes."""

    walk: ClassVar[list[tuple[str, set[str]]]] = []

    def play(self, stage: str, *given: Any, **options: Any) -> Any:
        with passing() as passed:
            result = super().play(stage, *given, **options)
        self.walk.append((stage, passed))
        return result


def main() -> None:
    with TemporaryDirectory(prefix="gangchuang-") as folder:
        own = Settings(home=Path(folder) / "home", database_url="")
        own.folder()
        migrated_sqlite(own.home / "gangchuang.db")
        engine = make_engine(own.database)
        play_season(Walker(own, engine))
        engine.dispose()
    before: set[str] = set()
    for stage, passed in Walker.walk:
        print(f"{stage:22} {len(passed):4} files, {len(passed - before):3} new, {len(passed | before):4} so far")
        if "--files" in sys.argv:
            print(*(f"    {file}" for file in sorted(passed)), sep="\n")
        before |= passed


if __name__ == "__main__":
    main()

"""From a kind and its values to the subject and text of a letter."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, TemplateError

from config import overrides
from config.calendar import provisional_note
from config.season import Season
from flows.home.templates import OwnFault, environment, faults, home_before
from flows.outbox.letters.filters import FILTERS, printable
from flows.outbox.letters.kinds import LetterKind

TEMPLATES = Path(__file__).parent / "templates"
# Where the personal link of whom a letter is for will stand; it is put in when the letter goes out.
LINK_LINE = "（此处为收件人的个人链接）"
# The same for the links by which a unit's applicants follow their submissions.
APPLICANTS_LINE = "（此处为各项申报的查询链接）"
# A branch not taken may leave its blank line beside another.
_BLANK_LINES = re.compile(r"\n\s*\n\s*\n")


class ContextMissing(TypeError):
    """A programming error: a letter was asked for without the values it must state."""

    def __init__(self, kind: LetterKind, missing: list[str]) -> None:
        self.kind, self.missing = kind, missing
        super().__init__(f"the letter {kind} needs {', '.join(missing)}")


@dataclass(frozen=True, slots=True)
class Letter:
    """A subject of one line and a plain text that ends in a line break."""

    subject: str
    body: str


def compose(kind: LetterKind, *, season: Season, office_page: str = "", **context: Any) -> Letter:
    """Write one letter. `kind.needs` names the values, `flows.outbox.letters.kinds` their shapes.

    `office_page` is where the office sees how the season stands; only letters to the office tell it.

    Raises ContextMissing for a value not given, jinja2.UndefinedError for one inside it, and
    TypeError for a value that has no form for people (None, an instant without its filter).
    """
    missing = [name for name in kind.needs if name not in context]
    if missing:
        raise ContextMissing(kind, missing)
    values: dict[str, Any] = {**dict.fromkeys(kind.may), **context, "season": season, "office_page": office_page}
    text = _environment().get_template(f"{kind.value}.j2").render(values)
    subject, _, body = text.strip().partition("\n")
    note = provisional_note(text)
    body = _BLANK_LINES.sub("\n\n", body).strip() + (f"\n\n注：{note}\n" if note else "\n")
    return Letter(" ".join(subject.split()), body)


def warm_up() -> None:
    """Compile every letter, once for all processes that are forked from this one."""
    for kind in LetterKind:
        with suppress(TemplateError, OSError, ValueError):  # the home's own may be broken; whoever writes it says so
            _environment().get_template(f"{kind.value}.j2")


def faults_of_own_letters() -> Iterator[OwnFault]:
    """What is wrong with the home's own letters."""
    known = {f"{kind.value}.j2": frozenset((*kind.needs, *kind.may)) for kind in LetterKind}
    return faults(_environment(), TEMPLATES, overrides.LETTERS, known)


@lru_cache
def _environment() -> Environment:
    made = environment(home_before(TEMPLATES, overrides.LETTERS), autoescape=False, finalize=printable)
    made.filters.update(FILTERS)
    return made

"""From a kind and its values to the subject and text of a letter."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from config.season import Season
from flows.outbox.letters.filters import FILTERS, printable
from flows.outbox.letters.kinds import LetterKind

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


def compose(kind: LetterKind, *, season: Season, **context: Any) -> Letter:
    """Write one letter. `kind.needs` names the values, `flows.outbox.letters.kinds` their shapes.

    Raises ContextMissing for a value not given, jinja2.UndefinedError for one inside it, and
    TypeError for a value that has no form for people (None, an instant without its filter).
    """
    missing = [name for name in kind.needs if name not in context]
    if missing:
        raise ContextMissing(kind, missing)
    values: dict[str, Any] = {**dict.fromkeys(kind.may), **context, "season": season}
    text = _environment().get_template(f"{kind.value}.j2").render(values)
    subject, _, body = text.strip().partition("\n")
    return Letter(" ".join(subject.split()), _BLANK_LINES.sub("\n\n", body).strip() + "\n")


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("flows.outbox.letters"),
        undefined=StrictUndefined,
        finalize=printable,
        autoescape=False,  # plain text
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment

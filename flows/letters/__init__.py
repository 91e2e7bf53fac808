"""Letters: what districts, experts and the office read, in Chinese, from one template a kind."""

from flows.letters.composing import ContextMissing, Letter, compose
from flows.letters.entry import calendar_entry
from flows.letters.kinds import LetterKind

__all__ = ["ContextMissing", "Letter", "LetterKind", "calendar_entry", "compose"]

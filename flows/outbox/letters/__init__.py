"""Letters: what districts, experts and the office read, in Chinese, from one template a kind."""

from flows.outbox.letters.composing import ContextMissing, Letter, compose, faults_of_own_letters
from flows.outbox.letters.kinds import LetterKind

__all__ = ["ContextMissing", "Letter", "LetterKind", "compose", "faults_of_own_letters"]

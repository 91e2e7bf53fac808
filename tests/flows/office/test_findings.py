"""Every kind of finding has a word of the office."""

import ast
from pathlib import Path

import pytest

import states.audit
from flows.office.doctor_files import FILE_INVARIANTS
from flows.office.findings import DIFFERENCES, FINDINGS
from states.audit.projection import EVERY_INVARIANT


def spelt(name: str) -> set[str]:
    """The first words that the audit gives to a class of findings."""
    return {
        call.args[0].value
        for file in Path(states.audit.__path__[0]).glob("*.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == name
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


@pytest.mark.parametrize(
    ("words", "kinds", "otherwise"),
    [
        (FINDINGS, spelt("Finding"), set()),
        # Those of the assignment's certificate are named by what they limit.
        (
            DIFFERENCES,
            spelt("Difference"),
            {"aim", "wanted", "most", "level", "level_at_most", "total", "total_at_most"},
        ),
    ],
)
def test_every_kind_of_finding_has_a_word_of_the_office(
    words: dict[str, str], kinds: set[str], otherwise: set[str]
) -> None:
    assert words.keys() == kinds | otherwise
    assert [word for word in words.values() if word.isascii()] == []


def test_every_invariant_has_a_sentence_and_words_of_the_office() -> None:
    every = (*EVERY_INVARIANT, *FILE_INVARIANTS)

    assert len({invariant.name for invariant in every}) == len({invariant.said for invariant in every}) == len(every)
    assert [said.name for said in every if not said.sentence.endswith((".", ").")) or "\n" in said.sentence] == []
    assert [said.name for said in every if said.said.isascii()] == []

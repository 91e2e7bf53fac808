"""What is stored comes from closed lists: no word of the record is spelt out where its member should stand."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.enums import Trigger

ROOT = Path(__file__).parents[1]
WORDS = {word.value for word in Trigger}
# It stands alone, beside an export, without this program.
ALONE = "states/verify_history.py"
# Whose arguments are names of stages, commands and error handlers, whatever they are equal to.
OTHER_NAMES = {"perform", "play", "stage_flow", "command", "decode"}


def modules() -> Iterator[tuple[str, str]]:
    for package in ("states", "flows"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name != ALONE:
                yield name, path.read_text("utf-8")


def called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def words_spelt_out(source: str) -> Iterator[tuple[int, str]]:
    """(line, word) of every literal that equals a word of the record, but for values of other enums and for names."""
    tree, other = ast.parse(source), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in OTHER_NAMES:
            other.update({*node.args, *(keyword.value for keyword in node.keywords)})
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            other.update(ast.walk(node))
        if isinstance(node, ast.ClassDef):
            other.update(line.value for line in node.body if isinstance(line, ast.Assign))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in other and node.value in WORDS:
            yield node.lineno, node.value


def test_no_word_of_the_record_is_spelt_out() -> None:
    assert [f"{name}:{line} {word}" for name, source in modules() for line, word in words_spelt_out(source)] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('note_call(session, 2026, "strike")', [(1, "strike")]),
        ('Ask("archive", actor, at)', [(1, "archive")]),
        ('if entry["trigger"] == "award": pass', [(1, "award")]),
        ('x = {"submit": 1}', [(1, "submit")]),
        ('def f(word="plan"): return f"{one(\'approve\')}"', [(1, "plan"), (1, "approve")]),
        ('perform("open_call", season, opening)', []),
        ('class Deed(StrEnum):\n    REVOKE = "revoke"', []),
        ('__all__ = ["assign"]', []),
        ('text = "to award a prize"', []),
    ],
)
def test_a_word_spelt_out_would_be_seen(source: str, found: list[tuple[int, str]]) -> None:
    assert sorted(words_spelt_out(source)) == sorted(found)


def test_every_word_of_the_record_is_used() -> None:
    used = {
        node.attr
        for _, source in modules()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Trigger"
    }

    assert sorted(word.name for word in Trigger if word.name not in used) == []


def test_every_word_of_the_record_is_explained() -> None:
    assert len({word.label for word in Trigger}) == len({word.meaning for word in Trigger}) == len(Trigger)
    assert [word for word in Trigger if not word.label or not word.meaning.endswith(".")] == []

"""What is stored comes from closed lists: no word of the record is spelt out where its member should stand."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.enums import Trigger

ROOT = Path(__file__).parents[1]
WORDS = {word.value for word in Trigger}
# It stands alone, beside an export, without this program.
ALONE = "states/history/verify_history.py"
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


# Attributes that hold sentences for people.
PROSE = {"reason", "missing", "problem", "message", "answer", "grounds", "comment", "english", "chinese", "remark"}
MATCHING = {
    "like",
    "ilike",
    "contains",
    "startswith",
    "endswith",
    "removeprefix",
    "partition",
    "find",
    "index",
    "count",
}
# What reads workbooks (and the demo's people, who fill them) looks for what stands there; nothing else has a reason to.
READERS = ("flows/workbooks/", "flows/demo/")


def prose_compared(source: str, *, reads_documents: bool = False) -> Iterator[tuple[int, str]]:
    """(line, expression) of every comparison of a sentence, or of anything with a Chinese sentence's beginning."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=holder, attr=verb)) if verb in MATCHING:
                if holds_prose(holder) or (not reads_documents and any(map(is_chinese, ast.walk(node)))):
                    yield node.lineno, ast.unparse(node)
            case ast.Compare(left=left, comparators=others):
                sides = (left, *others)
                if any(map(holds_prose, sides)) and any(
                    isinstance(side, ast.Constant) and side.value for side in sides
                ):
                    yield node.lineno, ast.unparse(node)


def holds_prose(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in PROSE


def is_chinese(node: ast.AST) -> bool:
    """A literal of more than a separator."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and len(re.findall("[一-鿿]", node.value)) > 1


def test_no_sentence_is_compared() -> None:
    found = [
        f"{name}:{line} {what}"
        for name, source in modules()
        for line, what in prose_compared(source, reads_documents=name.startswith(READERS))
    ]

    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'History.reason.like(f"{reason}%")',
        "next(note for note in notes if note.message.startswith(UNFINISHED))",
        'if line.startswith("退回"): pass',
        'if entry.reason == "逾期未补正": pass',
        'if refusal.chinese != "时间未到": pass',
    ],
)
def test_a_compared_sentence_would_be_seen(source: str) -> None:
    assert list(prose_compared(source))


def test_no_two_classes_bear_one_name() -> None:
    """Those of one module alone are its own; the checker stands alone too."""
    where: dict[str, list[str]] = {}
    for package in ("config", "models", "states", "flows"):
        for path in (ROOT / package).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and name != ALONE:
                    where.setdefault(node.name, []).append(name)
    assert {name: files for name, files in where.items() if len(files) > 1} == {}

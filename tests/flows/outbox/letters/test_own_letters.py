"""The home's own wording of a letter: it wins at once, and what is wrong with it is said."""

from pathlib import Path

import pytest

from flows.outbox.letters import LetterKind, compose, composing, faults_of_own_letters
from flows.publish.pages import rendering
from tests.support.builders import season_rules
from tests.support.letters import a_context

OWN = '{% extends "_unit.j2" %}{% block subject %}示例题目{% endblock %}{% block text %}请在截止前报送。{% endblock %}'


@pytest.fixture
def folder(fresh_home: Path) -> Path:
    made = fresh_home / "templates" / "letters"
    made.mkdir(parents=True)
    return made


def composed() -> str:
    return compose(LetterKind.CALL_OPENED, season=season_rules(), **a_context(LetterKind.CALL_OPENED)).subject


def test_the_homes_own_letter_wins_while_it_is_there(folder: Path) -> None:
    assert "示例题目" not in composed()
    (folder / "call_opened.j2").write_text(OWN, "utf-8")
    assert composed() == "【2026年岗位创新】示例题目"

    (folder / "call_opened.j2").unlink()

    assert "示例题目" not in composed()


def test_a_part_of_all_letters_can_be_worded_anew(folder: Path) -> None:
    text = "【示例】{% block subject required %}{% endblock %}\n{% block to required %}{% endblock %}"
    (folder / "_letter.j2").write_text(text, "utf-8")

    assert composed().startswith("【示例】")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("call_opend.j2", OWN, "there is no shipped template call_opend.j2"),
        ("call_opened.j2", "{% if %}", "line 1: Expected an expression"),
        ("call_opened.j2", "{{ deadlin | instant }}", "asks for deadlin, which it is not given; it has: commitment"),
        ("call_opened.j2", "{{ deadline | instnt }}", "No filter named 'instnt'"),
    ],
)
def test_what_is_wrong_with_it_is_said(folder: Path, name: str, text: str, words: str) -> None:
    (folder / name).write_text(text, "utf-8")

    ((path, fault, _),) = faults_of_own_letters()

    assert path == folder / name
    assert words in fault


def test_nothing_is_wrong_with_a_good_one(folder: Path) -> None:
    (folder / "call_opened.j2").write_text(OWN, "utf-8")

    assert list(faults_of_own_letters()) == []


@pytest.mark.parametrize("broken", [b"{% if %}", "示例".encode("gbk")], ids=["no template", "no UTF-8"])
def test_a_broken_one_lets_the_engine_start(folder: Path, broken: bytes) -> None:
    pages = folder.with_name("pages")
    pages.mkdir()
    (folder / "call_opened.j2").write_bytes(broken)
    (pages / "index.html.j2").write_bytes(broken)

    composing.warm_up()
    rendering.warm_up()

"""What docstrings, comments, letters, errors, help and the written pages name is there: commands, targets, modules, names."""

import ast
import io
import re
import shlex
import tokenize
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

from config.milestones import Milestone
from config.settings import Settings
from flows import consult
from flows.cli.commands import app
from flows.decisions import Decision
from flows.year import BY_HAND, FORMS, STAGES
from tests.support import readme

ROOT = Path(__file__).parents[1]
ROOMS = ("config", "models", "states", "flows")
MODULES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
TEMPLATES = sorted((ROOT / "flows").rglob("*.j2"))
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *GUIDES]
ROOMS_PAGE = ROOT / "CONTRIBUTING.md"
COMMANDS: Any = typer.main.get_command(app)

QUOTED = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
STEP = re.compile(r"^\d+\. .*$", re.MULTILINE)
IN_PROSE = re.compile(r"gangchuang ((?: ?[a-z][a-z_-]+)+)")
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\(\))?")
SHOUTED = re.compile(r"GANGCHUANG_[A-Z_]+[A-Z]")
# What an argument's first word may be; a placeholder (YEAR, 2026, <number>, {}) is no word.
WORDS = {"decide": set(Decision), "run": {stage.name for stage in (*STAGES, *BY_HAND)}, "move": set(Milestone)}
WORD = re.compile(r"[a-z][a-z_-]+")


def wrong_command(text: str, *, whole: bool = False) -> str | None:
    """Why a command as it is written would be refused; None where it would run, or (not `whole`) only begins."""
    command, words = COMMANDS, shlex.split(re.sub(r"\$\([^)]*\)|…", "", text))
    while words and "commands" in dir(command):
        inner = command.commands.get(words[0]) or (None if words[0].startswith("-") else command.commands.get("ID"))
        if inner is None:
            break
        command, words = inner, words[inner.name != "ID" :]
    options = {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
    places = [option for option in command.params if option.param_type_name == "argument"]
    first = True
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            option = options.get(word.partition("=")[0])
            if option is None and word != "--help":
                return f"{command.name} has no option {word}"
            words = words if option is None or option.is_flag or "=" in word else words[1:]
        elif not places:
            return f"{command.name} does not take {word}"
        elif first and WORD.fullmatch(word) and word.replace("-", "_") not in WORDS.get(command.name, {word}):
            return f"{command.name} does not know {word}"
        else:
            first, _ = False, places.pop(0)
    lacking = [str(place.name) for place in places if place.required] if whole else []
    return f"{command.name} wants {', '.join(lacking)}" if lacking else None


@cache
def texts(module: Path) -> list[tuple[str, bool]]:
    """Every text of a module, and whether it is a docstring or a comment; a formatted value reads `{}`."""
    source = module.read_text("utf-8")
    tree = ast.parse(source)
    held = (ast.Module, ast.ClassDef, ast.FunctionDef)
    documented = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, held)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    found = [(token.string, True) for token in tokens if token.type == tokenize.COMMENT]
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
            found.append(("".join(parts), False))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            found.append((node.value, node.value in documented))
    return found


def written() -> Iterator[tuple[str, str]]:
    """Everything that may name a command, with the file it stands in."""
    for module in MODULES:
        yield from ((str(module.relative_to(ROOT)), text) for text, _ in texts(module))
    for path in (*TEMPLATES, *PAGES):
        yield str(path.relative_to(ROOT)), path.read_text("utf-8")


def commands_in(text: str) -> Iterator[str]:
    """The commands that a text gives, without the program's name: whole within marks and blocks, by name in prose."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0] for block in blocks for line in block.splitlines()]
    for given in (*QUOTED.findall(text), *lines):
        first, _, rest = given.strip().removeprefix("gangchuang ").partition(" ")
        if given.startswith("gangchuang ") or (rest and first in COMMANDS.commands and WORD.match(rest)):
            yield given.strip().removeprefix("gangchuang ")
    yield from IN_PROSE.findall(QUOTED.sub("", text))


def test_every_command_that_is_named_would_be_understood() -> None:
    given = [(place, command) for place, text in written() for command in commands_in(text)]

    assert len(given) > 60
    assert_none(
        f"{place}: `gangchuang {command}`: {why}" for place, command in given if (why := wrong_command(command))
    )


def test_the_steps_of_a_guide_give_their_commands_whole() -> None:
    steps = [(page.name, step) for page in GUIDES for step in STEP.findall(page.read_text("utf-8"))]
    given = [(name, command) for name, step in steps for command in commands_in(step)]

    assert len(given) > 20
    assert_none(
        f"{name}: `gangchuang {command}`: {why}"
        for name, command in given
        if (why := wrong_command(command, whole=True))
    )


def test_every_target_and_module_that_is_to_be_run_is_there() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    given = [(place, quoted) for place, text in written() for quoted in QUOTED.findall(text)]
    made = [(place, quoted) for place, quoted in given if quoted.startswith("make ")]
    run = [(place, quoted) for place, quoted in given if quoted.startswith("python -m ")]

    assert targets is not None
    assert min(len(made), len(run)) > 3
    assert_none(f"{place}: `{target}`" for place, target in made if target.split()[1] not in targets[1].split())
    assert_none(f"{place}: `{module}`" for place, module in run if find_spec(module.split()[2]) is None)


@cache
def known() -> frozenset[str]:
    """Every name of the code: defined, used, a key or word in a text, a template's, a season file's."""
    found: set[str] = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            for field in ("id", "attr", "arg", "name", "rest"):
                value = getattr(node, field, None)
                found |= {value} if isinstance(value, str) else set()
            if isinstance(node, ast.ImportFrom | ast.Import):
                found |= {part for name in node.names for part in name.name.split(".")}
        found |= {word for text, told in texts(module) if not told for word in re.findall(r"\w+", text)}
    for path in TEMPLATES:
        found |= set(re.findall(r"\w+", path.read_text("utf-8")))
    for path in (ROOT / "config").rglob("*.toml"):
        found |= set(keys(tomllib.loads(path.read_text("utf-8"))))
    return frozenset(
        found
        | {"True", "False", "None"}
        | {part for module in MODULES for part in module.with_suffix("").parts}
        | {*ROOMS}
    )


def keys(table: dict[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        yield key
        yield from keys(value) if isinstance(value, dict) else ()


def test_every_name_in_a_docstring_a_comment_or_the_contributors_page_is_one_of_the_code() -> None:
    told = [(module, text) for module in MODULES for text, is_told in texts(module) if is_told]
    names = [
        (str(path.relative_to(ROOT)), name)
        for path, text in (*told, (ROOMS_PAGE, ROOMS_PAGE.read_text("utf-8")))
        for quoted in QUOTED.findall(text)
        if NAME.fullmatch(name := quoted.removesuffix("/"))
    ]

    assert len(names) > 300
    assert_none(
        f"{place}: `{name}`"
        for place, name in names
        if not ({*name.removesuffix("()").split(".")} <= known() or (ROOT / name).exists())
    )


def test_every_module_that_is_named_by_its_path_is_there() -> None:
    path = re.compile(rf"(?:{'|'.join(ROOMS)}|tests)(?:[./]\w+)+(?:\.\w+)?")
    missing = []
    for place, text in written():
        for quoted in QUOTED.findall(text):
            if path.fullmatch(quoted.removesuffix("/")) and not (ROOT / quoted).exists() and not is_importable(quoted):
                missing.append(f"{place}: `{quoted}`")

    assert_none(missing)


def is_importable(dotted: str) -> bool:
    """A module, or a name within one."""
    parts = dotted.split(".")
    paths = [ROOT.joinpath(*parts[:length]) for length in (len(parts), len(parts) - 1)]
    return "/" not in dotted and any(path.is_dir() or path.with_suffix(".py").is_file() for path in paths)


def test_every_setting_that_is_named_is_one() -> None:
    settings = {f"GANGCHUANG_{name.upper()}" for name in Settings.model_fields}
    code = "\n".join(path.read_text("utf-8") for path in (*MODULES, *(ROOT / "tests").rglob("*.py")))

    given = [(place, name) for place, text in written() for name in SHOUTED.findall(text)]

    assert_none(f"{place}: {name}" for place, name in given if name not in settings and f'"{name}"' not in code)


def test_the_readme_names_the_libraries_that_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {plain(re.split(r"[\[<>=!]", one)[0]) for one in project["dependencies"]}
    table = (ROOT / "README.md").read_text("utf-8").partition("| library |")[2].partition("\n\n")[0]
    named = {plain(name) for row in table.splitlines()[2:] for name in row.split("|")[1].split(",")}

    assert named == declared


def test_every_form_that_a_guide_names_is_in_the_dashboard() -> None:
    forms = (*FORMS, *consult.FORMS)
    titles, labels = {form.title for form in forms}, {form.label for form in forms}
    named = [(path.name, title) for path in GUIDES for title in re.findall(r"表单《(.+?)》", path.read_text("utf-8"))]
    numbered = [
        (path.name, label)
        for path in GUIDES
        for label in re.findall(r"\b[ABC]\d\d [\u4e00-\u9fff]+", path.read_text("utf-8"))
    ]

    assert min(len(named), len(numbered)) > 20
    assert_none(f"{place}: 表单《{title}》" for place, title in named if title not in titles)
    assert_none(f"{place}: {label}" for place, label in numbered if label not in labels)


def test_what_a_guide_quotes_the_program_says() -> None:
    said = "\n".join(
        [text for module in MODULES for text, _ in texts(module)] + [path.read_text("utf-8") for path in TEMPLATES]
    )
    quoted = [(path.name, words) for path in GUIDES for words in quoted_in(path.read_text("utf-8"))]

    assert len(quoted) > 150
    assert_none(f"{place}: {words}" for place, words in quoted if words not in said)


def quoted_in(text: str) -> Iterator[str]:
    """What stands in quotation marks, and the refusals in a guide's tables, without what differs from case to case."""
    tables = re.findall(r"^\| (?:被拒绝时写|写的是) \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    refusals = [row.split("|")[1].strip() for table in tables for row in table.splitlines()]
    for words in (*re.findall(r"“([^”\n]+)”|《([^》\n]+)》", text), *((refusal, "") for refusal in refusals)):
        yield from filter(None, re.split("……|；", "".join(words)))


def test_every_link_between_the_pages_leads_to_a_file_and_a_heading() -> None:
    broken = []
    for path in PAGES:
        for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", path.read_text("utf-8")):
            file, _, heading = target.partition("#")
            leads_to = path.parent / file if file else path
            if not leads_to.is_file() or (heading and heading not in headings_of(leads_to)):
                broken.append(f"{path.name}: {target}")

    assert_none(broken)
    assert_none(
        f"README.md does not lead to {path.name}"
        for path in GUIDES
        if path.name not in (ROOT / "README.md").read_text("utf-8")
    )


def headings_of(path: Path) -> set[str]:
    """A page's headings as links name them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", readme.PARTS, ids=lambda path: path.name)
def test_what_is_made_from_the_code_is_fresh(path: Path) -> None:
    assert readme.written(path) == path.read_text("utf-8"), "run `make docs`"


def assert_none(complaints: Iterable[str]) -> None:
    assert (found := sorted(set(complaints))) == [], "\n" + "\n".join(found)


def plain(library: str) -> str:
    """A library's name in one spelling, without its version."""
    name = re.sub(r"[^a-z]", "", re.sub(r" [\d.]+$", "", library.strip()).lower())
    return {"highs": "highspy"}.get(name, name)

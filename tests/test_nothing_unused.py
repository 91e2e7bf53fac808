"""Nothing is kept that nothing uses: letters, enum members, columns, settings, fields of a season file, functions."""

import ast
import importlib
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from vulture import Vulture

from models import tables
from tests.test_documentation import MODULES, ROOMS, ROOT, TEMPLATES, assert_none, texts

PROGRAM = [module for module in MODULES if "migrations" not in module.parts]  # a migration names every column
# Called by a library under its name, or only by whoever reads the object that is made.
LIBRARIES = (
    "model_config",
    "daemon_threads",
    "disable_nagle_algorithm",
    "impl",
    "cache_ok",
    "process_bind_param",
    "process_result_value",
    "result_processor",
    "coltype",
    "job_configuration",
    "_value_",
)
DECORATORS = (
    "@app.*",
    "@model_validator",
    "@field_validator",
    "@invariant",
    "@by_query",
    "@lying",
)  # the last list the checks
EXCEPTIONS = {
    "__getattr__": "Python calls it for the package's names",
}
# Enums whose members people choose on forms and in season files: the code takes the word, whichever it is.
CHOSEN = {
    "Origin": "the form",
    "Use": "the follow-up's workbook",
    "Aim": "the season file: what the assignment raises first",
    "ObjectionKind": "the form of an objection's letter",
    "ObjectionChannel": "the form of an objection's letter",
    "Tier": "the season file: its prizes, in order",
    "Method": "the season file: [scoring]",
}
COLUMNS: dict[str, str] = {}


def test_nothing_is_defined_that_nothing_uses() -> None:
    looked_at = Vulture(ignore_names=LIBRARIES, ignore_decorators=DECORATORS)
    looked_at.scavenge([str(ROOT / room) for room in ROOMS], exclude=["*/migrations/*"])
    # A column may be read by its name, a field of a context by a template.
    looked_at.used_names |= {word for module in PROGRAM for word in words(module)}
    looked_at.used_names |= {word for path in TEMPLATES for word in re.findall(r"\w+", path.read_text("utf-8"))}
    members = {member for enum in enums() for member in enum.__members__}  # the next test's
    unused = [item for item in looked_at.get_unused_code() if item.name not in members]
    unused = [item for item in unused if item.typ != "attribute"]  # set on a library's object

    assert {item.name for item in unused} >= set(EXCEPTIONS), "an exception that is not needed any more"
    assert_none(
        f"{Path(item.filename).relative_to(ROOT)}:{item.first_lineno}: {item.typ} {item.name}"
        for item in unused
        if item.name not in EXCEPTIONS
    )


def test_every_column_is_used_where_its_table_is() -> None:
    """A name may stand in several tables, so the module that uses it must speak of the table too."""
    used = [(module, *spoken_of(module)) for module in PROGRAM]
    unused = {
        f"{table.__name__}.{column}"
        for table in (getattr(tables, name) for name in tables.__all__)
        for column in [field.name for field in table.__table__.columns]
        if not any(
            {table.__name__, table.__tablename__} & names and column in attributes
            for module, names, attributes in used
            if not table.__module__.endswith(module.stem)
        )
    }

    assert unused >= set(COLUMNS), "an exception that is not needed any more"
    assert_none(unused - set(COLUMNS))


def spoken_of(module: Path) -> tuple[set[str], set[str]]:
    """The names of a module, and its attributes and keywords; words of its texts are both."""
    nodes = list(ast.walk(ast.parse(module.read_text("utf-8"))))
    told = {word for text, is_told in texts(module) if not is_told for word in re.findall(r"\w+", text)}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    keywords = {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}
    return told | {node.id for node in nodes if isinstance(node, ast.Name)}, told | attributes | keywords


def words(module: Path) -> Iterator[str]:
    """Single words among a module's texts that are no documentation, and the words of quoted annotations."""
    yield from (text for text, told in texts(module) if not told and text.isidentifier())
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(annotation, ast.Constant):
                yield from re.findall(r"\w+", str(annotation.value))


def test_every_member_of_an_enum_is_used() -> None:
    unused = {f"{enum.__name__}.{member}" for enum in enums() for member in enum.__members__} - members_used()

    assert {member.partition(".")[0] for member in unused} >= set(CHOSEN), "a class that need not be listed any more"
    assert_none(member for member in unused if member.partition(".")[0] not in CHOSEN)


def enums() -> Iterator[type[Enum]]:
    for module in MODULES:
        for node in ast.parse(module.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and "enum" in module.read_text("utf-8").lower():
                dotted = ".".join(module.relative_to(ROOT).with_suffix("").parts)
                found = getattr(importlib.import_module(dotted), node.name)
                if isinstance(found, type) and issubclass(found, Enum):
                    yield found


def members_used() -> set[str]:
    """`Class.MEMBER` wherever code has it, by whatever name it was imported; within the class without its name."""
    found = set()
    for module in MODULES:
        tree = ast.parse(module.read_text("utf-8"))
        imported = [name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names]
        names = {name.asname: name.name for name in imported if name.asname}
        for node in tree.body:  # S = SubmissionState
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                names |= {target.id: node.value.id for target in node.targets if isinstance(target, ast.Name)}
        for holder in ast.walk(tree):
            own = holder.name if isinstance(holder, ast.ClassDef) else ""
            for node in ast.walk(holder):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    named = own if node.value.id in ("self", "cls") else names.get(node.value.id, node.value.id)
                    found.add(f"{named}.{node.attr}")
    return found

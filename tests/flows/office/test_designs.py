"""The home's own designs of papers: what cannot be filled in is named with its reason before a stage needs it."""

import shutil
from pathlib import Path

import pytest

from flows.cli.season import _faults_of_templates
from flows.office.designs import faults_of_own_designs
from flows.papers.typesetting import TEMPLATES
from flows.reports import yearly
from tests.support.builders import season_rules

SHIPPED = (*sorted(TEMPLATES.iterdir()), yearly.TEMPLATES / yearly.WORD, yearly.TEMPLATES / yearly.CHART)
BROKEN = {
    "application.typ": (b'#image("nowhere.png", alt: "-")', "file not found"),
    "certificate.typ": (b"#let given = json(bytes(sys.inputs.given))\n#given.programm", 'contain key "programm"'),
    "chart.typ": (b"#let x = (", "unclosed delimiter"),
    "evidence.typ": ("#[证明]".encode("gbk"), "not valid UTF-8"),
    "extract.html.j2": (b"{% if %}", "Expected an expression"),
    "kit.docx": (b"", "takes the place of nothing"),
    "press_kit.docx": (b"PK\x03\x04", "Package not found"),
    "press_kit.md.j2": (b"{{ nothing }}", "'nothing' is undefined"),
}


@pytest.fixture
def folder(fresh_home: Path) -> Path:
    made = fresh_home / "templates" / "papers"
    made.mkdir(parents=True)
    return made


def test_nothing_is_wrong_with_copies_of_the_shipped_ones_nor_with_what_lies_beside(folder: Path) -> None:
    for path in SHIPPED:
        shutil.copy(path, folder)
    (folder / "part.typ").write_text("#let red = rgb(200, 0, 0)", "utf-8")
    (folder / "picture.png").write_bytes(b"")

    assert list(faults_of_own_designs(season_rules())) == []


def test_what_cannot_be_filled_in_is_named_with_its_reason_and_the_way_out(folder: Path) -> None:
    for name, (content, _) in BROKEN.items():
        (folder / name).write_bytes(content)

    found = {path.name: fault for path, fault, _ in faults_of_own_designs(season_rules())}

    assert found.keys() == BROKEN.keys()
    assert {name for name, (_, reason) in BROKEN.items() if reason not in found[name]} == set(), found
    assert {name for name, fault in found.items() if "the shipped design holds then" not in fault} == {"kit.docx"}
    assert len(_faults_of_templates(season_rules())) == len(BROKEN)

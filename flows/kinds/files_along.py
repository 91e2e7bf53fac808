"""Attachments and pictures that come along with a workbook, whatever kind it is: which columns name them, and are they there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from flows.home import paths
from flows.run import Run
from flows.workbooks.columns import cells
from flows.workbooks.columns.cells import compact, near, quote
from flows.workbooks.columns.column import LINE_LIMIT, Column, choice, in_group
from flows.workbooks.reader import pictures
from flows.workbooks.reader.findings import FilledRow, Note, Problem, Reading
from flows.workbooks.reader.packages import OpenDelivery
from flows.workbooks.reader.table import SheetLine, SheetPlace
from models.forms import IllustratedForm

_MOST_CELLS = 200
MOST_REVIEW_MB = 14  # as mail it has a third more, and most servers take 20 MB
_ALT_LIMIT = 120
# What is said of a picture -> whether people can be recognised in it, and whether it may be published.
PICTURE_ANSWERS = {
    "同意，图上没有认得出的人": (False, True),
    "同意，图上的人都已同意": (True, True),
    "不同意公开": (False, False),
}


def picture_columns(group: str, most: int) -> tuple[Column, ...]:
    """Of each picture which file, what it shows, whether it may be published."""
    return in_group(group, *(column for index in range(most) for column in _of_picture(index)))


def _of_picture(index: int) -> tuple[Column, ...]:
    n = index + 1
    return (
        Column(
            f"pictures.{index}.name",
            f"图片{n}文件名",
            cells.line(LINE_LIMIT),
            "与本表一起压缩报送的JPEG、PNG、WebP或HEIC图片",
            (f"图片{n}", f"照片{n}", f"照片{n}文件名"),
            width=20,
        ),
        Column(
            f"pictures.{index}.alt",
            f"图片{n}内容说明",
            cells.name(_ALT_LIMIT, "请写出图上是什么"),
            "一句话写出图上是什么，供看不见图片的人听读，如：改造后的送料装置在车间运行",
            (f"图片{n}说明", f"照片{n}说明", f"照片{n}内容说明"),
            width=28,
        ),
        choice(
            f"pictures.{index}.consent",
            f"图片{n}同意公开",
            PICTURE_ANSWERS,
            hint="须经作者同意；图上认得出的人，须每个人单独同意。填了文件名的必填",
            words={"否": (False, False), "不同意": (False, False)},
            also=(f"图片{n}公开", f"照片{n}同意公开"),
            width=24,
        ),
    )


def pictures_of(line: SheetLine, place: SheetPlace, most: int, problems: list[Problem]) -> list[dict[str, Any]]:
    """The pictures of a row; what is left out of one is asked back."""
    values, found = line.values, []
    for keys in ([f"pictures.{index}.{part}" for part in ("name", "alt", "consent")] for index in range(most)):
        name, alt, answer = (values.get(key) for key in keys)
        if (name, alt, answer) == (None, None, None) and not line.wrong.keys() & set(keys):
            continue
        problems += [
            place.problem(key, line.number, f"没有填，这张图片的三格须填全（{why}）")
            for key, why in zip(keys, ("哪个文件", "图上是什么", "是否同意公开"), strict=True)
            if values.get(key) is None and key not in line.wrong
        ]
        if name is not None and alt is not None and answer is not None:
            found.append({"name": name, "alt": alt, "portrait": answer[0], "consent": answer[1]})
    return found


def match_files(
    rows: Sequence[FilledRow], places: Mapping[str, SheetPlace], delivery: OpenDelivery
) -> tuple[list[FilledRow], list[Note]]:
    """Files that a row names must be in its package; files that no row names are mentioned."""
    if not delivery.packed:
        return list(rows), _promised(rows, places)
    attachments = delivery.attachments
    here = {compact(PurePosixPath(file.name).name): file.name for file in attachments}
    here |= {compact(file.name): file.name for file in attachments}
    named: set[str] = set()
    checked = []
    for row in rows:
        form = row.form or row.supposed
        if isinstance(form, IllustratedForm) and form.files:
            named.update(here.get(compact(name), "") for name in form.files)
            row = _with_attachments(row, form, here, places[row.sheet])
            row = _without_large(row, places[row.sheet], {file.name: file.size for file in attachments})
        checked.append(_with_pictures(row, places[row.sheet], delivery))
    unnamed = [file.name for file in attachments if file.name not in named]
    if not unnamed:
        return checked, []
    return checked, [Note("", None, f"随表送来、但没有一行写到的附件：{_listed(unnamed)}。")]


def _promised(rows: Sequence[FilledRow], places: Mapping[str, SheetPlace]) -> list[Note]:
    """Cells that name files while the workbook came alone: files that came before stay valid."""
    alone = [row for row in rows if isinstance(row.form, IllustratedForm) and row.form.files]
    message = "写了附件，但附件没有随表送来。以前报过的同名附件继续有效；没有报过的，请与本表一起压缩补报"
    notes = [
        places[row.sheet].note(_naming(row.form), row.line, message)
        for row in alone[:_MOST_CELLS]
        if isinstance(row.form, IllustratedForm)
    ]
    if len(alone) > _MOST_CELLS:
        notes.append(Note("", None, f"另有{len(alone) - _MOST_CELLS}行也写了附件而没有随表送来。"))
    return notes


def _naming(form: IllustratedForm) -> str:
    """The column in which a row names files."""
    named = (column for column in ("attachments", "review_attachments") if getattr(form, column))
    return next(named, "pictures.0.name")


def _listed(names: Sequence[str]) -> str:
    return "、".join(names[:10]) + ("等" if len(names) > 10 else "")


def _with_attachments(row: FilledRow, form: IllustratedForm, here: Mapping[str, str], place: SheetPlace) -> FilledRow:
    problems = []
    cells = [("attachments", form.attachments), ("review_attachments", form.review_attachments)]
    cells += [(f"pictures.{index}.name", (picture.name,)) for index, picture in enumerate(form.pictures)]
    here_by_stem = {compact(PurePosixPath(name).stem): PurePosixPath(name).name for name in here.values()}
    for key, wanted in cells:
        missing = [name for name in wanted if compact(name) not in here]
        if missing:
            names = "、".join(quote(name) for name in missing)
            meant = near(compact(PurePosixPath(missing[0]).stem), here_by_stem)
            message = f"写了{names}，但压缩包（文件夹）里没有{meant or '，'}请核对文件名"
            problems.append(place.problem(key, row.line, message))
    if problems or row.form is None:
        return replace(row, form=None, problems=(*row.problems, *problems), supposed=form)
    found = {
        "attachments": tuple(here[compact(name)] for name in form.attachments),
        "review_attachments": tuple(here[compact(name)] for name in form.review_attachments),
        "pictures": tuple(
            picture.model_copy(update={"name": here[compact(picture.name)]}) for picture in form.pictures
        ),
    }
    return replace(row, form=form.model_copy(update=found))


def _without_large(row: FilledRow, place: SheetPlace, sizes: Mapping[str, int]) -> FilledRow:
    """What experts are to get by mail must go into one."""
    form = row.form or row.supposed
    named = form.review_attachments if isinstance(form, IllustratedForm) else ()
    large = [PurePosixPath(name).name for name in named if sizes.get(name, 0) > MOST_REVIEW_MB * 1_000_000]
    if not large:
        return row
    message = f"写的{'、'.join(map(quote, large))}超过{MOST_REVIEW_MB}MB，发不到评审专家手里，请减小后再报"
    problem = place.problem("review_attachments", row.line, message)
    return replace(row, form=None, problems=(*row.problems, problem), supposed=form)


def _with_pictures(row: FilledRow, place: SheetPlace, delivery: OpenDelivery) -> FilledRow:
    """Make what may be published of a row's pictures; one that cannot be read is named, and the row stays good."""
    if not isinstance(row.form, IllustratedForm):
        return row
    notes = []
    for index, picture in enumerate(row.form.pictures):
        if picture.consent:
            try:
                delivery.make_picture(picture.name)
            except pictures.PictureUnreadable as unreadable:
                name = quote(PurePosixPath(picture.name).name)
                message = f"写的{name}{unreadable}，这张图片没有采用；截止前可以换一张再报"
                notes.append(place.note(f"pictures.{index}.name", row.line, message)._replace(unread=True))
    return replace(row, notes=(*row.notes, *notes)) if notes else row


def keep_pictures(run: Run, reading: Reading, forms: Iterable[IllustratedForm]) -> None:
    """What may be published of the pictures of accepted rows, into a store that outlasts the attachments."""
    for name in {picture.name for form in forms for picture in form.pictures} & reading.pictures.keys():
        made = reading.pictures[name]
        for path, content in zip(
            paths.picture_files(run.settings.home, run.year, made.readable.encoded), made.files, strict=True
        ):
            run.write(path, content)

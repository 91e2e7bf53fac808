"""The filled sheets of one workbook: found, their columns matched, their rows collected."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from config.season import Season
from flows.workbooks.columns.cells import Cell, as_text, compact, quote
from flows.workbooks.columns.mark import find_tokens
from flows.workbooks.reader.findings import FileRefused, FilledRow, FilledTable, Note, Problem
from flows.workbooks.reader.headings import LOOKED_AT, Headings, find_headings
from flows.workbooks.reader.inspection import PASTED, STRUCK, Inspection
from flows.workbooks.reader.layout import OWN_SHEETS, STATEMENT, Layout
from flows.workbooks.reader.sheets import Sheet
from flows.workbooks.reader.table import LineChecker, SheetPlace, is_footer, letters

_AGREED = frozenset({"同意", "是", "已确认", "确认", "我同意", "√", "✓", "☑"})
_NEVER_SHARED = ("number", "title", "name")
_MOST_ROWS = 5000


class FilledSheets:
    """Collects the filled sheets of one workbook."""

    def __init__(self, season: Season, layout: Layout, inspection: Inspection | None) -> None:
        self.season, self.layout, self.inspection = season, layout, inspection
        self.rows: list[FilledRow] = []
        self.notes: list[Note] = []
        self.tables: list[FilledTable] = []
        self.agreed = not layout.statement
        self.statement_at: tuple[str, str | None] = ("", None)

    def take(self, sheet: Sheet) -> None:
        """Read one sheet, if it is one to be filled."""
        if sheet.name in OWN_SHEETS:
            return
        head = list(islice(sheet.rows, LOOKED_AT))
        if not any(map(any, head)) or find_tokens(chain.from_iterable(head)):
            return  # an empty sheet, or the guide under another name
        headings = find_headings(head, self.layout)
        if headings is None:
            if sheet.visible:
                self._note_unread(
                    sheet, head, f"没有找到本表的列名，没有读取。要报的请移到“{self.layout.sheet}”页，不要的请删去该页"
                )
            return
        if not sheet.visible:
            self._note_unread(sheet, head, "是隐藏的，没有读取。如需报送请取消隐藏")
            return
        self._read_table(sheet, head, headings)

    def _read_table(self, sheet: Sheet, head: list[list[Cell]], found: Headings) -> None:
        top, left = sheet.start
        headings = found.moved(top, left)
        self._check_headings(sheet.name, headings)
        if self.layout.statement:
            self._look_for_statement(sheet.name, head[: found.line], top, left)
        self.tables.append(FilledTable(sheet.name, headings.line + 1, dict(headings.columns)))
        scanned = self.inspection.sheets.get(sheet.name) if self.inspection else None
        place = SheetPlace(sheet.name, self.layout, headings.columns, headings.extra)
        merges = _Merges(sheet.merged, headings, place)
        flaws = {**(scanned.flaws if scanned else {}), **dict.fromkeys(sheet.struck, STRUCK)}
        if sheet.pictures:
            self.notes.append(Note(sheet.name, None, PASTED, unread=True))
        checker = LineChecker(self.layout, headings, flaws)
        assembler = self.layout.assembler(self.layout, place, self.season)
        rows = chain(head[found.line + 1 :], sheet.rows)
        numbered = self._numbered(rows, headings.line + 2, sheet.name)
        filled = merges.fill(numbered, left)
        lines: list[int] = []
        beside: dict[int, str] = {}
        for line in checker.lines(filled, left):
            if line.untouched:
                continue
            if is_footer(line):
                self.notes.append(
                    Note(sheet.name, f"A{line.number}", f"第{line.number}行像是表尾说明，没有作为申报读取。")
                )
            else:
                self.rows.append(merges.judge(assembler.row(line)))
                lines.append(line.number)
            beside |= line.aside
        self._note_sides(sheet.name, headings, beside, checker.unheaded)
        self._note_hidden(sheet.name, scanned.hidden_rows if scanned else [], lines)

    def _numbered(self, rows: Iterator[list[Cell]], first: int, sheet: str) -> Iterator[tuple[int, Sequence[Cell]]]:
        most = self.season.files.max_rows
        count = 0
        for number, row in enumerate(rows, first):
            if any(row):
                count += 1
                if count > most:
                    raise FileRefused(f"超过{most}行，请分成几份报送。", sheet=sheet, cell=f"A{number}")
                yield number, row

    def _check_headings(self, sheet: str, headings: Headings) -> None:
        by_key = self.layout.by_key
        for key, first, second in headings.twice:
            where = f"{letters(first)}列和{letters(second)}列"
            raise FileRefused(
                f"有两列都叫“{by_key[key].heading}”（{where}），请只保留一列。",
                sheet=sheet,
                cell=f"{letters(second)}{headings.line + 1}",
            )
        missing = headings.missing(self.layout)
        lacking = [column.heading for column in missing if column.required or (column.key == "number" and column.given)]
        if lacking:
            names = "、".join(f"“{name}”" for name in lacking)
            raise FileRefused(
                f"缺少必填的列：{names}。请恢复模板的列名，或使用下发的模板。",
                sheet=sheet,
                cell=f"A{headings.line + 1}",
            )
        optional = [column.heading for column in missing if not column.given]
        if optional:
            self.notes.append(Note(sheet, None, f"没有这些列，按空白处理：{'、'.join(optional)}。"))

    def _look_for_statement(self, sheet: str, above: list[list[Cell]], top: int, left: int) -> None:
        for offset, row in enumerate(above):
            texts = [compact(as_text(value)) for value in row]
            at = next((index for index, text in enumerate(texts) if text.startswith(STATEMENT)), None)
            if at is None:
                continue
            answers = [text for text in texts[at + 1 :] if text]
            self.agreed = self.agreed or any(text in _AGREED for text in answers)
            self.statement_at = sheet, f"{letters(left + at)}{top + offset + 1}"

    def _note_unread(self, sheet: Sheet, head: list[list[Cell]], message: str) -> None:
        row = next(index for index, cells in enumerate(head) if any(cells))
        column = next(index for index, cell in enumerate(head[row]) if cell not in (None, ""))
        at = f"{letters(sheet.start[1] + column)}{sheet.start[0] + row + 1}"
        self.notes.append(Note(sheet.name, at, f"工作表“{sheet.name}”{message}。", unread=True))

    def _note_sides(
        self, sheet: str, headings: Headings, beside: Mapping[int, str], unheaded: Mapping[int, int]
    ) -> None:
        """Columns that nobody reads: with a heading of their own, or with none."""
        names = [f"{quote(name)}（{letters(index)}列）" for index, name in headings.extra.items() if index in beside]
        if names:
            self.notes.append(Note(sheet, None, f"模板里没有这些列，内容没有采用：{'、'.join(names)}。", unread=True))
        for index, line in unheaded.items():
            where = f"{letters(index)}{line}"
            self.notes.append(Note(sheet, where, f"{letters(index)}列没有列名，内容没有采用。", unread=True))

    def _note_hidden(self, sheet: str, hidden: list[int], lines: list[int]) -> None:
        read = sorted(set(hidden) & set(lines))
        if read:
            names = "、".join(map(str, read[:10])) + ("等" if len(read) > 10 else "")
            self.notes.append(Note(sheet, None, f"隐藏的行也已读取：第{names}行。"))

    def unsigned(self) -> Problem | None:
        """The problem of a file whose statement nobody agreed to."""
        if self.agreed or not self.rows:
            return None
        return Problem(*self.statement_at, "尚未确认“公正与保密承诺”：请在承诺右侧的格子里选“同意”后再报送。")

    def finish(self) -> None:
        """Judge the workbook as a whole. Raises FileRefused."""
        if not self.tables:
            raise FileRefused(f"没有找到“{self.layout.sheet}”的列名所在的行，请使用下发的模板，不要删改列名。")
        if not self.rows:
            raise FileRefused("表里没有填写任何内容，请填好后再报送。", sheet=self.tables[0].sheet)


class _Merges:
    """The vertical merges of one sheet, by row: a value merged over several rows counts for each, a title does not."""

    def __init__(
        self, ranges: Sequence[tuple[tuple[int, int], tuple[int, int]]], headings: Headings, place: SheetPlace
    ) -> None:
        self.place = place
        keys = {index: key for key, index in headings.columns.items()}
        self.sources: dict[int, list[int]] = {}
        self.targets: dict[int, list[tuple[int, int]]] = {}
        self.blocked: dict[int, tuple[str, int, int]] = {}
        self.shared: dict[int, list[tuple[str, int, int]]] = {}
        for (top, left), (bottom, _) in ranges:
            key = keys.get(left)
            if key is None or top <= headings.line or not top < bottom <= top + _MOST_ROWS:
                continue
            for row in range(top, bottom + 1):
                if key in _NEVER_SHARED:
                    self.blocked[row + 1] = key, top + 1, bottom + 1
                elif row > top:
                    self.targets.setdefault(row + 1, []).append((left, top + 1))
                    self.shared.setdefault(row + 1, []).append((key, top + 1, bottom + 1))
            if key not in _NEVER_SHARED:
                self.sources.setdefault(top + 1, []).append(left)

    def fill(
        self, rows: Iterable[tuple[int, Sequence[Cell]]], first_column: int
    ) -> Iterator[tuple[int, Sequence[Cell]]]:
        """The rows with merged values written into every row they cover; empty rows stay out."""
        if not self.sources:
            yield from rows
            return
        held: dict[tuple[int, int], Cell] = {}
        for number, row in rows:
            for column in self.sources.get(number, ()):
                held[column, number] = row[column - first_column]
            if number in self.targets:
                row = list(row)
                for column, top in self.targets[number]:
                    row[column - first_column] = held.get((column, top), "")
            yield number, row

    def judge(self, row: FilledRow) -> FilledRow:
        """The row, refused when its title is merged with another row's; noted when it shares more."""
        if row.line in self.blocked:
            key, top, bottom = self.blocked[row.line]
            problem = self.place.problem(
                key, row.line, f"与其他行合并了（第{top}到{bottom}行）。一条只能占一行，请取消合并，每行写全"
            )
            others = tuple(other for other in row.problems if other.cell != problem.cell)
            return FilledRow(row.sheet, row.line, None, (problem, *others), row.notes, row.title)
        if row.line in self.shared:
            notes = tuple(
                self.place.note(key, row.line, f"与第{top}到{bottom}行合并，按同一内容计")
                for key, top, bottom in self.shared[row.line]
            )
            return FilledRow(row.sheet, row.line, row.form, row.problems, (*row.notes, *notes), row.title)
        return row

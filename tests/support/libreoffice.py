"""A real spreadsheet program that opens and saves workbooks."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

PROGRAM = shutil.which("soffice") or shutil.which("libreoffice")
MISSING = "LibreOffice (soffice) is not installed"
WAIT_SECONDS = 120


def convert(source: Path, folder: Path, form: str = "xlsx") -> Path:
    """Open `source` and save it into `folder` as `form`, such as xlsx, ods, pdf or "xls:MS Excel 97".

    Each call has a profile of its own, so that calls at the same time do not meet. Raises
    CalledProcessError or FileNotFoundError when the program fails.
    """
    (made,) = convert_all([source], folder, form)
    return made


def convert_all(sources: Sequence[Path], folder: Path, form: str = "xlsx") -> list[Path]:
    """The same of several files of different names by one start of the program, which costs most."""
    assert PROGRAM is not None, MISSING
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="office-") as profile:
        command = [
            PROGRAM,
            f"-env:UserInstallation={Path(profile).as_uri()}",
            "--headless",
            "--norestore",
            "--convert-to",
            form,
            "--outdir",
            str(folder),
            *map(str, sources),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=WAIT_SECONDS)
    made = [folder / f"{source.stem}.{form.partition(':')[0]}" for source in sources]
    for path in made:
        if not path.is_file():
            raise FileNotFoundError(f"LibreOffice did not write {path.name}")
    return made

"""ZIP files that are the same bytes whenever they are made: no instants, the entries in a fixed order."""

import io
import zipfile
from collections.abc import Mapping

_PACKED = (".pdf", ".png", ".jpg")  # nothing is gained by packing them once more
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest that the format knows


def packed(entries: Mapping[str, bytes]) -> bytes:
    """An archive of these files, by their names in it, as they come."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            how = zipfile.ZIP_STORED if name.endswith(_PACKED) else zipfile.ZIP_DEFLATED
            entry.compress_type, entry.external_attr = how, 0o600 << 16
            archive.writestr(entry, content)
    return made.getvalue()


def repacked(archive: bytes) -> bytes:
    """The same archive without the instants that whoever made it put in."""
    with zipfile.ZipFile(io.BytesIO(archive)) as made:
        return packed({name: made.read(name) for name in made.namelist()})

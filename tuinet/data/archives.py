"""A file inside a zip archive, read in memory: nothing is unpacked onto the disk, no name in it is used as a path."""

from __future__ import annotations

import io
import zipfile
import zlib

from tuinet.data.foreign import LARGEST_RATIO, LARGEST_TABLE
from tuinet.errors import DataError
from tuinet.safe_text import safe


def zip_member(archive: bytes, name: str, place: str) -> bytes:
    """What the member of this name holds, its checksum checked.

    DataError where there is none, where it is damaged, or larger than a text may be or than its packed bytes can hold.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened, opened.open(name) as stream:
            most = min(LARGEST_TABLE, LARGEST_RATIO * len(archive))
            content = stream.read(most + 1)
    except KeyError:
        raise DataError(f"{place}: the archive holds no {safe(name, 60)}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise DataError(f"{place}: the archive is damaged ({safe(str(error), 100)})") from None
    if len(content) > most:
        raise DataError(
            f"{place}: {safe(name, 60)} unpacks to more than {most:,} bytes, which is the most that is read"
        )
    return content

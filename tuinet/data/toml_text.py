"""Foreign words, such as file names, as TOML strings."""

from __future__ import annotations

import json

from tuinet.errors import DataError


def toml_text(text: str) -> str:
    """The text as a TOML string. DataError where TOML has no way to write it: a file name that is no Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"{text!r} is no Unicode name, which a preset cannot hold; rename the file") from None
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

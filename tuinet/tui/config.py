"""What the user has chosen for every run: a folder with keys.toml (written by hand) and settings.toml (by the screens).

$TUINET_CONFIG, or the platform's folder for a user's configuration. A file that cannot be read changes nothing and
gives a sentence that says why.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from tuinet.atomic import write_file
from tuinet.bounded_io import read_bounded
from tuinet.errors import TuinetError
from tuinet.safe_text import safe

LIMIT = 64 << 10  # bytes of a file


def config_folder() -> Path:
    """$TUINET_CONFIG, or the platform's folder for a user's configuration."""
    said = os.environ.get("TUINET_CONFIG")
    if said:
        return Path(os.path.expanduser(said)).absolute()
    from platformdirs import user_config_path

    return user_config_path("tuinet", appauthor=False)


def read_table(name: str) -> tuple[dict[str, Any], str]:
    """What a file of the folder says, and what is wrong with it; nothing and "" where there is none."""
    path = config_folder() / name
    try:
        return tomllib.loads(read_bounded(path, LIMIT, follow=True).decode("utf-8")), ""
    except (FileNotFoundError, NotADirectoryError):
        return {}, ""
    except OSError as error:
        return {}, f"{safe(str(path), 200)} cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        return {}, f"{safe(str(path), 200)} is not UTF-8 at byte {error.start}"
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        return {}, f"{safe(str(path), 200)} is not TOML: {safe(str(error), 200)}"


def setting(key: str) -> str:
    """A text of settings.toml; "" where it says none."""
    found = read_table("settings.toml")[0].get(key)
    return found if isinstance(found, str) else ""


def remember(key: str, value: str) -> str:
    """Puts a text into settings.toml; what kept it from being written, or ""."""
    import tomlkit

    table = {**read_table("settings.toml")[0], key: value}
    path = config_folder() / "settings.toml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, tomlkit.dumps(table).encode("utf-8"))
    except (OSError, TuinetError) as error:
        return f"{key} is not remembered: {safe(str(error), 300)}"
    return ""

"""How to get an optional part of this distribution: from where the distribution itself was installed.

It is on no index, so a bare `pip install codegen-harness[...]` would promise what is not there. pip writes down where
a distribution came from (PEP 610, direct_url.json): a checkout, a file, a repository. Where it has written nothing, it
came from an index or a folder of wheels, which the user has to name again.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

NAME = "codegen-harness"


def install(extra: str = "") -> str:
    """The command that adds an extra, such as `pip install -e '/src/harness[lora]'`; without one, that installs all."""
    # measured: 20 to 60 ms, for a message that few ever see
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        written = distribution(NAME).read_text("direct_url.json")
        source = json.loads(written) if written else {}
    except (PackageNotFoundError, ValueError):
        source = {}
    return command(source, f"[{extra}]" if extra else "")


def command(source: Any, extras: str) -> str:
    """What installs `extras` (`[lora]`, or nothing) from a source as direct_url.json describes it."""
    url = source.get("url") if isinstance(source, dict) else None
    if not isinstance(url, str):
        return f"pip install {_quoted(NAME + extras)} (with the index or --find-links that it came from)"
    if isinstance(source.get("dir_info"), dict):
        editable = "-e " if source["dir_info"].get("editable") else ""
        folder = unquote(urlsplit(url).path)
        if not Path(folder, "pyproject.toml").is_file():  # as in an image that keeps no source
            return f"pip install {_quoted(NAME + extras)} (from its source: {folder} is gone)"
        return f"pip install {editable}{_quoted(folder + extras)}"
    vcs = source.get("vcs_info")
    if isinstance(vcs, dict):
        commit = vcs.get("commit_id")
        url = f"{vcs.get('vcs')}+{url}" + (f"@{commit}" if commit else "")
    return f"pip install {_quoted(f'{NAME}{extras} @ {url}')}"


def _quoted(text: str) -> str:
    """For a shell."""
    return shlex.quote(text)

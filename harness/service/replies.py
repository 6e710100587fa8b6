"""JSON answers in ASCII, so that no text of a program can make one invalid."""

from __future__ import annotations

import json
from typing import Any

from fastapi.responses import JSONResponse


class AsciiJSON(JSONResponse):
    """JSON whose texts are escaped where they are not ASCII: a lone surrogate passes, as it does in Python's json."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")

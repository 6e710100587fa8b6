"""Pictures as judges see them: decoded and written anew as PNG, so that no name, format or metadata tells the model."""

from __future__ import annotations

import io
from pathlib import Path

from harness.errors import InputError

MOST_PIXELS = 64_000_000


def nameless(path: Path) -> bytes:
    """The pixels of a picture as a PNG without any text chunk, profile or EXIF. Raises InputError where it is none."""
    from PIL import Image  # measured: 0.05 s; the leaf that owns it

    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise InputError(f"{path} has {opened.width} x {opened.height} pixels; make it smaller")
            plain = opened.convert("RGBA" if "A" in opened.getbands() else "RGB")
        bare = Image.frombytes(plain.mode, plain.size, plain.tobytes())
        data = io.BytesIO()
        bare.save(data, "PNG")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as a picture ({error})") from error
    return data.getvalue()

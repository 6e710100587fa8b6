"""Values of a published row, checked for their type."""

from __future__ import annotations

from typing import Any


def text(row: dict[str, Any], key: str) -> str:
    """The text at a key of a row. Raises KeyError, and ValueError for what is no text that can be written."""
    value = row[key]
    if not isinstance(value, str):
        raise ValueError(f"{key}: text is expected, not {type(value).__name__}")
    value.encode()  # half a surrogate pair is a ValueError
    return value


def texts(row: dict[str, Any], key: str) -> list[str]:
    """The list of texts at a key of a row, at least one. Raises KeyError, ValueError."""
    value = row[key]
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{key}: a list of texts is expected")
    return value

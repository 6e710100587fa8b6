"""Hostile text does not act on a page, and a page's policy names what it has."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import jinja2
import pytest

from harness.html.environment import make_environment, make_policy


def render(folder: Path, template: str, **context: object) -> str:
    (folder / "t.html.j2").write_text(template)
    return make_environment(folder, names={"double": lambda text: text * 2}).get_template("t.html.j2").render(context)


def test_markup_and_control_characters_in_a_text_do_not_act(tmp_path: Path) -> None:
    shown = render(tmp_path, "<p>{{ text }}</p>", text="<script>\x1b[2J\u202e")
    assert shown == "<p>&lt;script&gt;\\x1b[2J\\u202e</p>"


def test_a_name_that_the_template_does_not_have_is_an_error(tmp_path: Path) -> None:
    assert render(tmp_path, "{{ double(text) }}", text="ab") == "abab"
    with pytest.raises(jinja2.UndefinedError, match="texts"):
        render(tmp_path, "{{ texts }}", text="ab")


def test_what_is_no_verdict_has_the_class_of_others(tmp_path: Path) -> None:
    template = "{{ name | verdict_class }}"
    assert render(tmp_path, template, name="WRONG_ANSWER") == "wrong-answer"
    assert render(tmp_path, template, name='" onload="') == "other"


def test_a_policy_allows_the_page_s_own_style_and_scripts_by_their_hash_alone() -> None:
    digest = base64.b64encode(hashlib.sha256(b"p{}").digest()).decode()
    policy = make_policy("p{}")
    assert f"style-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert "script-src" not in policy and "connect-src" not in policy
    assert make_policy("", ["one()", "two()"], connects=True).count("sha256-") == 3

"""What the site adds to the pages in docs/: pages that live elsewhere in the repository, and links to them.

In the repository a page links to `../problems/README.md`; the site has no such file. Here those that are worth reading
become pages of the site, and a link to any other file of the repository becomes its name.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
# path in the repository -> page of the site
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "problems/README.md": "problem-format.md",
    "results/README.md": "run-directories.md",
    "harness/models/README.md": "embedded-models.md",
}
_LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")
_PICTURE = re.compile(r"!\[([^\]\n]*)\]\(([^)\s]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Every command's page in the navigation, under the list of them all."""
    pages = sorted(path.name for path in (ROOT / "docs/commands").glob("*.md") if path.name != "index.md")
    for section in config.nav or ():
        for entries in section.values():
            if isinstance(entries, list) and {"Commands": "commands/index.md"} in entries:
                below = ["commands/index.md", *({name[:-3]: f"commands/{name}"} for name in pages)]
                entries[entries.index({"Commands": "commands/index.md"})] = {"Commands": below}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages that live elsewhere."""
    for path, page in PAGES.items():
        if page != "index.md":
            files.append(File.generated(config, page, content=(ROOT / path).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page's text, with links that the site can follow."""
    source = next((path for path, name in PAGES.items() if name == page.file.src_uri and name != "index.md"), None)
    source = source or f"docs/{page.file.src_uri}"

    def link(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        found = PAGES.get(path, path.removeprefix("docs/"))
        if files.get_file_from_path(found) is None:
            return text
        if found == "index.md":
            anchor = ""  # README has sections that the first page has not
        return f"[{text}]({posixpath.relpath(found, posixpath.dirname(page.file.src_uri) or '.')}{anchor})"

    def picture(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[2]))
        return match[0] if files.get_file_from_path(path.removeprefix("docs/")) else ""

    return _PICTURE.sub(picture, _LINK.sub(link, markdown))

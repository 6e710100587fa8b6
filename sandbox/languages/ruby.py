"""Ruby, with its standard library and gems as Debian has them. `ruby -c` finds what does not parse."""

from __future__ import annotations

from sandbox.languages import Language

LANGUAGE = Language(
    source_file="main.rb",
    suffixes=(".rb",),
    fence_names=("ruby", "rb"),
    family="scripts",
    packages=("ruby", "ruby-test-unit"),
    version_of="ruby",
    compile=("/usr/bin/ruby", "--disable-all", "-c", "main.rb"),
    run=("/usr/bin/ruby", "main.rb"),
    memory_signs=("failed to allocate memory (NoMemoryError)",),
)

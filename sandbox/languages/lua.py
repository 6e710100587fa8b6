"""Lua 5.4. `luac -p` finds what does not parse."""

from __future__ import annotations

from sandbox.languages import Language

LANGUAGE = Language(
    source_file="main.lua",
    suffixes=(".lua",),
    fence_names=("lua",),
    other_names=("lua5.4",),
    family="scripts",
    packages=("lua5.4", "lua-unit"),
    version_of="lua5.4",
    compile=("/usr/bin/luac5.4", "-p", "main.lua"),
    run=("/usr/bin/lua5.4", "main.lua"),
    memory_signs=("not enough memory",),
)

"""Lua 5.4. `luac -p` finds what does not parse."""

from __future__ import annotations

from sandbox.languages import Language, Testing

CHECK = ("/usr/bin/luac5.4", "-p", "main.lua")
# runs the program, and gives the sign where it came to its end
LAUNCHER = r"""
local input = io.open("/dev/fd/5")
local sign = input:read("a")
input:close()
local output = io.open("/dev/fd/4", "w")
local read = false
function __harness_end() read = true end
dofile("main.lua")
if read then output:write(sign) end
output:close()
"""
LANGUAGE = Language(
    source_file="main.lua",
    suffixes=(".lua",),
    fence_names=("lua",),
    other_names=("lua5.4",),
    family="scripts",
    packages=("lua5.4", "lua-unit"),
    version_of="lua5.4",
    compile=CHECK,
    testing=Testing(
        files={"harness_launcher.lua": LAUNCHER},
        compile=CHECK,
        run=("/usr/bin/lua5.4", "harness_launcher.lua"),
        assertion_signs=("expected: ", "assertion failed"),
        end="\n__harness_end()\n",
    ),
    run=("/usr/bin/lua5.4", "main.lua"),
    memory_signs=("not enough memory",),
)

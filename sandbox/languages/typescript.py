"""TypeScript: esbuild takes the types away in milliseconds and checks none of them, Node.js runs what is left."""

from __future__ import annotations

from sandbox.languages import Language

LANGUAGE = Language(
    source_file="main.ts",
    suffixes=(".ts", ".mts", ".cts"),
    fence_names=("typescript", "ts", "tsx"),
    family="web",
    packages=("nodejs", "esbuild"),
    version_of="esbuild",
    compile=(
        "/usr/bin/esbuild", "main.ts", "--bundle", "--platform=node", "--target=node18", "--outfile=out/main.js",
        "--log-level=warning", "--color=false",
    ),
    run=("/usr/bin/node", "--max-old-space-size={memory_mib}", "{build}/main.js"),
    runtime_mib=128,
    memory_signs=("heap out of memory", "llocation failed", "process out of memory", "SetPermissions"),
)  # fmt: skip

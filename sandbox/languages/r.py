"""R, without settings or saved workspaces. R's own parser finds what does not parse.

The interpreter is started itself: the script around it starts ten small programs for each run.
"""

from __future__ import annotations

from sandbox.languages import Language

R = ("/usr/lib/R/bin/exec/R", "--no-echo", "--vanilla")
LIBRARIES = "/usr/lib/R/lib:/usr/lib/{0}/blas:/usr/lib/{0}/lapack"
LANGUAGE = Language(
    source_file="main.R",
    suffixes=(".R", ".r"),
    fence_names=("r",),
    other_names=("rscript",),
    family="r",
    packages=("r-base-core", "coreutils", "debianutils"),
    version_of="r-base-core",
    compile=(*R, "-e", "invisible(parse('main.R'))"),
    run=(*R, "--file=main.R", "--args"),
    environment={
        "R_HOME": "/usr/lib/R",
        "R_SHARE_DIR": "/usr/share/R/share",
        "R_DOC_DIR": "/usr/share/R/doc",
        "R_INCLUDE_DIR": "/usr/share/R/include",
        "LD_LIBRARY_PATH": ":".join(LIBRARIES.format(name) for name in ("x86_64-linux-gnu", "aarch64-linux-gnu")),
    },
    memory_signs=("cannot allocate", "memory exhausted"),
    runtime_mib=64,
)

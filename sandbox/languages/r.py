"""R, without settings or saved workspaces. R's own parser finds what does not parse.

The interpreter is started itself: the script around it starts ten small programs for each run.
"""

from __future__ import annotations

from sandbox.languages import Language, Testing

R = ("/usr/lib/R/bin/exec/R", "--no-echo", "--vanilla")
LIBRARIES = "/usr/lib/R/lib:/usr/lib/{0}/blas:/usr/lib/{0}/lapack"
CHECK = (*R, "-e", "invisible(parse('main.R'))")
# runs the program, and gives the sign where it came to its end
LAUNCHER = r"""
local({
  input <- file("/dev/fd/5", "r")
  sign <- readLines(input, warn = FALSE)
  close(input)
  read <- FALSE
  attach(list(.harness_end = function() read <<- TRUE), name = "harness")
  source("main.R")
  if (read) cat(sign, file = "/dev/fd/4")
})
"""
LANGUAGE = Language(
    source_file="main.R",
    suffixes=(".R", ".r"),
    fence_names=("r",),
    other_names=("rscript",),
    family="r",
    packages=("r-base-core", "coreutils", "debianutils"),
    version_of="r-base-core",
    compile=CHECK,
    testing=Testing(
        files={"harness_launcher.R": LAUNCHER},
        compile=CHECK,
        run=(*R, "--file=harness_launcher.R", "--args"),
        assertion_signs=("is not TRUE", "are not all TRUE"),
        end="\n.harness_end()\n",
    ),
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

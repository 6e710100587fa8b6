"""Python with the libraries of data science: pandas, matplotlib, scikit-learn, scipy, seaborn, nltk, a hundred more.

They are the wheels of `python_libs.lock`, unpacked beside Debian's Python 3.11; a shell, tar and gzip are there too,
for programs that call them. For x86-64. The image takes 1.1 GB and is made when it is first needed, in some minutes.
"""

from __future__ import annotations

from sandbox.languages import Language

LANGUAGE = Language(
    source_file="main.py",
    suffixes=(".py",),
    fence_names=("python-libs",),
    written_in="python",
    family="python-libs",
    packages=("coreutils", "dash", "findutils", "gzip", "libstdc++6", "procps", "tar", "tzdata", "unzip", "zip"),
    version_of="python3",
    wheels="python_libs.lock",
)

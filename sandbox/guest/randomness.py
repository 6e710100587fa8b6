"""Random numbers: each program's are its own, and with tests beside it they are the same in every run.

`random` draws another seed after a fork. Libraries that the supervisor has loaded for all do not: every program would
draw the numbers of the others. Tests that draw are to judge all programs alike, and to say the same tomorrow: as the
judge's, the generators that their text or the program's imports begin with the seed 0. A seed of their own counts.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module

SEED = 0
_GENERATORS = ("random", "numpy.random", "faker.generator")  # modules, whose generators all draw from
_USES_NUMPY = (
    "numpy", "pandas", "scipy", "sklearn", "matplotlib", "seaborn", "statsmodels", "networkx", "skimage", "gensim",
    "geopandas", "wordcloud",
)  # fmt: skip
# A package that a text imports -> the generators that come with it. To import `random` costs a millisecond.
_COMING = {"random": ("random",), **dict.fromkeys(_USES_NUMPY, _GENERATORS[:2]), "faker": ("random", _GENERATORS[2])}
# linear in what a model wrote: no blank matches the end of a line
_IMPORT = re.compile(r"^[ \t]*+(?:import|from)[ \t]++([^\n]*+)", re.MULTILINE)
_settled: set[str] = set()  # of this process: what a text that came earlier may have given a seed of its own


def seed_loaded(value: int | None) -> None:
    """Seed what is loaded before anything of the program is; None: from the system."""
    for name in _GENERATORS:
        if name in sys.modules:
            _seed(name, value)


def seed_imported(text: str) -> None:
    """Load what `text` will load, with the same seed; but for what an earlier text imported."""
    words = {word for line in _IMPORT.findall(text) for word in re.findall(r"\w+", line)}
    for name in sorted({name for word in words & _COMING.keys() for name in _COMING[word]} - _settled):
        _settled.add(name)
        try:
            import_module(name)
            _seed(name, SEED)
        except Exception:  # not in this image, or a file of the program's: its own import will say so
            pass


def _seed(name: str, value: int | None) -> None:
    module = sys.modules[name]
    (module.random if name == "faker.generator" else module).seed(value)

"""How much of a text's own rest a model writes word for word after its beginning."""

from harness.metrics._metric import share

METRICS = (share("recalled"),)

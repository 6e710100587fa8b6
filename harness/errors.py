"""What can go wrong outside the candidate programs, by the boundary that failed.

    HarnessError                 exit code 3 at the entry layer
    ├── InputError               exit code 2: what the user gave (a flag, a file, a name) cannot be used
    │   ├── ProblemError         a problem file or set
    │   └── SamplesError         a file of completions
    ├── EngineError              the model or its server
    │   ├── RequestRefused       one request, for good: asked again it would be refused again
    │   └── RequestFailed        one request, after all retries; the server may well answer others
    ├── HostsLost                no machine is left that executes programs; the same command goes on when there is
    ├── StoreError               the run directory
    └── Interrupted              exit code 130: the user pressed Ctrl-C

The sandbox's own errors are in `sandbox.errors`. A candidate program causes none of these: it causes a Verdict.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HarnessError(Exception):
    """Any failure that is ours or our surroundings'."""


class InputError(HarnessError):
    """The user's input cannot be used; the message says what, where and what to do."""


class ProblemError(InputError):
    """A problem set cannot be found or read."""


class SamplesError(InputError):
    """A file of completions cannot be read or does not fit the problem set."""


class EngineError(HarnessError):
    """The model could not be loaded, or its server did not answer well."""


class RequestRefused(EngineError):  # noqa: N818 - the request's fate, which the run records and goes on
    """One request cannot be answered, now or later: its prompt is longer than the model's context, for example."""


class RequestFailed(EngineError):  # noqa: N818 - as above
    """One request was not answered well in all its attempts; a later run may have more luck."""


class HostsLost(HarnessError):  # noqa: N818 - the state
    """No machine is left that executes programs; what is done is kept."""


class StoreError(HarnessError):
    """The run directory cannot be used."""


class Interrupted(HarnessError):  # noqa: N818 - nothing went wrong
    """The user stopped a run; what was done is kept."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` (did you mean x?)` or ``: what to append to a message about an unknown name."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(close)}?)" if close else ""

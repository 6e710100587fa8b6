"""Verdicts and rewards over HTTP: `create_app` makes the service, `serve` runs it until it is told to stop.

    app         puts the parts together: routes, faults, health
    settings    what an operator decides
    admission   who is let in, in which order, and what becomes of those who hang up
    gate        keys, body sizes, hang-ups and counting, before any route
    direct      the calls that trainers make a thousand times a second
    faults      from errors to answers
    pools       the sandboxes of each family of languages
    judging     from a request's tests or problem to verdicts
    programs    batches of a run elsewhere, with tests and limits of its own
    schemas     the bodies of our own API
    dialects/   other systems' APIs, one file each, found by existing

The service is the sandbox's caller: every program goes through `sandbox.Pool.run`, with limits that the pool enforces.
"""

from __future__ import annotations

from harness.service.app import create_app
from harness.service.pools import Pools
from harness.service.server import serve
from harness.service.settings import Settings

__all__ = ["Pools", "Settings", "create_app", "serve"]

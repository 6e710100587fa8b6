"""What runs on a node for one replica: a vLLM server of ours, behind calls that an actor takes.

As `harness.scale.node`, it tells what goes wrong by value. The server ends with the actor: its guard's pipe closes.
"""

from __future__ import annotations

from typing import Any

from harness.engines._vllm_arguments import ServerOptions
from harness.engines._vllm_server import ModelServer
from harness.errors import HarnessError

Said = dict[str, Any]


class ServerActor:
    """One server on this node. An actor's class."""

    def __init__(self) -> None:
        self._server: ModelServer | None = None
        self._status = ""

    def start(self, options: ServerOptions) -> Said:
        """Start the server, and wait until it is ready: where it is, or a `fault`."""
        try:
            self._server = ModelServer(options, self._note)
            self._server.__enter__()
        except HarnessError as error:
            return {"fault": str(error)}
        return self._said(self._server)

    def ensure_running(self, answered: bool) -> Said:
        """See that it is up, start it again where it died. answered: it has answered since the last call."""
        assert self._server is not None
        try:
            if answered:
                self._server.answered()
            self._server.ensure_running()
        except HarnessError as error:
            return {"fault": str(error)}
        return self._said(self._server)

    def status(self) -> str:
        """A sign of life: what it is at while it starts."""
        return self._status

    def close(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.close()

    def _note(self, status: str | None) -> None:
        self._status = status or ""

    @staticmethod
    def _said(server: ModelServer) -> Said:
        return {"url": server.url, "key": server.key, "arguments": server.arguments, "gpus": server.gpus,
                "restarts": server.restarts}  # fmt: skip

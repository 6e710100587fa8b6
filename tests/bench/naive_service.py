"""The baseline of `service_peer`: a service that does what SandboxFusion does without isolation.

Whatever arrives at `/run_code` is started at once, as `bash -c "python FILE"` in a fresh folder, and killed at its
timeout. As there, a function runs in the child before bash does, which sets the limit on memory where one is asked for:
so the whole process of the service is forked, page tables and all. No sandbox and no queue: it shows what such a
service costs, and is nothing to run programs with.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
import tempfile
import time
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Body(BaseModel):
    """As SandboxFusion's."""

    code: str
    language: str = "python"
    stdin: str | None = None
    run_timeout: float = 10
    memory_limit_MB: int = -1  # noqa: N815 - theirs


app = FastAPI()


def _limit(memory_mb: int) -> None:
    if memory_mb > 0:
        for which in (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_STACK):
            resource.setrlimit(which, (memory_mb << 20, resource.getrlimit(which)[1]))


@app.post("/run_code")
async def run_code(body: Body) -> dict[str, Any]:
    """Start it, whatever else runs."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "program.py")
        with open(file, "w") as program:
            program.write(body.code)
        start = time.monotonic()
        process = await asyncio.create_subprocess_shell(
            f"{sys.executable} {file}", executable="/bin/bash", cwd=folder, start_new_session=True,
            env={**os.environ}, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, preexec_fn=lambda: _limit(body.memory_limit_MB),
        )  # fmt: skip
        try:
            out, err = await asyncio.wait_for(process.communicate((body.stdin or "").encode()), body.run_timeout)
            status = "Finished"
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            out, err, status = b"", b"", "TimeLimitExceeded"
    code = process.returncode if status == "Finished" else None
    result = {"status": status, "execution_time": time.monotonic() - start, "return_code": code,
              "stdout": out.decode(), "stderr": err.decode()}  # fmt: skip
    return {"status": "Success" if code == 0 else "Failed", "message": "", "compile_result": None, "run_result": result}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)

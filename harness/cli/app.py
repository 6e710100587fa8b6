"""The `harness` command: its sub-commands, and what an error becomes.

Exit codes: 0 done, 1 a checked thing failed, 2 bad input, 3 our own failure.
"""

from __future__ import annotations

import shlex
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from harness import __version__
from harness.cli.commands import (
    audit,
    checkup,
    compare,
    doctor,
    exec,
    export,
    extract,
    images,
    import_,
    leaderboard,
    leaks,
    overfit,
    plan,
    report,
    review,
    run,
    score,
    serve,
    show,
    split,
    verify,
)
from harness.errors import EngineError, HarnessError, InputError, Interrupted
from sandbox.errors import SandboxError

app = typer.Typer(
    name="harness",
    help="How good is this code model, and can the number be trusted?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def harness(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False) -> None:
    """How good is this code model, and can the number be trusted?"""


app.command("run")(run.run)
app.command("score")(score.score)
app.command("verify")(verify.verify)
app.command("audit")(audit.audit)
app.command("extract")(extract.extract)
app.command("exec")(exec.execute)
app.command("show")(show.show)
app.command("split")(split.split)
app.command("leaks")(leaks.leaks)
app.command("overfit")(overfit.overfit)
app.add_typer(serve.app, name="serve")
app.add_typer(images.app, name="images")
app.command("checkup")(checkup.checkup)
app.add_typer(review.app, name="review")
app.command("compare")(compare.compare)
app.command("plan")(plan.plan)
app.command("import")(import_.import_)
app.command("export")(export.export)
app.command("report")(report.report)
app.command("leaderboard")(leaderboard.leaderboard)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line; never returns."""
    try:
        app()
    except InputError as error:
        _fail(error, 2)
    except Interrupted as error:
        _fail(error, 130)
    except EngineError as error:
        _fail(f"{error}\ngo on with: {_command()}", 3)
    except (HarnessError, SandboxError) as error:
        _fail(error, 3)
    except Exception:  # a fault in the harness: show it whole, and never as "a checked thing failed"
        traceback.print_exc()
        sys.exit(3)


def _command() -> str:
    """As it was given, for a shell."""
    name = Path(sys.argv[0]).name
    return shlex.join([*(["python", "-m", "harness"] if name == "__main__.py" else [name]), *sys.argv[1:]])


def _fail(error: object, code: int) -> None:
    text = str(error)
    safe = "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)
    print(f"harness: {safe}", file=sys.stderr)
    sys.exit(code)

"""Run both clouds with real accounts: set up, get tokens, tear down, and write a report.

Exit codes: 0 passed; 1 a step failed or something is left; 2 the accounts cannot be used, and nothing was created;
128 + N stopped by signal N, after the teardown.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from live import accounts
from live.report import FAILED, OK, Report, Result
from live.steps import Steps
from live.stopping import Signals, Stopped
from live.throwaway import Left, LeftError, Throwaway
from live.waiting import Clock, Patience

_REMAINS = (
    "The APIs that `config setup` enabled stay enabled.",
    "Google keeps the deleted pool and service account for 30 days. The pool's id stays blocked until then. The next run uses another.",
)


def main(arguments: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run everything. Return the exit code."""
    parser = argparse.ArgumentParser(prog="nox -s live --")
    parser.add_argument("directory", nargs="?", type=Path, default=Path(), help="for report.md; default: this one")
    parser.add_argument("--pause", type=float, default=11, help="seconds between attempts; default: %(default)s")
    parser.add_argument(
        "--patience",
        type=float,
        default=450,
        help="seconds until a change must have taken effect; default: %(default)s",
    )
    parser.add_argument("--missing", action="store_true", help="print what the environment lacks, and do nothing")
    options = parser.parse_args(arguments)
    if options.missing:
        print(" ".join(accounts.missing()))
        return 0
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    report, signals = Report(options.directory.resolve() / "report.md"), Signals()
    try:
        found = accounts.find()
    except accounts.AccountError as error:
        report.redaction.secrets.append(os.environ[accounts.TOKEN])
        report.say(f"{error}\nNothing was created.")
        return 2
    report.redaction.add(found)
    report.versions = {"AWS region": found.region, "gcloud and aws": ", ".join(accounts.versions())}
    resources = Throwaway(found, report.path.parent)
    clock = clock or Clock()
    try:
        with signals:
            Steps(resources, report, Patience(clock, options.pause, options.patience)).run()
    except Stopped:  # at the very end of the block
        pass
    finally:
        if signals.first is not None:
            report.stopped = signals.first.name
            report.say(
                f"Stopped by {report.stopped}. The teardown takes a minute or two. Another signal does not stop it."
            )
        _tear_down(resources, report, Patience(clock, options.pause, min(options.patience, 180)))
    report.say(f"The report is in {report.path}.")
    if signals.first is not None:
        return 128 + signals.first
    return 1 if report.failed else 0


def _tear_down(resources: Throwaway, report: Report, patience: Patience) -> None:
    """Delete what the run created, and report what is left."""
    start, report.left, detail = time.monotonic(), [], ""
    if resources.began:
        try:
            patience.repeat(resources.tear_down)
        except LeftError as error:
            report.left, detail = error.left, str(error)
        except Exception as error:  # the commands must be in the report, whatever happens
            detail = f"{type(error).__name__}: {error}"
            report.left = [Left(f"everything that is named {resources.name}", tuple(resources.undo()), detail)]
        report.remains += _REMAINS
        note = detail.splitlines()[0] if detail else "nothing is left"
        state = FAILED if detail else OK
        report.add(Result("tear down", state, note, time.monotonic() - start, patience.attempts, detail))
    if not detail:
        resources.forget()
    report.write()


if __name__ == "__main__":
    sys.exit(main())

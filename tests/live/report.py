"""The report of a run: Markdown to paste into an issue. It has no tokens and no keys, and no name of an account."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

from google_auth_botocore._redaction import redacted
from live.accounts import Accounts
from live.throwaway import Left

OK, FAILED, NOT_RUN = "ok", "FAILED", "not run"
_PACKAGES = ("google-auth-botocore", "google-auth", "google-cloud-storage", "botocore", "requests")
_KEY_ID = re.compile(r"\bA[KS]IA[A-Z0-9]{12,}")
_EMAIL = re.compile(r"[\w.+-]+@(?![\w.-]*gserviceaccount\.com)[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True)
class Result:
    """The result of a step.

    Attributes:
        title: what it does.
        state: `OK`, `FAILED` or `NOT_RUN`.
        note: what was seen, in one line.
        seconds: how long it took.
        attempts: how often it was tried.
        detail: the whole error, with its hint or the output of `doctor`.
    """

    title: str
    state: str
    note: str = ""
    seconds: float = 0
    attempts: int = 1
    detail: str = ""


class Redaction:
    """Removes tokens, keys, accounts and the names of users from a text.

    Attributes:
        secrets: the tokens and keys. Steps add those that they get.
    """

    def __init__(self) -> None:
        self.secrets: list[str] = []
        home = str(Path.home())
        # What may be next to a name that is removed, the name, and its replacement.
        self._names = [(r"\w", home, "~")] if len(home) > 1 else []

    def add(self, accounts: Accounts) -> None:
        """Remove what belongs to these accounts, too. Commands with a shell variable in place of a name remain valid."""
        self.secrets += accounts.secrets
        ids = {accounts.aws: "$AWS_ACCOUNT", accounts.number: "$PROJECT_NUMBER", accounts.project: "$PROJECT"}
        # The name of the role or user, and of the session. They may be words that are also part of other names.
        people = [accounts.caller, *(name for name in accounts.caller.split("/")[1:] if len(name) > 3)]
        self._names += [(r"\w-", name, "CALLER") for name in people]
        self._names += [("A-Za-z0-9", name, replacement) for name, replacement in ids.items()]

    def __call__(self, text: str) -> str:
        """Return the text without them."""
        text = redacted(text, [each for each in self.secrets if each])
        for part, name, replacement in self._names:
            text = re.sub(rf"(?<![{part}]){re.escape(name)}(?![{part}])", replacement, text)
        return _EMAIL.sub("[e-mail]", _KEY_ID.sub("[hidden]", text))


@dataclass
class Report:
    """The report. It is written after each step, so that it also exists after a crash.

    Attributes:
        path: its file.
        redaction: removes secrets from everything that is written or printed.
        versions: versions of gcloud and aws, and the region.
        results: the results so far.
        stopped: the name of the signal that stopped the run; empty: none.
        undo: the commands that undo everything; empty: nothing is left.
        left: what is left after the teardown; None: it has not run yet.
        remains: sentences about what stays by design.
    """

    path: Path
    redaction: Redaction = field(default_factory=Redaction)
    versions: Mapping[str, str] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    stopped: str = ""
    undo: tuple[str, ...] = ()
    left: list[Left] | None = None
    remains: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether the run failed."""
        return bool(self.stopped or self.left) or any(each.state != OK for each in self.results)

    def add(self, result: Result) -> None:
        """Add a result, print it, and write the report."""
        self.results.append(result)
        self.say(f"{result.state:8}{result.title:34}{result.seconds:6.1f} s  {result.note}")
        if result.detail:
            self.say("\n".join(f"        {line}" for line in result.detail.splitlines()))
        self.write()

    def say(self, text: str) -> None:
        """Print a text. A closed terminal does not stop the run: it must tear down."""
        try:
            print(self.redaction(text), flush=True)
        except OSError:
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the process ends

    def write(self) -> None:
        """Write the file, or print it if that fails."""
        text = self.redaction("\n".join(self._lines()) + "\n")
        new = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(text, encoding="utf-8")
            new.replace(self.path)
        except OSError as error:
            self.say(f"Cannot write {self.path}: {error.strerror}.\n\n{text}")

    def _lines(self) -> Iterator[str]:
        yield from (f"# nox -s live: {self._verdict()}", "")
        yield (
            "No tokens or keys are in this report. The ids of the AWS account and the project, the AWS identity and e-mail addresses "
            "are replaced: set the shell variables PROJECT and so on to run a command from it. The names that start with gab-live- are of resources that this run created."
        )
        yield from ("", f"- {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC")
        yield f"- Python {platform.python_version()} on {platform.system()}, {_packages()}"
        yield from (f"- {name}: {value}" for name, value in self.versions.items())
        yield from ("", "| step | result | seconds | attempts | seen |", "|---|---|---|---|---|")
        for each in self.results:
            note = each.note.replace("|", r"\|").replace("\n", " ")
            yield f"| {each.title} | {each.state} | {each.seconds:.1f} | {each.attempts} | {note} |"
        for each in self.results:
            if each.detail:
                yield from ("", f"## {each.title}", "", *_fenced(each.detail))
        yield from ("", "## What is left", "", *self._rest())

    def _verdict(self) -> str:
        if self.left is None:
            return "not finished"
        if self.stopped:
            return f"stopped by {self.stopped}"
        failed = sum(each.state == FAILED for each in self.results)
        if failed:
            return f"{failed} of {len(self.results)} steps failed"
        return "failed" if self.failed else "passed"

    def _rest(self) -> Iterator[str]:
        if self.left is None and self.undo:
            yield "The run has not finished. If it was killed, these commands delete what it created:"
            yield from ("", *_fenced("\n".join(self.undo)))
        elif self.left:
            yield "These resources are left. To delete them, set PROJECT to the id of the project and run:"
            for each in self.left:
                problem = f" ({_first(each.problem)})" if each.problem else ""
                yield from ("", f"{each.name}{problem}:", "", *_fenced("\n".join(each.commands)))
            yield from ("", "Or everything at once, on the machine of the run:", "", *_fenced("\n".join(self.undo)))
        else:
            yield "Nothing that costs or grants anything."
        yield from ("", *(f"- {each}" for each in self.remains))


def _fenced(text: str) -> Iterable[str]:
    """Return a code block. The text may contain a fence itself."""
    fence = "`" * max(3, *(len(each) + 1 for each in re.findall("`+", text) or [""]))
    return (fence, text.rstrip(), fence)


def _first(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""


def _packages() -> str:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name}: not installed")
    return ", ".join(found)

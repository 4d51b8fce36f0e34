"""A row of the table of true causes: how it shows, what says so, and what mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from google_auth_botocore.cli._terraform_syntax import Block
from google_auth_botocore.cli.doctor._seen import Seen


@dataclass(frozen=True)
class Mend:
    """What mends a cause, each as exact as what was seen allows.

    Attributes:
        todo: sentences, where no command does it.
        local: commands of this machine.
        gcloud: commands of gcloud.
        aws: commands of aws.
        terraform: resources, in most cases.
    """

    todo: Sequence[str] = ()
    local: Sequence[str] = ()
    gcloud: Sequence[str] = ()
    aws: Sequence[str] = ()
    terraform: Sequence[Block] = ()


class Cause(NamedTuple):
    """A true cause.

    Attributes:
        id: its name, for programs and tickets.
        step: on which step of the way it shows.
        says: what is wrong, in whole sentences.
        evidence: gives what was seen of it; nothing: it is not this one.
        mend: gives what to do.
        fatal: whether a token can't be had because of it.
        lasting: whether it stays, though the error says that another try may work.
    """

    id: str
    step: str
    says: str
    evidence: Callable[[Seen], Iterable[str]]
    mend: Callable[[Seen], Mend]
    fatal: bool = True
    lasting: bool = False


class Diagnosis(NamedTuple):
    """A cause that was found.

    Attributes:
        cause: the row of the table.
        evidence: what was seen of it.
        mend: what to do.
    """

    cause: Cause
    evidence: tuple[str, ...]
    mend: Mend


def find(table: Iterable[Cause], step: str, seen: Seen, *, fatal: bool) -> Diagnosis | None:
    """The first row of the table that has evidence on a step."""
    for cause in table:
        if cause.step == step and cause.fatal == fatal:
            evidence = tuple(cause.evidence(seen))
            if evidence:
                return Diagnosis(cause, evidence, cause.mend(seen))
    return None


def said(pattern: str) -> Callable[[Seen], Iterable[str]]:
    """Evidence: the error has these words."""
    return lambda seen: [seen.said] if pattern in seen.said else []


def reason(*names: str) -> Callable[[Seen], Iterable[str]]:
    """Evidence: the error has one of these codes."""
    return lambda seen: [seen.said] if seen.error is not None and seen.reason in names else []


def do(*todo: str, terraform: Sequence[Block] = (), **more: Sequence[str]) -> Callable[[Seen], Mend]:
    """What mends, where that does not depend on what was seen."""
    mend = Mend(todo, terraform=terraform, **more)
    return lambda _: mend

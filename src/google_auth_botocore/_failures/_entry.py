"""An entry of the table of failures: how to recognise a failure, what it means and how to fix it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from google_auth_botocore._failures._facts import Facts

# What a recogniser returns: whether it is this failure, or, if that takes more than the words of the server, what was seen.
Verdict = bool | Sequence[str]


class Raw(str):
    """A Terraform expression, written as it is."""

    __slots__ = ()


class Block(NamedTuple):
    """A Terraform block: its type and labels, its attributes, and the blocks in it."""

    kind: str
    labels: Sequence[str]
    attributes: Mapping[str, Any]
    blocks: "Sequence[Block]" = ()


class Remedy(NamedTuple):
    """How to fix a failure, as exactly as the facts allow.

    Attributes:
        sentences: Full sentences. They make up the hint of an error.
        local: Shell commands for this machine.
        gcloud: gcloud commands.
        aws: aws commands.
        terraform: Terraform blocks that do the same.
        more: Sentences that only `doctor` prints.
        run: The commands that the hint of an error names; None: the first of all commands.
    """

    sentences: Sequence[str] = ()
    local: Sequence[str] = ()
    gcloud: Sequence[str] = ()
    aws: Sequence[str] = ()
    terraform: Sequence[Block] = ()
    more: Sequence[str] = ()
    run: Sequence[str] | None = None

    @property
    def hint(self) -> str | None:
        """The remedy in one line, or in two if there is a command. Nothing follows a command."""
        commands = [*self.local, *self.gcloud, *self.aws][:1] if self.run is None else self.run
        lines = [" ".join(self.sentences), f"Run: {' && '.join(commands)}" if commands else ""]
        return "\n".join(filter(None, lines)) or None


class Failure(NamedTuple):
    """An entry of the table.

    Attributes:
        id: Its name, for `FederationError.failure`, for programs and for tickets.
        steps: The steps in which it happens; see `Facts.step`.
        recognise: Tells from the facts whether a failure is this one.
        meaning: What is wrong, in whole sentences.
        remedy: Tells how to fix it.
        variants: Particular forms of it, which only `doctor`'s evidence can tell apart. Its own remedy fits all of them.
        lasting: It lasts until the user fixes it, even if its error is transient.
    """

    id: str
    steps: Sequence[str]
    recognise: Callable[[Facts], Verdict]
    meaning: str
    remedy: Callable[[Facts], Remedy]
    variants: "Sequence[Failure]" = ()
    lasting: bool = False


class Diagnosis(NamedTuple):
    """An entry that fits the facts.

    Attributes:
        failure: The entry.
        general: The entry that an error without `doctor`'s evidence names: the same one, or the one that it is a variant of.
        seen: What was seen.
        facts: The facts.
    """

    failure: Failure
    general: Failure
    seen: tuple[str, ...]
    facts: Facts

    @property
    def remedy(self) -> Remedy:
        """How to fix it."""
        return self.failure.remedy(self.facts)


def first(entries: Sequence[Failure], facts: Facts) -> Diagnosis | None:
    """Return the first of the entries that fits the facts, or the first of its variants that does."""
    for entry in entries:
        if facts.step not in entry.steps or facts.failure not in (None, entry.id):
            continue
        verdict = entry.recognise(facts) or facts.failure is not None
        if not verdict:
            continue
        if facts.evidence is not None:
            narrower = first(entry.variants, facts._replace(failure=None))
            if narrower is not None:
                return narrower._replace(general=entry)
        words = (facts.text,) if facts.text else ()
        return Diagnosis(entry, entry, words if isinstance(verdict, bool) else tuple(verdict), facts)
    return None


def reason(*names: str) -> Callable[[Facts], bool]:
    """Recognise a failure by its code or by a class of its exception."""
    return lambda facts: facts.reason in names or any(kind in names for kind in facts.kinds)


def words(*parts: str) -> Callable[[Facts], bool]:
    """Recognise a failure by words of the server or of botocore."""
    return lambda facts: any(part in facts.text for part in parts)


def never(_: Facts) -> bool:
    """Recognise nothing: the code that meets the failure names it (`Facts.failure`)."""
    return False


def always(_: Facts) -> bool:
    """Recognise anything: the last entry of a step."""
    return True


def do(*sentences: str, **more: Sequence[Any]) -> Callable[[Facts], Remedy]:
    """Return a remedy that does not depend on the facts."""
    remedy = Remedy(sentences, **more)
    return lambda _: remedy

"""An entry of the table of failures: how to recognise a failure, what it means and how to fix it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from google_auth_botocore._failures import _page
from google_auth_botocore._failures._facts import Facts

# What `Failure.recognise` returns: whether it is this failure, or the evidence that it is. No evidence means that it is not. If
# the verdict is True, the server's message is the evidence.
Verdict = bool | Sequence[str]


class Raw(str):
    """A Terraform expression, which is written without quotes."""

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
        sentences: Full sentences, which form the hint of an error.
        local: Shell commands for this machine.
        gcloud: gcloud commands.
        aws: aws commands.
        terraform: Terraform blocks that do the same.
        more: Sentences that only `doctor` prints.
        run: The commands in the hint of an error. None: the first of all commands.
    """

    sentences: Sequence[str] = ()
    local: Sequence[str] = ()
    gcloud: Sequence[str] = ()
    aws: Sequence[str] = ()
    terraform: Sequence[Block] = ()
    more: Sequence[str] = ()
    run: Sequence[str] | None = None

    def hint(self, failure: str) -> str | None:
        """Return the hint of an error: sentences, a link to the failure's section, and a command.

        Each is on its own line. The command is the last line, so nothing follows it.
        """
        commands = [*self.local, *self.gcloud, *self.aws][:1] if self.run is None else self.run
        if not self.sentences and not commands:
            return None
        lines = [
            " ".join(self.sentences),
            f"More: {_page.link(failure)}",
            f"Run: {' && '.join(commands)}" if commands else "",
        ]
        return "\n".join(filter(None, lines))


class Failure(NamedTuple):
    """An entry of the table.

    Attributes:
        id: Its name in `FederationError.failure`, for programs and for tickets.
        steps: The steps in which it happens; see `Facts.step`.
        recognise: Returns whether the facts are those of this failure.
        meaning: What is wrong, in whole sentences.
        remedy: Returns how to fix it.
        variants: More specific failures, which can only be recognised with `doctor`'s evidence. The remedy of this entry fits all
            of them.
        lasting: Whether it lasts until the user fixes it, even if its error is transient.
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
        general: The entry that an error names without `doctor`'s evidence: the same entry, or the one that it is a variant of.
        seen: The evidence, in lines of text.
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
            variant = first(entry.variants, facts._replace(failure=None))
            if variant is not None:
                return variant._replace(general=entry)
        words = (facts.text,) if facts.text else ()
        return Diagnosis(entry, entry, words if isinstance(verdict, bool) else tuple(verdict), facts)
    return None


def reason(*names: str) -> Callable[[Facts], bool]:
    """Recognise a failure by its code, or by the class of its exception or a base class."""
    return lambda facts: facts.reason in names or any(kind in names for kind in facts.kinds)


def words(*parts: str) -> Callable[[Facts], bool]:
    """Recognise a failure by parts of the server's or botocore's message."""
    return lambda facts: any(part in facts.text for part in parts)


def never(_: Facts) -> bool:
    """Recognise nothing: the code that detects the failure names it (`Facts.failure`)."""
    return False


def always(_: Facts) -> bool:
    """Recognise everything: for the last entry of a step."""
    return True


def do(*sentences: str, **more: Sequence[Any]) -> Callable[[Facts], Remedy]:
    """Return a remedy that does not depend on the facts."""
    remedy = Remedy(sentences, **more)
    return lambda _: remedy

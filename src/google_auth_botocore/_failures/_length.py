"""Shorten a message, so that users read it. `doctor` and the log have the whole text of the server."""

import re

# Characters of a message with its hint, without links and commands, which are on their own lines.
LONGEST = 399
# Characters of the server's text that are kept even if the message becomes longer, and of its shortest first sentence.
_LEAST, _SHORTEST = 60, 20
_PROVIDER = re.compile(
    r"//iam\.\S+?/projects/(?P<project>[^/\s]+)/locations/[^/\s]+/workloadIdentityPools/(?P<pool>[^/\s]+)/providers/(?P<provider>[^/\s]+)"
)
# The texts of Google, AWS and botocore that users meet most often, without the words that say nothing about the failure.
_WORDY = (
    (re.compile(r"(Permission '[^']+' denied) on resource \(or it may not exist\)"), r"\1"),
    (re.compile(r"Received invalid AWS response of type (\w+) with error message: "), r"AWS answered \1: "),
    (re.compile(r"An error occurred \(\w+\) when calling the (\w+) operation: "), r"AWS rejects \1: "),
    (re.compile(r"Error when retrieving credentials from (?=\S+: )"), ""),
)
# urllib3 quotes the message of the cause in its own, at several levels.
_CAUSE = re.compile(r".*\(Caused by (?:ProxyError\('[^']*', ?)?(?:\w+\((?:-?[0-9]+, ?)?)+[\"'](.*?)[\"']\)+")
_IN_WORDS = r"provider \g<provider> of pool \g<pool> in project \g<project>"
# The first part of a text.
_FIRST = re.compile(rf"(.{{{_SHORTEST},}}?)[.;:] .*")
_PROJECT = re.compile(r" in project [^ ]+(?= \(HTTP)")
_CODE = re.compile(r"(\(HTTP [0-9]{3}), [^)\s]+\)")


def fitted(message: str, text: str, hint: str | None) -> str:
    """Return a message that, with the sentences of its hint, is not longer than `LONGEST`.

    Args:
        message: What failed and what was seen, in whole sentences.
        text: The part of the message that is the text of a server or a library.
        hint: How to fix it. None: the failure is unknown, so that nothing but the whole text explains it.
    """
    if not hint:
        return message
    text = text.rstrip(".")
    cause = _cause(text)
    message, text = _replaced(message, text, cause), cause
    room = LONGEST - 1 - len(hint.partition("\n")[0])
    if len(message) > room:
        short = _essence(text)
        message, text = (_PROVIDER.sub(_IN_WORDS, each) for each in (_replaced(message, text, short), short))
    if len(message) - max(len(text) - _LEAST, 0) > room:
        message = _CODE.sub(r"\1)", message)
    if len(message) > room:
        clipped = _clipped(text, room - len(message) + len(text))
        message, text = _replaced(message, text, clipped), clipped
    if len(message) > room:
        message = _replaced(message, text, _FIRST.sub(r"\1", text))
    message = message if len(message) <= room else _PROJECT.sub("", message)
    # The ellipsis of a text that was already shortened takes the place of the full stop, and may be gone by now.
    return message if message.endswith((".", "…", ":")) else f"{message}."


def _cause(text: str) -> str:
    """Return the innermost message of urllib3, or else the text."""
    cause = _CAUSE.match(text)
    return cause[1].rstrip(".") if cause is not None else text


def _essence(text: str) -> str:
    """Return a text without the words that say nothing about the failure."""
    for pattern, short in _WORDY:
        text = pattern.sub(short, text)
    return text


def _clipped(text: str, at_most: int) -> str:
    """Return the first sentences of a text, or its first words if there is room for no sentence."""
    at_most = max(at_most, _LEAST)
    if len(text) <= at_most:
        return text
    sentences = [match.start() for match in re.finditer(r"[.;:] ", text[: at_most + 1])]
    if sentences and sentences[-1] >= max(_SHORTEST, at_most / 2):
        return text[: sentences[-1]]
    return text[: at_most - 1].rpartition(" ")[0].rstrip(" ,;:(") + "…"


def _replaced(message: str, text: str, short: str) -> str:
    before, found, after = message.rpartition(text) if text else (message, "", "")
    return f"{before}{short}{after}".replace("….", "…") if found else message

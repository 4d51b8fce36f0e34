"""What the two commands share, `google-auth-botocore` and the emulator: the parser, lines for a terminal, the flag for a port, and the error about a port.

The parser differs from argparse's in five ways: flags cannot be abbreviated, an error is reported with the usage of its own subcommand,
an error hides values that may be secrets, a mistyped flag, command or value gets a suggestion, and the help ends with examples.
"""

from __future__ import annotations

import argparse
import difflib
import errno
import itertools
import os
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn, TextIO

# Suggestions for one word, and how similar they must be. With a lower limit, words that are not mistyped get suggestions, too.
_MOST = 3
_CUTOFF = 0.65
# argparse's own messages are shorter. A longer one quotes a value that may be a pasted key file.
_LONGEST_MESSAGE = 1000


class _HelpFormatter(argparse.HelpFormatter):
    """A formatter that does not break flags, URNs and URLs, and aligns the texts of all commands. argparse has no public way."""

    def add_argument(self, action: argparse.Action) -> None:
        super().add_argument(action)
        # Before Python 3.13, argparse does not count the indentation of commands.
        if isinstance(action, argparse._SubParsersAction):
            longest = max(map(len, action.choices), default=0) + self._current_indent + self._indent_increment
            self._action_max_length = max(self._action_max_length, longest)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(f"{indent}{line}" for line in self._split_lines(text, width - len(indent)))


class Parser(argparse.ArgumentParser):
    """A parser for a command and its subcommands. Each command has a subclass, which knows what a secret looks like.

    Args:
        examples: Commands, one a line, and lines with a comment. Printed at the end of the help.
        settings: The arguments of argparse.ArgumentParser. `%(prog)s` in `usage` is the command's name.
    """

    def __init__(self, *, examples: str = "", **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": _HelpFormatter, **settings})
        self.examples = textwrap.dedent(examples).strip()
        self.suggest_on_error = False  # from Python 3.14 on, argparse would add a second suggestion
        self._optionals.title = "flags"
        self._positionals.title = "arguments"
        self._words: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the arguments, and exit if one of them is unknown. argparse also calls this for each subcommand.

        argparse itself leaves unknown arguments to the main parser, which would print its own usage.
        """
        self._words = list(sys.argv[1:] if args is None else args)
        commands = self.commands()
        if commands:
            self._check_command(commands)
        found, unknown = super().parse_known_args(self._words, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(word or repr(word) for word in unknown)}")
        return found, unknown

    def is_secret(self, text: str) -> bool:
        """Return whether a text looks like a secret, which an error must not show."""
        raise NotImplementedError

    def commands(self) -> Mapping[str, Parser]:
        """Return the subcommands by their names."""
        return {
            name: parser
            for action in self._actions
            if isinstance(action, argparse._SubParsersAction)  # it has no public name
            for name, parser in action.choices.items()
        }

    def error(self, message: str) -> NoReturn:
        """Print the usage, the message and suggestions, and exit with code 2."""
        if self.commands() and not self._words:
            message = f"a command is missing (choose from {', '.join(self.commands())})"
        message = self._without_secrets(message)
        super().error("\n".join(map(_printable, [*message.split("\n"), *self._hints(message)])))

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Print a message that fits into the terminal, and exit. argparse calls this for an error."""
        super().exit(status, wrapped(message, sys.stderr) if message else message)

    def format_usage(self) -> str:
        """Return the usage, which comes before an error, and the command that prints more."""
        return f"{super().format_usage()}For details and examples: {self.prog} --help\n\n"

    def format_help(self) -> str:
        """Return the help, with the examples at its end."""
        text = super().format_help()
        return f"{text}\nexamples:\n{textwrap.indent(self.examples, '  ')}\n" if self.examples else text

    def _without_secrets(self, message: str) -> str:
        """Return a message, or a shorter one if a value in it may be a secret: users often paste a key file's JSON instead of its path."""
        words = (word.strip("'\",:()").rpartition("=")[2] for word in message.split())
        if len(message) <= _LONGEST_MESSAGE and not any(map(self.is_secret, (message, *words))):
            return message
        argument = re.match("argument [^:'\"]{1,80}(?=:)|unrecognized arguments", message)
        return (
            f"{argument[0] if argument else 'invalid argument'}: the value is hidden, because it may be a secret. "
            "To pass a configuration, save it to a file and pass the file's path."
        )

    def _check_command(self, commands: Mapping[str, Parser]) -> None:
        """Exit if a flag before the command is not a flag of this parser."""
        for word in itertools.takewhile(_is_flag, self._words):
            flag = _name(word)
            if flag in self._option_string_actions:
                continue
            owners = [name for name, parser in commands.items() if flag in parser._option_string_actions]
            if owners:
                self.error(f"{flag} must follow the command: {self.prog} {owners[0]} {flag} ...")
            self.error(f"unrecognized arguments: {word}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Add a suggestion to the error about a value that is not one of the choices. argparse has no public way to do so."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            if not isinstance(action, argparse._SubParsersAction):
                suggested = _did_you_mean(_similar(str(value), {str(each): str(each) for each in action.choices or ()}))
                raise argparse.ArgumentError(action, "\n".join([error.message, *suggested])) from None
            words = {**self._flags(), **_paths(self.commands()), **{name: name for name in action.choices}}
            suggested = _did_you_mean([f"{self.prog} {word}" for word in _similar(str(value), words)])
            message = f"unknown command {value!r} (choose from {', '.join(action.choices)})"
            raise argparse.ArgumentError(None, "\n".join([message, *suggested])) from None

    def _flags(self) -> dict[str, str]:
        """Return the flags by their names without dashes."""
        return {flag.lstrip("-"): flag for flag in self._option_string_actions}

    def _hints(self, message: str) -> Iterator[str]:
        """Yield what may be wrong with the flags: they may be mistyped, or a value may look like a flag."""
        words = list(itertools.takewhile(lambda word: word != "--", self._words))
        if self.commands():  # the words from the command on are parsed by the parser of the command
            words = list(itertools.takewhile(_is_flag, words))
        known, flags = self._option_string_actions, self._flags()
        for name in map(_name, words):
            if name not in known and (_is_flag(name) or name in flags):
                yield from (f"{name}: {each}" for each in _did_you_mean(_similar(name, flags)))
        files = [word for word in words if word.endswith(".json") and not _is_flag(word) and f" {word}" in message]
        if files and "--config" in known and message.startswith("unrecognized"):
            yield f"Did you mean --config {files[0]}?"
        if "ignored explicit argument" in message and any(word.startswith("--") and "=" in word for word in words):
            yield "This flag accepts no value."
        if message.endswith("expected one argument"):
            for flag, value in itertools.pairwise(words):
                if flag in known and known[flag].nargs is None and _is_flag(value) and _name(value) not in known:
                    yield f"If the value starts with a dash, put = before it: {flag}=VALUE"


def wrapped(text: str, stream: TextIO, *, end: str = "") -> str:
    """Return a text with the lines that end with *end* broken between words, if the stream is a terminal that they do not fit into.

    A terminal itself breaks lines within words. With `end="."`, commands stay whole, so that they can be copied.
    """
    try:
        width = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (OSError, ValueError):
        width = 0
    lines = text.split("\n")
    if width:
        lines = [_broken(line, width) if _length(line) > width and line.endswith(end) else line for line in lines]
    return "\n".join(lines)


def _length(line: str) -> int:
    """Return the number of characters that a terminal shows. argparse adds colours since Python 3.14."""
    return len(re.sub(r"\x1b\[[0-9;]*m", "", line))


def _broken(line: str, width: int) -> str:
    return "\n".join(textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False))


def _is_flag(word: str) -> bool:
    return word.startswith("-") and word not in {"-", "--"}


def _printable(line: str) -> str:
    """Return a line without characters that control a terminal. Arguments may be pasted."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in line)


def _name(word: str) -> str:
    return word.partition("=")[0]


def _paths(commands: Mapping[str, Parser]) -> dict[str, str]:
    """Return how to write each command below *commands*, by its last word."""
    return {below: f"{name} {below}" for name, parser in commands.items() for below in parser.commands()}


def _similar(word: str, candidates: Mapping[str, str]) -> list[str]:
    """Return the candidates that resemble a word: it is a part of them, or nearly the same."""
    name = re.sub("[_ ]", "-", _name(word).strip("-")).lower()
    parts = [each for each in candidates if name and f"-{name}" in f"-{each}"]
    exact = [name] if name in candidates else []
    names = exact or parts[:_MOST] or difflib.get_close_matches(name, candidates, _MOST, _CUTOFF)
    return list(dict.fromkeys(candidates[each] for each in names))


def _did_you_mean(names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"Did you mean {' or '.join(names)}?"


def port_number(text: str) -> int:
    """Return the value of --port. 0 means any free port."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"invalid port {text!r}: must be 0-65535")
    return int(text)


def port_mistake(error: OSError, host: str, port: int) -> str | None:
    """Return why a server cannot listen and what to do, or None if the error has another cause."""
    if error.filename is not None:  # the error is about a file
        return None
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use by another process. Pass another --port, or --port 0 for any free port"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"this user may not listen on port {port} of {host}. Pass a --port above 1023, or --port 0 for any free port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine. Pass another --host"
    return None

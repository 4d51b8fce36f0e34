"""The parser of both commands: usage, suggestions for mistakes, help, and ports that are taken."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from cli.conftest import Run
from cli.doctor.terminal import terminal
from google_auth_botocore._command_line import Parser, port_mistake, wrapped
from google_auth_botocore.cli import _parser
from google_auth_botocore.emulator._service_options import _parser as emulator_parser

NAME = "google-auth-botocore"
SETUP = (
    "config",
    "setup",
    "--aws-account=111122223333",
    "--aws-role=r",
    "--project=p",
    "--project-number=1",
    "--direct",
)
AUDIENCE = "projects/1/locations/global/workloadIdentityPools/pool/providers/prod"


def parsers(parser: Parser) -> Iterator[Parser]:
    """Yield a parser, and those of all commands below it."""
    yield parser
    for each in parser.commands().values():
        yield from parsers(each)


EVERY = list(parsers(_parser()))
ALL_PARSERS = [*EVERY, emulator_parser()]
# Each command, its parser, and the number of its words.
ROOTS = [(parser.prog, parser, len(parser.prog.split())) for parser in (_parser(), emulator_parser())]


class TestAbbreviations:
    @pytest.mark.parametrize("parser", ALL_PARSERS, ids=lambda parser: parser.prog)
    def test_no_flag_of_a_command_can_be_abbreviated(self, parser: Parser, capsys: pytest.CaptureFixture[str]) -> None:
        for flag in parser._option_string_actions:
            if not flag.startswith("--") or flag[:-1] in parser._option_string_actions:
                continue
            with pytest.raises(SystemExit) as stopped:
                parser.parse_args([flag[:-1]])
            assert stopped.value.code == 2
            assert f"Did you mean {flag}" in capsys.readouterr().err.replace(" or ", "? Did you mean ")

    def test_an_abbreviation_with_a_value(self, run: Run) -> None:
        done = run("token", f"--aud={AUDIENCE}")
        assert (done.code, done.out) == (2, "")
        assert done.error.endswith("--aud: Did you mean --audience?\n")


class TestMistakes:
    @pytest.mark.parametrize(
        ("words", "usage", "last"),
        [
            ("tokn", "COMMAND [flags]", f"Did you mean {NAME} token or {NAME} id-token?"),
            ("id_token", "COMMAND [flags]", f"Did you mean {NAME} id-token?"),
            ("Doctor", "COMMAND [flags]", f"Did you mean {NAME} doctor?"),
            ("setup --direct", "COMMAND [flags]", f"Did you mean {NAME} config setup?"),
            ("help", "COMMAND [flags]", f"Did you mean {NAME} --help?"),
            ("version", "COMMAND [flags]", f"Did you mean {NAME} --version?"),
            ("-help", "COMMAND [flags]", "-help: Did you mean --help?"),
            ("--versoin", "COMMAND [flags]", "--versoin: Did you mean --version?"),
            ("config chek", "config COMMAND [flags]", f"Did you mean {NAME} config check?"),
            ("config help", "config COMMAND [flags]", f"Did you mean {NAME} config --help?"),
            ("token --auidence=x", "token [flags]", "--auidence: Did you mean --audience?"),
            ("token --auidence x", "token [flags]", "--auidence: Did you mean --audience?"),
            ("token -audience x", "token [flags]", "-audience: Did you mean --audience?"),
            ("token audience=x", "token [flags]", "audience: Did you mean --audience?"),
            ("token --quota_project x", "token [flags]", "--quota_project: Did you mean --quota-project?"),
            ("token --Profile x", "token [flags]", "--Profile: Did you mean --profile?"),
            ("token --role x", "token [flags]", "--role: Did you mean --assume-role?"),
            ("id-token a --include-mail", "id-token AUDIENCE [flags]", "--include-mail: Did you mean --include-email?"),
            ("config check --jsn", "config check [FILE] [flags]", "--jsn: Did you mean --json?"),
            ("serve --prot 1", "serve [flags] [-- COMMAND ...]", "--prot: Did you mean --port or --project?"),
        ],
    )
    def test_a_mistyped_word_gets_the_usage_of_its_command_and_a_suggestion(
        self, run: Run, words: str, usage: str, last: str
    ) -> None:
        done = run(*words.split())
        assert (done.code, done.out) == (2, "")
        lines = done.error.splitlines()
        assert lines[0] == f"usage: {NAME} {usage}"
        assert lines[-1] == last

    def test_the_usage_names_the_command_that_prints_more(self, run: Run) -> None:
        assert f"\nFor details and examples: {NAME} config check --help\n" in run("config", "check", "--x").error

    def test_a_mistyped_flag_is_named_if_it_was_required(self, run: Run) -> None:
        error = run("config", "setup", "--aws-acount=1").error
        assert "required: --aws-account" in error
        assert error.endswith("--aws-acount: Did you mean --aws-account?\n")

    @pytest.mark.parametrize("words", [["zzz"], ["token", "--zzz"], ["token", "zzz"], ["token", "-z"], ["token", "a"]])
    def test_there_is_no_suggestion_for_a_word_that_resembles_nothing(self, run: Run, words: list[str]) -> None:
        done = run(*words)
        assert done.code == 2
        assert "Did you mean" not in done.error

    @pytest.mark.parametrize(
        ("flag", "value"), [("format", "terrafrom"), ("partition", "aws-us-gv"), ("proof", "signed_request")]
    )
    def test_a_mistyped_choice_gets_a_suggestion(self, run: Run, flag: str, value: str) -> None:
        done = run(*SETUP, f"--{flag}={value}")
        assert done.code == 2
        assert f"argument --{flag}: invalid choice: {value!r}" in done.error
        assert re.search(r"\nDid you mean (terraform|aws-us-gov|signed-request)\?\n$", done.error)

    @pytest.mark.parametrize("words", ["--audience x token", "--profile=x token", "--json token"])
    def test_flags_before_the_command(self, run: Run, words: str) -> None:
        flag = words.split(maxsplit=1)[0].partition("=")[0]
        assert run(*words.split()).error.endswith(f"{flag} must follow the command: {NAME} token {flag} ...\n")

    def test_flags_between_two_commands(self, run: Run) -> None:
        error = run("config", "--output", "x", "create").error
        assert error.endswith(f"--output must follow the command: {NAME} config create --output ...\n")

    @pytest.mark.parametrize("words", [[], ["config"]])
    def test_without_a_command_all_are_named(self, run: Run, words: list[str]) -> None:
        done = run(*words)
        assert (done.code, done.out) == (2, "")
        assert "a command is missing (choose from " in done.error
        assert ("setup" if words else "doctor") in done.error

    def test_a_value_that_starts_with_a_dash(self, run: Run) -> None:
        error = run("token", "--profile", "-x").error
        assert error.endswith("If the value starts with a dash, put = before it: --profile=VALUE\n")
        assert "starts with a dash" not in run("token", "--profile", "--region", "r").error
        assert "expected one argument" not in run("token", "--profile=-x", "--audience=x").error

    def test_a_flag_without_a_value_gets_one(self, run: Run) -> None:
        assert run("token", "--json=x").error.endswith("\nThis flag accepts no value.\n")
        assert run("--version=1").error.endswith("\nThis flag accepts no value.\n")

    def test_an_empty_word_is_visible(self, run: Run) -> None:
        assert run("token", "").error.endswith("error: unrecognized arguments: ''\n")

    @pytest.mark.parametrize("words", [["--aud\x1b[31mience=x"], ["\x07"], ["--scopes", "x", "a\rb"]])
    def test_characters_that_control_a_terminal_are_escaped(self, run: Run, words: list[str]) -> None:
        error = run("token", *words).error
        assert all(each.isprintable() for each in error.splitlines())

    def test_a_secret_in_place_of_a_command_is_hidden(self, run: Run) -> None:
        secret = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # AWS's own example
        for words in ([secret], ["token", f"--auidence={secret}"], ["token", secret]):
            error = run(*words).error
            assert "wJalr" not in error
            assert "the value is hidden" in error
        assert "Did you mean --audience?" in run("token", f"--auidence={secret}").error

    def test_the_emulator_hides_the_keys_after_a_mistyped_flag(self, capsys: pytest.CaptureFixture[str]) -> None:
        keys = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # AWS's own example
        for words in ([f"--aws-key={keys}"], ["--aws-key", keys], ["--port", keys.partition(":")[2]]):
            with pytest.raises(SystemExit, match="2"):
                emulator_parser().parse_args(words)
            error = capsys.readouterr().err
            assert "wJalr" not in error
            assert "the value is hidden" in error
            assert words[0].startswith("--port") or error.endswith("--aws-key: Did you mean --aws-keys?\n")

    def test_words_of_the_command_that_serve_runs_are_its_own(self, run: Run) -> None:
        done = run("serve", "--prot=1", "--", "x", "--audiense=1")
        assert "--prot: Did you mean --port or --project?" in done.error
        assert "--audiense: Did" not in done.error


class TestHelp:
    @pytest.mark.parametrize("parser", ALL_PARSERS, ids=lambda parser: parser.prog)
    def test_it_fits_a_terminal_and_has_examples(self, parser: Parser, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        text = parser.format_help()
        assert text.isascii()
        assert [line for line in text.splitlines() if len(line) > 80] == []
        assert [line for line in parser.format_usage().splitlines() if len(line) > 80] == []
        assert parser.commands() or "\nexamples:\n  " in text

    @pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
    @pytest.mark.parametrize("parser", [each for each in ALL_PARSERS if each.examples], ids=lambda parser: parser.prog)
    def test_the_examples_are_valid(
        self, run: Run, parser: Parser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A shell runs them with programs that record their arguments. `config` makes no network calls, so it really runs."""
        for program in ("google-auth-botocore", "python", "curl"):
            path = tmp_path / "bin" / program
            path.parent.mkdir(exist_ok=True)
            path.write_text('#!/bin/sh\nprintf "%s\\n" "${0##*/}" "$@" END >>"$RECORD"\n')
            path.chmod(0o755)
        for name in ("app.log", "config.json", ".config/fish/completions/x"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        record = tmp_path / "record"
        environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path), "RECORD": str(record)}
        subprocess.run(["sh", "-eu", "-c", parser.examples], cwd=tmp_path, env=environment, check=True, timeout=60)
        commands = [lines.split("\n") for lines in record.read_text().split("\nEND\n")[:-1]]
        ours = [
            (root, words[skip:]) for words in commands for name, root, skip in ROOTS if words[:skip] == name.split()
        ]
        assert len(ours) + sum(words[0] == "curl" for words in commands) == len(commands)
        for root, words in ours:
            with nullcontext() if words[-1] != "--help" else pytest.raises(SystemExit, match="0"):
                root.parse_args(words)
            if words[0] == "config" and words[-1] != "--help":
                monkeypatch.chdir(tmp_path)
                config = run("config", "create", "--output=config.json", "--force", f"--audience={AUDIENCE}")
                assert config.code == 0
                monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("config.json").read_bytes())))
                done = run(*words, *(["--force"] if words[1] == "create" else []))
                assert done.code == 0, done.error
                assert "Invalid" not in done.error

    @pytest.mark.parametrize("parser", ALL_PARSERS, ids=lambda parser: parser.prog)
    def test_the_usage_has_every_required_argument(self, parser: Parser) -> None:
        usage = parser.format_usage()
        groups = [group for group in parser._mutually_exclusive_groups if group.required]
        required = [action for action in parser._actions if action.required]
        for action in [*required, *(action for group in groups for action in group._group_actions)]:
            name = action.option_strings[0] if action.option_strings else str(action.metavar)
            assert name.removeprefix("-- ").split()[0] in usage

    @pytest.mark.parametrize("parser", ALL_PARSERS, ids=lambda parser: parser.prog)
    def test_every_flag_is_explained(self, parser: Parser) -> None:
        assert [action.dest for action in parser._actions if not action.help and not parser.commands()] == []

    @pytest.mark.parametrize("command", ["token", "id-token", "doctor", "config create", "executable", "serve"])
    def test_endpoints_have_a_group_of_their_own(self, run: Run, command: str) -> None:
        before, _, endpoints = run(*command.split(), "--help").out.partition("\nother endpoints:\n")
        for flag in ("--universe-domain", "--token-url", "--iam-credentials-endpoint", "--oauth-token-url"):
            assert f"  {flag} " in endpoints
            assert f"  {flag} " not in before
        assert ("  --aws-sts-endpoint " in endpoints) is (command == "doctor")
        assert "  --aws-sts-endpoint " not in before

    def test_a_url_or_a_flag_is_not_broken_over_lines(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "60")
        text = run("token", "--help").out
        assert "urn:ietf:params:aws:token-type:aws4_request" in text
        assert not re.search(r"\w-$", text, re.MULTILINE)

    def test_the_main_help_names_every_command_and_completion(self, run: Run) -> None:
        text = run("--help").out
        for name in _parser().commands():
            assert re.search(rf"^    {name} +\w", text, re.MULTILINE), name
        assert "pip install 'google-auth-botocore[completion]'" in text
        assert f'eval "$({NAME} completion bash)"' in text

    @pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudoterminal")
    def test_a_narrow_terminal(self, tmp_path: Path) -> None:
        """Newer versions of argparse print colours there."""
        end, terminal = pty.openpty()
        done = subprocess.Popen(
            [sys.executable, "-m", "google_auth_botocore", "config", "check", "--help"],
            stdout=terminal,
            env={**os.environ, "COLUMNS": "40"},
        )
        assert done.wait(60) == 0
        os.close(terminal)
        text = b""
        while chunk := _read(end):
            text += chunk
        os.close(end)
        assert b"examples:" in text


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux reports the closed terminal as an error
        return b""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudoterminal")
class TestLinesOnATerminal:
    def test_sentences_are_broken_between_words_and_commands_stay_whole(self) -> None:
        sentence = "Google rejected the request for an access token, because a role is missing."
        command = "Run: gcloud iam service-accounts add-iam-policy-binding EMAIL --role=roles/x"
        end, side = pty.openpty()
        with os.fdopen(side, "w") as stream:
            assert wrapped(sentence, stream) == sentence  # the width is unknown
            fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
            assert wrapped(f"{sentence}\n{command}", stream, end=".").split("\n") == [
                "Google rejected the request for an",
                "access token, because a role is missing.",
                command,
            ]
        os.close(end)
        assert wrapped(sentence, io.StringIO()) == sentence

    def test_an_error_about_an_argument_fits(self) -> None:
        with terminal("tokn", columns=60) as started:
            text = re.sub(
                r"\x1b\[[0-9;]*m", "", started.read_until("id-token?")
            )  # since Python 3.14, the usage has colours
        assert [line for line in text.splitlines() if len(line) > 60] == []
        assert "(choose\nfrom token, id-token, doctor, config, executable, serve,\ncompletion)" in text


class TestPort:
    """The errors of `serve` and the emulator for a port in use are tested with each of them."""

    @pytest.mark.parametrize(
        ("number", "advice"),
        [
            (errno.EACCES, "may not listen on port 80 of 127.0.0.1. Pass a --port above 1023"),
            (errno.EPERM, "may not listen on port 80 of 127.0.0.1. Pass a --port above 1023"),
            (errno.EADDRNOTAVAIL, "127.0.0.1 is not an address of this machine"),
        ],
    )
    def test_what_to_do_is_in_the_error(self, number: int, advice: str) -> None:
        assert advice in (port_mistake(OSError(number, "text"), "127.0.0.1", 80) or "")

    def test_other_errors_are_not_about_the_port(self) -> None:
        assert port_mistake(OSError(errno.EACCES, "text", "state.json"), "127.0.0.1", 80) is None
        assert port_mistake(OSError(errno.EMFILE, "text"), "127.0.0.1", 80) is None

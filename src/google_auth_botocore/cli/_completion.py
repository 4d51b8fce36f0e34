"""`completion`: print the code with which a shell completes commands and flags when the user presses Tab.

The shell then runs `google-auth-botocore` with the variable _ARGCOMPLETE, and argcomplete prints the possible words.

https://kislyuk.github.io/argcomplete/
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from google_auth_botocore import ConfigurationError
from google_auth_botocore._command_line import Parser

_SHELLS = ("bash", "zsh", "fish")


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "completion",
        help="print the code for completion with Tab in a shell",
        usage="%(prog)s SHELL",
        description=(
            "Print the code with which a shell completes commands and flags when you press Tab. It requires argcomplete, "
            "which the extra `completion` installs."
        ),
        examples="""
        # first: pip install 'google-auth-botocore[completion]'
        # bash: add this line to ~/.bashrc
        eval "$(google-auth-botocore completion bash)"
        # zsh: add this line to ~/.zshrc, after `autoload -U compinit && compinit`
        eval "$(google-auth-botocore completion zsh)"
        # fish
        google-auth-botocore completion fish \\
          >~/.config/fish/completions/google-auth-botocore.fish
        """,
    )
    parser.add_argument("shell", choices=_SHELLS, metavar="SHELL", help=f"one of {', '.join(_SHELLS)}")
    parser.set_defaults(run=_run, program=parser.prog.split()[0])


def complete(parser: Parser) -> None:
    """If a shell requests the possible words, print them and exit."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    try:
        import argcomplete  # noqa: PLC0415 - it is optional, and not needed otherwise
    except ImportError:
        raise SystemExit(1) from None
    argcomplete.autocomplete(parser)


def _run(options: argparse.Namespace) -> int:
    try:
        from argcomplete import shell_integration  # noqa: PLC0415 - as above
    except ImportError:
        raise ConfigurationError(
            "Completion requires argcomplete, which is not installed. Install the extra.\n"
            "Run: pip install 'google-auth-botocore[completion]'",
            failure="extra-missing",
        ) from None
    print(shell_integration.shellcode([options.program], shell=options.shell))  # noqa: T201 - output of the command
    return 0

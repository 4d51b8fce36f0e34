"""gcp_copycat as a Lambda function."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from samples.conftest import SAMPLE
from samples.deploy.conftest import DEPLOY, World, printed, role_of
from samples.deploy.hosts import FUNCTION, program, required_mib

HOST = "lambda"
ROLE = role_of(HOST)


def test_the_function_copies_as_its_role(world: World) -> None:
    """The handler runs twice in one process, as on Lambda, and makes only one exchange."""
    before = len([call for call in world.sandbox.google.calls if call.assertion])
    keys = world.issue(FUNCTION["FunctionName"])
    module, _, name = FUNCTION["Handler"].rpartition(".")
    invocations = [words for words in printed(DEPLOY / "lambda" / "README.md", "aws") if "invoke" in words]
    [event] = {words[words.index("--payload") + 1] for words in invocations}
    code = (
        f"import json, sys; sys.path.insert(0, {str(SAMPLE)!r}); import {module}\n"
        "class Context:\n"
        "    def get_remaining_time_in_millis(self): return 60_000\n"
        "for _ in range(2):\n"
        f"    print(json.dumps({module}.{name}(json.loads({event!r}), Context())))"
    )
    lambdas = {
        **FUNCTION["Environment"]["Variables"],
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        "AWS_SESSION_TOKEN": str(keys.session_token),
        "AWS_REGION": "eu-central-1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=world.environment(lambdas),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["copied"], second["skipped"]) == ({"objects": 1, "bytes": 1}, {"objects": 1, "bytes": 1})
    assert (world.seen, world.copied) == (f"{ROLE}/gcp-copycat", ["reports/a"])
    assert len([call for call in world.sandbox.google.calls if call.assertion]) == before + 1


def test_the_package_contains_the_program() -> None:
    [words] = printed(DEPLOY / "lambda" / "README.md", "cp")
    assert words[:2] == ["cp", "-r"]
    assert [(DEPLOY / "lambda" / word).resolve() for word in words[2:-1]] == program()


def test_the_cli_sends_no_second_invocation_while_the_first_one_runs() -> None:
    """By default, the CLI times out after 60 s and sends the invocation again."""
    page = (DEPLOY / "lambda" / "README.md").read_text()
    invocations = re.findall(r"^((?:\w+=\S+ )*)aws lambda invoke ((?:.*\\\n)*.*)$", page, re.MULTILINE)
    assert len(invocations) == 2
    for variables, arguments in invocations:
        waits = "--invocation-type Event" not in arguments
        assert not waits or ("--cli-read-timeout 0" in arguments and "AWS_MAX_ATTEMPTS=1 " in variables)
    assert "version 2" in page


def test_one_copy_runs_at_a_time_with_the_memory_that_it_requires() -> None:
    [words] = [each for each in printed(DEPLOY / "lambda" / "README.md", "aws") if "put-function-concurrency" in each]
    assert words[words.index("--reserved-concurrent-executions") + 1] == "1"
    assert FUNCTION["MemorySize"] >= required_mib(FUNCTION["Environment"]["Variables"])

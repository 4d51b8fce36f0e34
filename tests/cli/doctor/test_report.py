"""The report that doctor prints, and what it must never contain."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable
from re import Match

import hcl2
import pytest

from cli.conftest import command
from cli.doctor.cases import JWT, POOL
from cli.doctor.sandbox import KEYS, NOWHERE, ROLE, Sandbox, SkippingClock
from google_auth_botocore import Credentials
from google_auth_botocore._refresh.exchange import Exchange, current
from google_auth_botocore._shared_token_credentials import SourceCredentials
from google_auth_botocore.cli.doctor._evidence import Evidence
from google_auth_botocore.emulator import Emulator, Fault
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata, WebIdentityIssuer
from google_auth_botocore.emulator.aws._endpoint import AwsEndpoint

STEPS = [
    "configuration",
    "AWS source",
    "AWS keys",
    "signed request",
    "AWS caller",
    "clock",
    "exchange",
    "principal",
    "service account",
    "project",
]
PRINCIPAL = f"principal:{POOL}/subject/{ROLE}/i-0abc"


def result_of(sandbox: Sandbox, step: str, *flags: str) -> str:
    """Return the result of a step, as one line."""
    [found] = [each for each in sandbox.diagnose(*flags).document["steps"] if each["step"] == step]
    return " | ".join(found["saw"])


class TestHealthy:
    def test_each_step_has_a_result(self, sandbox: Sandbox) -> None:
        sandbox.fault("/nothing", 200, {"ok": True})
        report = sandbox.diagnose(f"--call={sandbox.google.url}/nothing")
        assert report.code == 0
        assert list(report.states) == [*STEPS, "call"]
        assert {state for step, state in report.states.items() if step != "AWS keys"} == {"ok"}
        assert report.document["cause"] is None
        assert (report.document["caller"], report.document["principal"]) == (f"{ROLE}/i-0abc", PRINCIPAL)
        assert report.document["audience"] == sandbox.flags["audience"]
        for part in (
            "to sts.eu-central-1.amazonaws.com, signed for",
            "host, x-amz-date,",
            f"    {PRINCIPAL}\n",
            f"    principalSet:{POOL}/attribute.aws_role/{ROLE}\n",
            f"    principalSet:{POOL}/*\n",
            "All checks passed. A token was issued.",
        ):
            assert part in report.text

    def test_one_run_makes_one_exchange(self, sandbox: Sandbox) -> None:
        sandbox.run("doctor", *[f"--{name}={value}" for name, value in sandbox.flags.items()])
        posts = [call.path for call in sandbox.google.calls if call.method == "POST"]
        assert [path.rpartition(":")[2] for path in posts] == ["/v1/token", "generateAccessToken"]
        assert sandbox.aws.count("/") == 1

    def test_only_names_and_commands_are_wider_than_a_terminal(self, sandbox: Sandbox) -> None:
        for line in sandbox.diagnose().text.splitlines():
            assert len(line) < 80 or re.fullmatch(r" +\S+", line) or "--" in line, line

    def test_without_a_service_account_the_federated_token_is_the_access_token(self, sandbox: Sandbox) -> None:
        del sandbox.flags["service-account"]
        assert result_of(sandbox, "service account") == "none: the federated token is the access token"

    def test_an_id_token_requires_no_permission_for_access_tokens(self, sandbox: Sandbox) -> None:
        sandbox.bind(sandbox.member(ROLE), role="roles/iam.serviceAccountOpenIdTokenCreator")
        account = sandbox.workload.account.email
        assert f"ID token of {account} | for the audience https://x" in result_of(
            sandbox, "service account", "--target-audience=https://x"
        )
        assert sandbox.google.count(":generateAccessToken") == 0

    def test_a_jwt_states_the_caller(self, sandbox: Sandbox) -> None:
        issuer = sandbox.start(WebIdentityIssuer(sandbox.google.aws_keys.find))
        sandbox.set(**issuer.environment())
        provider = sandbox.google.add_oidc_provider(issuer.url)
        sandbox.bind(provider.principal("arn:aws:iam::123456789012:role/app"))
        sandbox.flags.update({"audience": provider.audience, "subject-token-type": JWT})
        report = sandbox.diagnose()
        assert report.code == 0, report.text
        assert report.document["principal"] == f"principal:{POOL}/subject/arn:aws:iam::123456789012:role/app"

    def test_with_an_oauth_client_the_principal_comes_from_google(self, sandbox: Sandbox) -> None:
        sandbox.google.add_oauth_client("client", "secret-of-the-client")
        sandbox.workload.provider.attribute_mapping = {
            "google.subject": "'someone'",
            "attribute.aws_role": f"'{ROLE}'",
        }
        sandbox.set(CLOUDSDK_AUTH_CLIENT_ID="client", CLOUDSDK_AUTH_CLIENT_SECRET="secret-of-the-client")
        report = sandbox.diagnose()
        assert report.document["principal"] == f"principal:{POOL}/subject/someone"
        assert "secret-of-the-client" not in report.text

    def test_with_an_administrator_token_an_unusual_mapping_of_the_subject_is_reported(self, sandbox: Sandbox) -> None:
        sandbox.workload.provider.attribute_mapping = {
            "google.subject": "assertion.userid",
            "attribute.aws_role": f"'{ROLE}'",
        }
        sandbox.use_administrator_token()
        assert result_of(sandbox, "principal").startswith(
            "the provider has an unusual attribute mapping: google.subject = assertion.userid"
        )

    def test_with_an_administrator_token_nothing_is_changed(self, sandbox: Sandbox) -> None:
        sandbox.bind()
        sandbox.use_administrator_token()
        sandbox.diagnose()
        written = [call for call in sandbox.google.calls if call.method in ("PUT", "PATCH", "DELETE")]
        assert written == []
        assert [call for call in sandbox.google.calls if "setIamPolicy" in call.path][1:] == []

    def test_the_project_of_a_default_service_account_is_the_one_in_its_name(self, sandbox: Sandbox) -> None:
        account = "my-project@appspot.gserviceaccount.com"
        sandbox.flags["service-account"] = account
        sandbox.fault(":generateAccessToken", 403)
        sandbox.fault("[/]v1/projects/my-project/serviceAccounts/*", 404)
        sandbox.use_administrator_token()
        fix = sandbox.diagnose().cause("account-missing")["fix"]
        assert fix["gcloud"][0].startswith("gcloud iam service-accounts list --project=my-project ")

    def test_the_file_that_the_environment_names_is_used(self, sandbox: Sandbox) -> None:
        path = sandbox.home / "config.json"
        path.write_text(
            json.dumps(Credentials(sandbox.flags.pop("audience"), sandbox.flags.pop("service-account")).info)
        )
        sandbox.set(GOOGLE_APPLICATION_CREDENTIALS=str(path))
        assert result_of(sandbox, "configuration").startswith(str(path))


class OneReplyServer(AwsEndpoint):
    """A server that sends the same reply to all requests."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self._response = response

    def routes(self) -> list[Route]:
        return [Route("GET", re.compile("/.*"), lambda _, __: self._response)]


class SleepingMachineClock(SkippingClock):
    """The clock of a machine that sleeps for two hours after every other access token."""

    def __init__(self, google: Emulator) -> None:
        super().__init__()
        self._google = google
        self._slept: dict[Exchange, int] = {}

    def monotonic(self) -> float:
        slept = 7200 * ((self._google.count(":generateAccessToken") + 1) // 2)
        exchange = current.get()
        if exchange is not None:
            # Not during an exchange: the token would expire before it arrives.
            slept = self._slept.setdefault(exchange, slept)
        return super().monotonic() + slept


class TestCalls:
    @pytest.mark.parametrize(
        ("path", "status", "cause"),
        [(":generateAccessToken", 403, "not-bound"), ("/v1/token", 400, "reply-not-googles")],
    )
    def test_no_call_is_made_without_a_token(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, path: str, status: int, cause: str
    ) -> None:
        """The token expires before the call, and the next exchange fails: doctor reports the cause of that."""
        monkeypatch.setattr(SourceCredentials, "_clock", SleepingMachineClock(sandbox.google))
        sandbox.google.fail(path, Fault(None))
        sandbox.google.fail(path, Fault(status, times=None))
        done = sandbox.run(
            "doctor", *(f"--{name}={value}" for name, value in sandbox.flags.items()), f"--call={NOWHERE}/"
        )
        assert done.code == 1
        assert f"Cause: {cause}\n" in done.out
        assert "Failed at: call." in done.out

    @pytest.mark.parametrize(
        ("cause", "status", "path", "words"),
        [
            ("call-fails", 404, "/?a=1&b=2;reboot", "Not found."),
            ("bucket-with-acls", 403, "/storage/v1/b/a;reboot/o", "No."),
            ("quota-project-denied", 403, "/", "Grant serviceusage.services.use."),
            ("target-api-disabled", 403, "/", "It has not been used in project a;reboot before: apis/api/b;reboot/"),
        ],
    )
    def test_each_printed_line_is_one_command_whatever_url_is_called(
        self, sandbox: Sandbox, cause: str, status: int, path: str, words: str
    ) -> None:
        if cause == "bucket-with-acls":
            del sandbox.flags["service-account"]
        sandbox.flags["quota-project"] = "a;reboot"
        server = sandbox.start(OneReplyServer(Response({"error": {"message": words}}, status)))
        found = sandbox.diagnose(f"--call={server.url}{path}").cause(cause)["fix"]
        for each in [*found.get("gcloud", ()), *found.get("local", ())]:
            read = list(shlex.shlex(each, posix=True, punctuation_chars=True))
            assert not {";", "&", "&&", "|", "("} & set(read), each

    @pytest.mark.parametrize(("name", "kept"), [("a${file(x)}", "a$${file(x)}"), ("%{if x}", "%%{if x}"), ('"', '\\"')])
    def test_the_called_url_is_not_evaluated_by_terraform(self, sandbox: Sandbox, name: str, kept: str) -> None:
        del sandbox.flags["service-account"]
        server = sandbox.start(OneReplyServer(Response({}, 403)))
        found = sandbox.diagnose(f"--call={server.url}/storage/v1/b/{name}/o").cause("bucket-with-acls")
        hcl2.loads(found["fix"]["terraform"] + "\n")
        assert f'name                        = "{kept}"\n' in found["fix"]["terraform"]


class TestSources:
    def test_the_first_source_is_used_and_the_others_are_not_tried(self, sandbox: Sandbox) -> None:
        container = sandbox.start(ContainerCredentials(sandbox.google.aws_keys.issue))
        sandbox.set(**container.environment(), AWS_EC2_METADATA_DISABLED="false")
        found = result_of(sandbox, "AWS source")
        assert "environment variables, configured by AWS_ACCESS_KEY_ID: keys found" in found
        assert (
            "container (ECS, EKS), configured by AWS_CONTAINER_CREDENTIALS_FULL_URI: not tried, because another source comes first"
            in found
        )
        assert (
            "EC2 instance metadata, configured by http://169.254.169.254: not tried, because another source comes first"
            in found
        )
        assert "not configured: assumed role of a profile, web identity (EKS IRSA), IAM Identity Center" in found
        assert container.calls == []

    def test_the_next_source_is_tried_if_a_source_has_no_keys(self, sandbox: Sandbox) -> None:
        sandbox.unset(*KEYS)
        container = sandbox.start(ContainerCredentials(lambda: sandbox.google.aws_keys.issue(f"{ROLE}/task")))
        sandbox.set(**container.environment())
        found = result_of(sandbox, "AWS source")
        assert "container (ECS, EKS), configured by AWS_CONTAINER_CREDENTIALS_FULL_URI: keys found" in found
        assert "; they expire at 20" in result_of(sandbox, "AWS keys")

    @pytest.mark.parametrize("flags", [(), ("--offline",)])
    def test_a_chain_without_keys_is_not_ok(self, sandbox: Sandbox, flags: tuple[str, ...]) -> None:
        sandbox.unset(*KEYS)
        report = sandbox.diagnose(*flags)
        assert report.states["AWS source"] == "unknown"
        assert report.states["AWS keys"] == "failed"
        assert result_of(sandbox, "AWS source").startswith("no source is configured")

    def test_keys_in_a_file_of_boto_2_come_before_instance_metadata(self, sandbox: Sandbox) -> None:
        keys = sandbox.workload.keys
        sandbox.unset(*KEYS)
        (sandbox.home / ".boto").write_text(
            f"[Credentials]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {keys.secret_access_key}\n"
        )
        sandbox.set(BOTO_CONFIG=str(sandbox.home / ".boto"), AWS_EC2_METADATA_DISABLED="false")
        found = result_of(sandbox, "AWS source")
        assert "EC2 instance metadata, configured by http://169.254.169.254: not tried, because" in found

    def test_the_region_comes_from_instance_metadata(self, sandbox: Sandbox) -> None:
        sandbox.unset(*KEYS, "AWS_REGION")
        metadata = sandbox.start(InstanceMetadata(lambda: sandbox.google.aws_keys.issue(f"{ROLE}/i-0abc")))
        sandbox.set(**metadata.environment())
        assert f"EC2 instance metadata, configured by {metadata.url}: keys found" in result_of(sandbox, "AWS source")
        assert "signed for eu-central-1" in result_of(sandbox, "signed request")

    @pytest.mark.parametrize(("file", "named"), [("credentials", "shared credentials file"), ("config", "config file")])
    def test_a_profile_is_reported_with_its_file(self, sandbox: Sandbox, file: str, named: str) -> None:
        keys = sandbox.workload.keys
        sandbox.unset(*KEYS)
        path = sandbox.home / ".aws" / file
        path.parent.mkdir()
        section = "app" if file == "credentials" else "profile app"
        path.write_text(
            f"[{section}]\naws_access_key_id = {keys.access_key_id}\n"
            f"aws_secret_access_key = {keys.secret_access_key}\naws_session_token = {keys.session_token}\n"
        )
        sandbox.flags["profile"] = "app"
        assert f"{named}, configured by profile app in {path}: keys found" in result_of(sandbox, "AWS source")


class TestOffline:
    def test_no_network_call_is_made(self, sandbox: Sandbox) -> None:
        report = sandbox.diagnose("--offline")
        assert report.code == 0
        assert (sandbox.google.calls, sandbox.aws.calls) == ([], [])
        reached = [step for step, state in report.states.items() if state != "not reached"]
        assert reached == ["configuration", "AWS source", "AWS keys", "signed request", "project"]
        assert "All checks that work offline passed." in report.text

    def test_keys_that_require_a_call_are_not_requested(self, sandbox: Sandbox) -> None:
        sandbox.unset(*KEYS)
        container = sandbox.start(ContainerCredentials(sandbox.google.aws_keys.issue))
        sandbox.set(**container.environment())
        report = sandbox.diagnose("--offline")
        assert (report.code, container.calls) == (0, [])
        [source] = [step for step in report.document["steps"] if step["step"] == "AWS source"]
        assert source["saw"][0].endswith(": first in the chain, not tried offline")

    def test_a_role_is_not_assumed(self, sandbox: Sandbox) -> None:
        sandbox.flags["assume-role"] = "arn:aws:iam::123456789012:role/other"
        sandbox.set(AWS_ENDPOINT_URL_STS=sandbox.aws.url)
        assert sandbox.diagnose("--offline").code == 0
        assert sandbox.aws.calls == []

    def test_failures_on_this_machine_are_found(self, sandbox: Sandbox) -> None:
        sandbox.unset("AWS_SESSION_TOKEN")
        report = sandbox.diagnose("--offline")
        assert (report.code, report.document["cause"]) == (1, "no-session-token")


class TestUnknown:
    """A step that could not find out its result is reported as "unknown", not as "ok" or "failed"."""

    def test_the_clock_if_no_reply_has_a_date(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Evidence, "clock", None)
        report = sandbox.diagnose()
        assert (report.code, report.states["clock"]) == (0, "unknown")
        assert "  unknown clock           no reply has a Date header\n" in report.text

    def test_the_principal_if_the_aws_caller_is_unknown(self, sandbox: Sandbox) -> None:
        sandbox.flags["aws-sts-endpoint"] = NOWHERE
        report = sandbox.diagnose()
        assert (report.code, report.states["principal"]) == (0, "unknown")

    def test_the_sources_if_the_file_cannot_be_read(self, sandbox: Sandbox) -> None:
        path = sandbox.home / ".aws" / "config"
        path.parent.mkdir()
        path.write_text("[default\n")
        assert sandbox.diagnose().states["AWS source"] == "unknown"


@pytest.mark.parametrize(
    ("ahead", "words"), [(5, r"[456] s behind"), (-300, "5 min ahead of"), (7200, "2 h 0 min behind")]
)
def test_the_offset_of_the_clock_is_printed_in_seconds_minutes_or_hours(
    sandbox: Sandbox, ahead: float, words: str
) -> None:
    sandbox.use_keys(sandbox.google.aws_keys.issue(f"{ROLE}/i-0abc", lifetime=86_400))
    sandbox.google.clock = lambda: time.time() + ahead + 0.5
    sandbox.flags["aws-sts-endpoint"] = NOWHERE
    assert re.match(words, result_of(sandbox, "clock"))


class Echo(AwsEndpoint):
    """A server that echoes the request."""

    def __init__(self, form: Callable[[str], str]) -> None:
        super().__init__()
        self._form = form

    def routes(self) -> list[Route]:
        return [Route(method, re.compile("/.*"), self._echo) for method in ("GET", "POST")]

    def _echo(self, call: Call, _: Match[str]) -> Response:
        # The secret comes first, because the end of a long text is not printed.
        secrets = [call.headers.get(name, "") for name in ("x-amz-security-token", "authorization")]
        return Response(self._form(" ".join([*secrets[self.calls.index(call) % 2 :], call.body.decode()])), 403)


class TestSecrets:
    @pytest.mark.parametrize("fault", ["--call", "--aws-sts-endpoint", "--token-url", "--iam-credentials-endpoint"])
    def test_secrets_that_a_server_echoes_are_not_printed(self, sandbox: Sandbox, fault: str) -> None:
        """`diagnose` searches the output for every key, token and signature."""
        name = fault.removeprefix("--")
        for form in (
            str,
            lambda text: json.dumps({"error": {"message": text, "status": "PERMISSION_DENIED"}}),
            lambda text: f"<ErrorResponse><Code>AccessDenied</Code><Message>{text}</Message></ErrorResponse>",
        ):
            sandbox.flags[name] = sandbox.start(Echo(form)).url
            report = sandbox.diagnose()
            assert report.code in (0, 1)

    def test_control_characters_do_not_reach_the_terminal(self, sandbox: Sandbox) -> None:
        sandbox.fault("/thing", 403, {"error": {"message": "\x1b[31mred\x07 \N{SNOWMAN}"}})
        text = sandbox.diagnose(f"--call={sandbox.google.url}/thing").text
        assert "[31mred \\u2603" in text
        assert text.isascii()
        assert text.replace("\n", "").isprintable()


class TestCommand:
    @pytest.mark.parametrize(
        "wrong", ["--call=http://example.com", "--call=x", "--aws-sts-endpoint=ftp://x", "--lifetime=ten"]
    )
    def test_an_invalid_flag(self, sandbox: Sandbox, wrong: str) -> None:
        done = sandbox.run("doctor", wrong)
        assert (done.code, done.out) == (2, "")

    def test_the_command_works_on_a_terminal_without_utf_8(self, sandbox: Sandbox) -> None:
        flags = [f"--{name}={value}" for name, value in sandbox.flags.items()]
        done = command("doctor", *flags, PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (0, "")
        assert command("doctor", "--help", PYTHONIOENCODING="ascii").returncode == 0

    def test_a_temporary_failure_has_its_own_exit_code(self, sandbox: Sandbox) -> None:
        sandbox.google.fail("/v1/token", Fault(429, times=None, retry_after=60))
        sandbox.flags["aws-sts-endpoint"] = NOWHERE
        assert sandbox.diagnose().code == 75

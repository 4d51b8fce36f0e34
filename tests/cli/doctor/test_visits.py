"""What doctor shows of a workload that is well, and what it keeps to itself."""

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
from cli.doctor.test_causes import JWT, POOL
from cli.doctor.ward import KEYS, NOWHERE, ROLE, Impatient, Ward
from google_auth_botocore import Credentials
from google_auth_botocore._refresh.exchange import Exchange, current
from google_auth_botocore._shared_token_credentials import SourceCredentials
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


def saw(ward: Ward, step: str, *flags: str) -> str:
    """What was seen on a step, in one line."""
    [found] = [each for each in ward.visit(*flags).document["steps"] if each["step"] == step]
    return " | ".join(found["saw"])


class TestHealthy:
    def test_each_step_says_what_it_saw(self, ward: Ward) -> None:
        ward.fault("/nothing", 200, {"ok": True})
        visit = ward.visit(f"--call={ward.google.url}/nothing")
        assert visit.code == 0
        assert list(visit.states) == [*STEPS, "call"]
        assert {state for step, state in visit.states.items() if step != "AWS keys"} == {"ok"}
        assert visit.document["cause"] is None
        assert (visit.document["caller"], visit.document["principal"]) == (f"{ROLE}/i-0abc", PRINCIPAL)
        assert visit.document["audience"] == ward.flags["audience"]
        for part in (
            "for sts.eu-central-1.amazonaws.com in eu-central-1",
            "host, x-amz-date,",
            f"    {PRINCIPAL}\n",
            f"    principalSet:{POOL}/attribute.aws_role/{ROLE}\n",
            f"    principalSet:{POOL}/*\n",
            "All is good: there is a token at the end of the way.",
        ):
            assert part in visit.text

    def test_one_look_costs_one_exchange(self, ward: Ward) -> None:
        ward.run("doctor", *[f"--{name}={value}" for name, value in ward.flags.items()])
        posts = [call.path for call in ward.google.calls if call.method == "POST"]
        assert [path.rpartition(":")[2] for path in posts] == ["/v1/token", "generateAccessToken"]
        assert ward.aws.count("/") == 1

    def test_nothing_is_wider_than_a_terminal_but_names_and_commands(self, ward: Ward) -> None:
        for line in ward.visit().text.splitlines():
            assert len(line) < 80 or re.fullmatch(r" +\S+", line) or "--" in line, line

    def test_without_a_service_account_the_federated_token_is_the_token(self, ward: Ward) -> None:
        del ward.flags["service-account"]
        assert saw(ward, "service account") == "none: the federated token is the access token"

    def test_an_id_token_takes_no_right_to_access_tokens(self, ward: Ward) -> None:
        ward.bind(ward.member(ROLE), role="roles/iam.serviceAccountOpenIdTokenCreator")
        assert "gives an ID token | made out to https://x" in saw(
            ward, "service account", "--target-audience=https://x"
        )
        assert ward.google.count(":generateAccessToken") == 0

    def test_a_jwt_says_whose_it_is(self, ward: Ward) -> None:
        issuer = ward.start(WebIdentityIssuer(ward.google.aws_keys.find))
        ward.set(**issuer.environment())
        provider = ward.google.add_oidc_provider(issuer.url)
        ward.bind(provider.principal("arn:aws:iam::123456789012:role/app"))
        ward.flags.update({"audience": provider.audience, "subject-token-type": JWT})
        visit = ward.visit()
        assert visit.code == 0, visit.text
        assert visit.document["principal"] == f"principal:{POOL}/subject/arn:aws:iam::123456789012:role/app"

    def test_google_itself_says_whom_it_sees_where_a_client_may_ask(self, ward: Ward) -> None:
        ward.google.add_oauth_client("client", "secret-of-the-client")
        ward.workload.provider.attribute_mapping = {
            "google.subject": "'someone'",
            "attribute.aws_role": f"'{ROLE}'",
        }
        ward.set(CLOUDSDK_AUTH_CLIENT_ID="client", CLOUDSDK_AUTH_CLIENT_SECRET="secret-of-the-client")
        visit = ward.visit()
        assert visit.document["principal"] == f"principal:{POOL}/subject/someone"
        assert "secret-of-the-client" not in visit.text

    def test_an_administrator_sees_that_the_subject_is_mapped_otherwise(self, ward: Ward) -> None:
        ward.workload.provider.attribute_mapping = {
            "google.subject": "assertion.userid",
            "attribute.aws_role": f"'{ROLE}'",
        }
        ward.administer()
        assert saw(ward, "principal").startswith("the provider maps google.subject = assertion.userid")

    def test_a_token_of_an_administrator_changes_nothing(self, ward: Ward) -> None:
        ward.bind()
        ward.administer()
        ward.visit()
        written = [call for call in ward.google.calls if call.method in ("PUT", "PATCH", "DELETE")]
        assert written == []
        assert [call for call in ward.google.calls if "setIamPolicy" in call.path][1:] == []

    def test_the_project_of_a_default_account_is_the_one_in_its_name(self, ward: Ward) -> None:
        account = "my-project@appspot.gserviceaccount.com"
        ward.flags["service-account"] = account
        ward.fault(":generateAccessToken", 403)
        ward.fault("[/]v1/projects/my-project/serviceAccounts/*", 404)
        ward.administer()
        mend = ward.visit().cause("account-missing")["mend"]
        assert mend["gcloud"][0].startswith("gcloud iam service-accounts list --project=my-project ")

    def test_the_file_of_the_environment_is_looked_at(self, ward: Ward) -> None:
        path = ward.home / "config.json"
        path.write_text(json.dumps(Credentials(ward.flags.pop("audience"), ward.flags.pop("service-account")).info))
        ward.set(GOOGLE_APPLICATION_CREDENTIALS=str(path))
        assert saw(ward, "configuration").startswith(str(path))


class Answering(AwsEndpoint):
    """A server that has one answer to everything."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self._response = response

    def routes(self) -> list[Route]:
        return [Route("GET", re.compile("/.*"), lambda _, __: self._response)]


class Sleepy(Impatient):
    """The clock of a machine that sleeps for two hours after every other access token."""

    def __init__(self, google: Emulator) -> None:
        super().__init__()
        self._google = google
        self._slept: dict[Exchange, int] = {}

    def monotonic(self) -> float:
        slept = 7200 * ((self._google.count(":generateAccessToken") + 1) // 2)
        exchange = current.get()
        if exchange is not None:
            # Not in the midst of an exchange: the token would expire before it arrives.
            slept = self._slept.setdefault(exchange, slept)
        return super().monotonic() + slept


class TestCalls:
    @pytest.mark.parametrize(
        ("path", "status", "cause"),
        [(":generateAccessToken", 403, "not-bound"), ("/v1/token", 400, "exchange-refused")],
    )
    def test_for_want_of_a_token_no_call_is_made(
        self, ward: Ward, monkeypatch: pytest.MonkeyPatch, path: str, status: int, cause: str
    ) -> None:
        """It ended before the call, and there is no other; the cause is the token's."""
        monkeypatch.setattr(SourceCredentials, "_clock", Sleepy(ward.google))
        ward.google.fail(path, Fault(None))
        ward.google.fail(path, Fault(status, times=None))
        done = ward.run("doctor", *(f"--{name}={value}" for name, value in ward.flags.items()), f"--call={NOWHERE}/")
        assert done.code == 1
        assert f"Cause: {cause}\n" in done.out
        assert "The way ends at: call." in done.out

    @pytest.mark.parametrize(
        ("cause", "status", "path", "words"),
        [
            ("call-fails", 404, "/?a=1&b=2;reboot", "Not found."),
            ("bucket-with-acls", 403, "/storage/v1/b/a;reboot/o", "No."),
            ("quota-project-denied", 403, "/", "Grant serviceusage.services.use."),
            ("target-api-disabled", 403, "/", "It has not been used in project a;reboot before: apis/api/b;reboot/"),
        ],
    )
    def test_what_is_copied_is_one_command_whatever_is_called(
        self, ward: Ward, cause: str, status: int, path: str, words: str
    ) -> None:
        if cause == "bucket-with-acls":
            del ward.flags["service-account"]
        ward.flags["quota-project"] = "a;reboot"
        refusing = ward.start(Answering(Response({"error": {"message": words}}, status)))
        found = ward.visit(f"--call={refusing.url}{path}").cause(cause)["mend"]
        for each in [*found.get("gcloud", ()), *found.get("local", ())]:
            read = list(shlex.shlex(each, posix=True, punctuation_chars=True))
            assert not {";", "&", "&&", "|", "("} & set(read), each

    @pytest.mark.parametrize(("name", "kept"), [("a${file(x)}", "a$${file(x)}"), ("%{if x}", "%%{if x}"), ('"', '\\"')])
    def test_what_is_called_is_no_expression_of_terraforms(self, ward: Ward, name: str, kept: str) -> None:
        del ward.flags["service-account"]
        refusing = ward.start(Answering(Response({}, 403)))
        found = ward.visit(f"--call={refusing.url}/storage/v1/b/{name}/o").cause("bucket-with-acls")
        hcl2.loads(found["mend"]["terraform"] + "\n")
        assert f'name                        = "{kept}"\n' in found["mend"]["terraform"]


class TestSources:
    def test_the_first_wins_and_the_others_are_not_asked(self, ward: Ward) -> None:
        container = ward.start(ContainerCredentials(ward.google.aws_keys.issue))
        ward.set(**container.environment(), AWS_EC2_METADATA_DISABLED="false")
        found = saw(ward, "AWS source")
        assert "environment variables, by AWS_ACCESS_KEY_ID: won" in found
        assert "container (ECS, EKS), by AWS_CONTAINER_CREDENTIALS_FULL_URI: not asked: another came first" in found
        assert "EC2 instance metadata, by http://169.254.169.254: not asked: another came first" in found
        assert "not set: role of a profile, web identity (EKS IRSA), IAM Identity Center" in found
        assert container.calls == []

    def test_one_that_has_none_leaves_it_to_the_next(self, ward: Ward) -> None:
        ward.unset(*KEYS)
        container = ward.start(ContainerCredentials(lambda: ward.google.aws_keys.issue(f"{ROLE}/task")))
        ward.set(**container.environment())
        found = saw(ward, "AWS source")
        assert "container (ECS, EKS), by AWS_CONTAINER_CREDENTIALS_FULL_URI: won" in found
        assert "which end at 20" in saw(ward, "AWS keys")

    def test_instance_metadata_knows_the_region(self, ward: Ward) -> None:
        ward.unset(*KEYS, "AWS_REGION")
        metadata = ward.start(InstanceMetadata(lambda: ward.google.aws_keys.issue(f"{ROLE}/i-0abc")))
        ward.set(**metadata.environment())
        assert f"EC2 instance metadata, by {metadata.url}: won" in saw(ward, "AWS source")
        assert "in eu-central-1" in saw(ward, "signed request")

    @pytest.mark.parametrize(("file", "named"), [("credentials", "shared credentials file"), ("config", "config file")])
    def test_a_profile_is_named_with_its_file(self, ward: Ward, file: str, named: str) -> None:
        keys = ward.workload.keys
        ward.unset(*KEYS)
        path = ward.home / ".aws" / file
        path.parent.mkdir()
        section = "app" if file == "credentials" else "profile app"
        path.write_text(
            f"[{section}]\naws_access_key_id = {keys.access_key_id}\n"
            f"aws_secret_access_key = {keys.secret_access_key}\naws_session_token = {keys.session_token}\n"
        )
        ward.flags["profile"] = "app"
        assert f"{named}, by profile app in {path}: won" in saw(ward, "AWS source")


class TestOffline:
    def test_nobody_is_asked(self, ward: Ward) -> None:
        visit = ward.visit("--offline")
        assert visit.code == 0
        assert (ward.google.calls, ward.aws.calls) == ([], [])
        reached = [step for step, state in visit.states.items() if state != "not reached"]
        assert reached == ["configuration", "AWS source", "AWS keys", "signed request", "project"]
        assert "Good as far as was looked, offline." in visit.text

    def test_keys_that_would_have_to_be_asked_for_are_not(self, ward: Ward) -> None:
        ward.unset(*KEYS)
        container = ward.start(ContainerCredentials(ward.google.aws_keys.issue))
        ward.set(**container.environment())
        visit = ward.visit("--offline")
        assert (visit.code, container.calls) == (0, [])
        assert "is asked first" in visit.text

    def test_a_role_is_not_assumed(self, ward: Ward) -> None:
        ward.flags["assume-role"] = "arn:aws:iam::123456789012:role/other"
        ward.set(AWS_ENDPOINT_URL_STS=ward.aws.url)
        assert ward.visit("--offline").code == 0
        assert ward.aws.calls == []

    def test_causes_that_lie_here_are_found(self, ward: Ward) -> None:
        ward.unset("AWS_SESSION_TOKEN")
        visit = ward.visit("--offline")
        assert (visit.code, visit.document["cause"]) == (1, "no-session-token")


@pytest.mark.parametrize(
    ("ahead", "words"), [(5, r"[456] s behind"), (-300, "5 min ahead of"), (7200, "2 h 0 min behind")]
)
def test_the_clock_is_compared_in_words_that_people_use(ward: Ward, ahead: float, words: str) -> None:
    ward.hold(ward.google.aws_keys.issue(f"{ROLE}/i-0abc", lifetime=86_400))
    ward.google.clock = lambda: time.time() + ahead + 0.5
    ward.flags["aws-sts-endpoint"] = NOWHERE
    assert re.match(words, saw(ward, "clock"))


class Echo(AwsEndpoint):
    """A server that tells everybody what it was told."""

    def __init__(self, form: Callable[[str], str]) -> None:
        super().__init__()
        self._form = form

    def routes(self) -> list[Route]:
        return [Route(method, re.compile("/.*"), self._echo) for method in ("GET", "POST")]

    def _echo(self, call: Call, _: Match[str]) -> Response:
        # What is secret comes first, because nobody shows the end of a long text.
        told = [call.headers.get(name, "") for name in ("x-amz-security-token", "authorization")]
        return Response(self._form(" ".join([*told[self.calls.index(call) % 2 :], call.body.decode()])), 403)


class TestSecrets:
    @pytest.mark.parametrize("fault", ["--call", "--aws-sts-endpoint", "--token-url", "--iam-credentials-endpoint"])
    def test_what_a_server_echoes_is_not_shown(self, ward: Ward, fault: str) -> None:
        """Each visit looks for every key, token and signature in what doctor says."""
        name = fault.removeprefix("--")
        for form in (
            str,
            lambda text: json.dumps({"error": {"message": text, "status": "PERMISSION_DENIED"}}),
            lambda text: f"<ErrorResponse><Code>AccessDenied</Code><Message>{text}</Message></ErrorResponse>",
        ):
            ward.flags[name] = ward.start(Echo(form)).url
            visit = ward.visit()
            assert visit.code in (0, 1)

    def test_control_characters_do_not_reach_the_terminal(self, ward: Ward) -> None:
        ward.fault("/thing", 403, {"error": {"message": "\x1b[31mred\x07 \N{SNOWMAN}"}})
        text = ward.visit(f"--call={ward.google.url}/thing").text
        assert "[31mred \\u2603" in text
        assert text.isascii()
        assert text.replace("\n", "").isprintable()


class TestCommand:
    @pytest.mark.parametrize(
        "wrong", ["--call=http://example.com", "--call=x", "--aws-sts-endpoint=ftp://x", "--lifetime=ten"]
    )
    def test_a_flag_that_can_not_be_right(self, ward: Ward, wrong: str) -> None:
        done = ward.run("doctor", wrong)
        assert (done.code, done.out) == (2, "")

    def test_as_a_process_on_a_terminal_without_utf_8(self, ward: Ward) -> None:
        flags = [f"--{name}={value}" for name, value in ward.flags.items()]
        done = command("doctor", *flags, PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (0, "")
        assert command("doctor", "--help", PYTHONIOENCODING="ascii").returncode == 0

    def test_what_may_work_later_has_a_code_of_its_own(self, ward: Ward) -> None:
        ward.google.fail("/v1/token", Fault(429, times=None, retry_after=60))
        ward.flags["aws-sts-endpoint"] = NOWHERE
        assert ward.visit().code == 75

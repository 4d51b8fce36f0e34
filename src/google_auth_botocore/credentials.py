"""The face to google-auth: `Credentials`, which every Google Cloud client library takes as `credentials=`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from google.auth import credentials as google_credentials
from google.auth import crypt

from google_auth_botocore import _external_account, _settings
from google_auth_botocore._redaction import without_user_part
from google_auth_botocore._refresh.token_source import TokenSource
from google_auth_botocore._shared_token_credentials import SourceCredentials
from google_auth_botocore.exceptions import ConfigurationError

if TYPE_CHECKING:
    import botocore.session

    from google_auth_botocore._aws.arguments import Source


# What a pickle holds beside the settings and the origin of the AWS identity; None where an older one lacks it.
_PICKLED = ("_scopes", "_default_scopes", "_quota_project_id", "_project_id", "_given", "_path")


class Credentials(
    SourceCredentials,
    google_credentials.Scoped,
    google_credentials.CredentialsWithTokenUri,
    google_credentials.CredentialsWithUniverseDomain,
    google_credentials.Signing,
):
    """Google credentials for a workload that has an AWS identity.

    AWS keys come from botocore, wherever it finds them. They sign a GetCallerIdentity request, which Google's Security
    Token Service takes for a federated token, with which a service account is impersonated if one is given. Nobody is
    asked anything before the first token is needed; from then on tokens are renewed without being told. One object
    serves any number of threads, and the copies that `with_scopes` and the like make share its AWS identity and tokens.

    https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds

    Args:
        audience: The workload identity pool provider:
            `//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`,
            also without the host, as gcloud prints it, or with `https:` before it.
        service_account_email: The service account to impersonate, by e-mail address or unique id; signed URLs name
            their signer by the address. None: direct resource access, with the federated token.
        scopes: OAuth scopes of the tokens.
        default_scopes: Scopes that a library asks for where its user gave none. Without either: cloud-platform.
        lifetime: Seconds that the access tokens of a service account are valid; needs a service account. Over 3600, up
            to 43200, if the organization's policy allows it.
        delegates: Service accounts on the way to the last one; the first is the one that the AWS identity impersonates.
        subject: Workspace user to act for, by domain-wide delegation; needs a service account.
        quota_project_id: Project that quota and billing are charged to.
        project_id: Project that client libraries take as their default.
        session: botocore or boto3 session with the AWS identity. None: botocore's own default chain.
        profile: AWS profile of the session made here.
        region: AWS region. None: the session's own, AWS_REGION, AWS_DEFAULT_REGION, the profile's, the
            instance's, or else the global endpoint.
        assume_role: ARN of a role to assume with the identity found, or a mapping of AssumeRole's own arguments.
        subject_token_type: The proof of identity: a signed request, or `urn:ietf:params:oauth:token-type:jwt` for
            AWS's GetWebIdentityToken, which wants an OIDC provider in the pool.
        universe_domain: The domain of Google's endpoints.
        token_url: Another endpoint of the Security Token Service. https, or http on loopback, as the next two.
        iam_credentials_endpoint: Scheme and host of another endpoint of the IAM Credentials API.
        oauth_token_url: Another OAuth token endpoint, for *subject*.

    Raises:
        ConfigurationError: An argument can't be right.
    """

    def __init__(
        self,
        audience: str,
        service_account_email: str | None = None,
        *,
        scopes: Iterable[str] | None = None,
        default_scopes: Iterable[str] | None = None,
        lifetime: int = _settings.NOT_GIVEN,
        delegates: Iterable[str] = (),
        subject: str | None = None,
        quota_project_id: str | None = None,
        project_id: str | None = None,
        session: botocore.session.Session | Any | None = None,
        profile: str | None = None,
        region: str | None = None,
        assume_role: str | Mapping[str, Any] | None = None,
        subject_token_type: str = _settings.AWS4_REQUEST,
        universe_domain: str = _settings.GOOGLEAPIS,
        token_url: str | None = None,
        iam_credentials_endpoint: str | None = None,
        oauth_token_url: str | None = None,
    ) -> None:
        chosen, fallback = _scopes("scopes", scopes), _scopes("default_scopes", default_scopes)
        settings = _settings.checked(
            _settings.Settings(
                audience=audience,
                service_account=service_account_email,
                scopes=_effective(chosen, fallback),
                lifetime=lifetime,
                delegates=_settings.strings("delegates", delegates),
                subject=subject,
                subject_token_type=subject_token_type,
                universe_domain=universe_domain,
                token_url=token_url,
                iam_credentials_endpoint=iam_credentials_endpoint,
                oauth_token_url=oauth_token_url,
            )
        )
        # Not a rule for settings: a copy has the usual lifetime that its original was not given, and a file may state one.
        if settings.service_account is None and not isinstance(lifetime, _settings.UsualLifetime):
            raise ConfigurationError(
                "lifetime needs a service account: set service_account_email.", failure="no-service-account"
            )
        # botocore is loaded here, and never later: an import that a fork catches half done hangs the child.
        from google_auth_botocore._aws import arguments as aws_arguments  # noqa: PLC0415

        self._build(settings, aws_arguments.source(profile, region, assume_role), session)
        self._scopes, self._default_scopes = chosen, fallback
        self._quota_project_id = _settings.quota_project_id(quota_project_id)
        self._project_id = _settings.optional_text("project_id", project_id)
        # The mapping that the object was made from, and what it said; the file that it was in.
        self._given: tuple[dict[str, Any], tuple[Any, ...]] | None = None
        self._path: str | None = None

    def _build(self, settings: _settings.Settings, origin: Source, session: Any = None) -> None:
        from google_auth_botocore import _federation  # noqa: PLC0415 - see __init__
        from google_auth_botocore._aws import identity as aws_identity  # noqa: PLC0415 - see __init__

        self._settings = settings
        asks_aws = settings.subject_token_type == _settings.JWT
        identity = aws_identity.AwsIdentity(origin, session, asks_aws=asks_aws, clock=self._clock)
        self._federation = _federation.Federation(identity, self._clock)
        super().__init__(self._federation.tokens(settings))

    @classmethod
    def from_file(cls, filename: str | bytes | os.PathLike[str], **overrides: Any) -> Credentials:
        """Credentials from the `external_account` file that gcloud's `create-cred-config --aws` wrote.

        https://cloud.google.com/sdk/gcloud/reference/iam/workload-identity-pools/create-cred-config

        Args:
            filename: Path of the JSON file.
            overrides: Arguments of `Credentials` that the file lacks, or that are to win over it.

        Raises:
            ConfigurationError: The file can't be read or used.
        """
        info, mistake = _external_account.read(filename)
        failure = "configuration-wrong"
        if mistake is None:
            try:
                return cls._from(info, os.fsdecode(filename), overrides)
            except ConfigurationError as error:
                mistake, failure = str(error), error.failure
        # Either may be a private key, and crash reports show the variables of each frame.
        del filename, info
        raise ConfigurationError(mistake, failure=failure)

    @classmethod
    def from_info(cls, info: Mapping[str, Any], **overrides: Any) -> Credentials:
        """As `from_file`, from the mapping that is in such a file.

        Its AWS sources (`url`, `region_url`, `imdsv2_session_token_url`) are not used: botocore's chain knows them, and more.
        Endpoints in it must be Google's and AWS's own, but where an override takes their place.
        """
        try:
            return cls._from(info, None, overrides)
        except ConfigurationError as error:
            mistake, failure = str(error), error.failure
        del info  # see `from_file`
        raise ConfigurationError(mistake, failure=failure)

    @classmethod
    def _from(cls, info: Any, path: str | None, overrides: Mapping[str, Any]) -> Credentials:
        try:
            arguments = _external_account.from_info(info, overrides)
            url = arguments.pop("verification_url", None)
            if {**arguments, **overrides}.get("service_account_email") is None:
                arguments.pop("lifetime", None)  # of a file, it has no effect then, as in google-auth
            credentials = cls(**{**arguments, **overrides})
            from google_auth_botocore._aws import region as aws_region  # noqa: PLC0415 - loaded by now

            credentials = credentials._with_settings(verification_url=aws_region.verification_url(url))
        except ConfigurationError as error:
            if path is None:
                raise
            raise ConfigurationError(
                f"{error} The configuration file is {without_user_part(repr(path))}.", failure=error.failure
            ) from None
        if not overrides.keys() & _external_account.IN_A_FILE:
            credentials._given = _external_account.copied(info), credentials._stated
        credentials._path = path
        return credentials

    @property
    def info(self) -> dict[str, Any]:
        """The object as an `external_account` mapping: the one it was made from, else one that google-auth takes too.

        A role to assume, delegates, a subject and scopes have no place in that format.
        """
        if self._given is not None and self._given[1] == self._stated:
            return _external_account.copied(self._given[0])
        return _external_account.to_info(*self._stated)

    @property
    def _stated(self) -> tuple[_settings.Settings, str | None, str | None]:
        """What has a place in a file."""
        return (
            self._settings._replace(scopes=()),
            self._quota_project_id,
            self._project_id,
        )

    @property
    def service_account_email(self) -> str | None:
        """The service account that is impersonated; None for direct resource access."""
        return self._settings.service_account

    @property
    def project_id(self) -> str:
        """The project given, for client libraries to take as their default.

        Raises:
            AttributeError: None was given. Libraries ask with `hasattr` or `getattr`, and would take None for an answer.
        """
        if self._project_id is None:
            raise AttributeError("These credentials were given no project_id.")
        return self._project_id

    @property
    def universe_domain(self) -> str:
        """The domain of Google's endpoints."""
        return self._settings.universe_domain

    def get_cred_info(self) -> dict[str, str]:
        """Who these credentials are, for the error messages of client libraries. Asks nobody."""
        return {
            "credential_source": self._path or "google_auth_botocore.Credentials",
            "credential_type": "AWS workload identity federation credentials",
            "principal": self._settings.service_account or self._settings.audience,
        }

    @property
    def requires_scopes(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """True until somebody has chosen scopes, so that libraries apply theirs. Works without, too."""
        return not self._scopes and not self._default_scopes

    def with_scopes(self, scopes: Iterable[str] | None, default_scopes: Iterable[str] | None = None) -> Credentials:
        """A copy whose tokens have exactly these scopes."""
        chosen, fallback = _scopes("scopes", scopes), _scopes("default_scopes", default_scopes)
        effective = _effective(chosen, fallback)
        return self._with_settings(scopes=effective)._copy(_scopes=chosen, _default_scopes=fallback)

    def with_subject(self, subject: str | None) -> Credentials:
        """A copy that acts for a Workspace user, by domain-wide delegation."""
        return self._with_settings(subject=subject)

    def with_universe_domain(self, universe_domain: str) -> Credentials:
        """A copy for another universe; every endpoint that was not given in so many words moves with it."""
        return self._with_settings(universe_domain=universe_domain)

    def with_token_uri(self, token_uri: str) -> Credentials:
        """A copy that exchanges at another endpoint of the Security Token Service."""
        return self._with_settings(token_url=token_uri)

    def _with_settings(self, **changes: Any) -> Credentials:
        settings = _settings.checked(self._settings._replace(**changes))
        return self._copy(_settings=settings, _source=self._federation.tokens(settings))

    @property
    def signer(self) -> crypt.Signer:
        """Signs as the service account, by IAM Credentials' signBlob.

        Raises:
            AttributeError: There is no service account to sign as.
        """
        return _Signer(self)

    @property
    def signer_email(self) -> str:
        """The service account that signs.

        Raises:
            AttributeError: There is none.
        """
        if self._settings.service_account is None:
            raise AttributeError(
                "A federated identity has no key to sign with, so these credentials can't sign. Set service_account_email, "
                "and grant the AWS identity roles/iam.serviceAccountTokenCreator on that account."
            )
        return self._settings.service_account

    def sign_bytes(self, message: bytes) -> bytes:
        """The service account's RSA-SHA256 signature of the message.

        Raises:
            AttributeError: There is no service account.
            FederationError: It could not be had.
        """
        self.signer_email  # noqa: B018 - raises
        return self._federation.sign(self._settings, None, message).value

    def _id_tokens(self, target_audience: str, include_email: bool) -> TokenSource:
        return self._federation.id_tokens(self._settings, target_audience, include_email)

    def __repr__(self) -> str:
        """Tells two different credentials apart (fsspec keys its file systems by it), and is the same after a refresh."""
        settings = self._settings._asdict()
        usual = _settings.Settings(settings.pop("audience"))._asdict()
        parts = {name: value for name, value in settings.items() if value != usual[name]}
        parts.update(scopes=self._scopes, default_scopes=self._default_scopes)
        parts.update(quota_project_id=self._quota_project_id, project_id=self._project_id)
        parts.update(self._federation.identity.description())
        shown = "".join(f", {name}={value!r}" for name, value in parts.items() if value is not None)
        return f"Credentials({self._settings.audience!r}{shown})"

    def __getstate__(self) -> dict[str, Any]:
        """Configuration alone: no token, no key, no session. The other side resolves its own AWS identity."""
        state = {name: getattr(self, name) for name in ("_settings", *_PICKLED)}
        state["_identity"] = self._federation.identity.pickled()
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        from google_auth_botocore._aws import arguments as aws_arguments  # noqa: PLC0415 - see __init__

        # A pickle of another release may lack what this one has.
        state = {**dict.fromkeys(_PICKLED), **state}
        self._build(state.pop("_settings"), state.pop("_identity", aws_arguments.Source()))
        self.__dict__.update(state)


class _Signer(crypt.Signer):
    """`google.auth.crypt.Signer` over `sign_bytes`; google-auth's own for IAM knows neither delegates nor our endpoints."""

    def __init__(self, credentials: Credentials) -> None:
        credentials.signer_email  # noqa: B018 - raises
        self._credentials = credentials

    @property
    def key_id(self) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """None: Google picks the key."""
        return None

    def sign(self, message: bytes | str) -> bytes:
        """The signature of a message."""
        return self._credentials.sign_bytes(message.encode() if isinstance(message, str) else message)


def _scopes(name: str, value: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if value is None else _settings.strings(name, value)


def _effective(scopes: tuple[str, ...] | None, default_scopes: tuple[str, ...] | None) -> tuple[str, ...]:
    """The scopes that a token is asked for. Google refuses a request without, so somebody has to choose."""
    return scopes or default_scopes or (_settings.CLOUD_PLATFORM,)

"""`Credentials`, which every Google Cloud client library accepts as `credentials=`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from google.auth import credentials as google_credentials
from google.auth import crypt

from google_auth_botocore import _external_account, _pickle_format, _settings
from google_auth_botocore._redaction import without_user_part
from google_auth_botocore._refresh.exchange import Request
from google_auth_botocore._refresh.token_source import TokenSource
from google_auth_botocore._shared_token_credentials import SourceCredentials
from google_auth_botocore.exceptions import _PAGE, ConfigurationError

if TYPE_CHECKING:
    import botocore.session

    from google_auth_botocore._federation import Federation
    from google_auth_botocore._refresh.recent import Recent


class Credentials(
    SourceCredentials,
    google_credentials.Scoped,
    google_credentials.CredentialsWithTokenUri,
    google_credentials.CredentialsWithUniverseDomain,
    google_credentials.Signing,
):
    """Google credentials for a workload that has an AWS identity.

    botocore provides the AWS keys, from any of its sources. They sign a GetCallerIdentity request, which Google's Security
    Token Service exchanges for a federated token. If a service account is set, the federated token impersonates it.
    No network call is made until the first token is needed. After that, tokens are refreshed automatically. One object
    serves any number of threads, and its copies, such as those of `with_scopes`, share its AWS identity and tokens.

    https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds

    Args:
        audience: The workload identity pool provider:
            `//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`.
            It may begin with `https:`, or lack the host, as gcloud prints it.
        service_account_email: The service account to impersonate, by e-mail address or unique id. Signed URLs require the
            address. None: direct resource access, with the federated token.
        scopes: OAuth scopes of the tokens.
        default_scopes: Scopes that a library requests if its user chose none. If neither is set: cloud-platform.
        lifetime: Seconds for which access tokens of the service account are valid: at most 3600, or up to 43200 if the
            organization's policy allows it. Requires a service account.
        delegates: Service accounts of the delegation chain. The AWS identity impersonates the first one, each one the next,
            and the last one *service_account_email*.
        subject: Workspace user to act for, by domain-wide delegation. Requires a service account.
        quota_project_id: Project that quota and billing are charged to.
        project_id: Project that client libraries use by default.
        session: botocore or boto3 session with the AWS identity. None: botocore's default chain.
        profile: AWS profile, if no session is passed.
        region: AWS region. None: the first that is set of the session's region, AWS_REGION, AWS_DEFAULT_REGION, the
            profile's region and the instance's region. If none is set: AWS's global endpoint.
        assume_role: ARN of a role to assume with the identity found, or a mapping of AssumeRole's arguments.
            Objects with a role and without a session share that identity as long as AWS's variables and files stay the same.
        subject_token_type: The proof of identity: a signed request, or `urn:ietf:params:oauth:token-type:jwt` for
            AWS's GetWebIdentityToken, which requires an OIDC provider in the pool.
        tags: Claims that AWS adds to its JWT: name to value. They are in `request_tags` of AWS's namespace, so the attribute
            mapping `attribute.team=assertion['https://sts.amazonaws.com/'].request_tags.team` makes an attribute of the tag
            `team`. AWS checks the permission `sts:TagGetWebIdentityToken`. Requires the JWT, as does the next one.
        subject_mode: Which identity is `assertion.sub` in AWS's JWT: `AWSIdentity`, the caller's ARN, or `OriginIdentity`, the
            user or workload on whose behalf the AWS session acts. None: AWS's default, the first.
        universe_domain: The domain of Google's endpoints.
        token_url: Another endpoint of the Security Token Service. This URL and the next two have the scheme https, or http on
            loopback.
        iam_credentials_endpoint: Another endpoint of the IAM Credentials API: a scheme and a host.
        oauth_token_url: Another OAuth token endpoint, for *subject*.

    Raises:
        ConfigurationError: An argument is invalid.
    """

    # The mapping that the object was created from, with the fields that it had, and the file that it was in.
    _source_info: tuple[dict[str, Any], tuple[Any, ...]] | None = None
    _path: str | None = None
    # `google.auth.default` sets this name on the credentials that it returns.
    _cred_file_path: str | None = None

    def __init__(
        self,
        audience: str,
        service_account_email: str | None = None,
        *,
        scopes: Iterable[str] | None = None,
        default_scopes: Iterable[str] | None = None,
        lifetime: int = _settings.DEFAULT_LIFETIME,
        delegates: Iterable[str] = (),
        subject: str | None = None,
        quota_project_id: str | None = None,
        project_id: str | None = None,
        session: botocore.session.Session | Any | None = None,
        profile: str | None = None,
        region: str | None = None,
        assume_role: str | Mapping[str, Any] | None = None,
        subject_token_type: str = _settings.AWS4_REQUEST,
        tags: Mapping[str, str] | None = None,
        subject_mode: str | None = None,
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
        # Checked here and not in `checked`: a copy always has a lifetime, and in a file without a service account it has no effect.
        if settings.service_account is None and not isinstance(lifetime, _settings.DefaultLifetime):
            raise ConfigurationError(
                "lifetime requires a service account, and there is none. Set service_account_email (--service-account).",
                failure="no-service-account",
            )
        # botocore is loaded here, and never later: an import that a fork interrupts hangs the child.
        from google_auth_botocore import _shared_federations  # noqa: PLC0415
        from google_auth_botocore._aws import arguments as aws_arguments  # noqa: PLC0415

        origin = aws_arguments.source(profile, region, assume_role, tags, subject_mode)
        if settings.subject_token_type != _settings.JWT and (origin.tags or origin.subject_mode):
            raise ConfigurationError(
                f"tags and subject_mode require AWS's JWT, and subject_token_type is another one. Set it to {_settings.JWT!r}.",
                failure="jwt-required",
            )
        self._build(settings, _shared_federations.new(settings, origin, self._clock, session))
        self._scopes, self._default_scopes = chosen, fallback
        self._quota_project_id = _settings.quota_project_id(quota_project_id)
        self._project_id = _settings.optional_text("project_id", project_id)

    def _build(self, settings: _settings.Settings, federation: Federation) -> None:
        self._settings = settings
        self._federation = federation
        super().__init__(federation.tokens(settings))

    @classmethod
    def from_file(cls, filename: str | bytes | os.PathLike[str], **overrides: Any) -> Credentials:
        """Create credentials from the `external_account` file that gcloud's `create-cred-config --aws` writes.

        https://cloud.google.com/sdk/gcloud/reference/iam/workload-identity-pools/create-cred-config

        Args:
            filename: Path of the JSON file.
            overrides: Arguments of `Credentials` that the file lacks, or that override it.

        Raises:
            ConfigurationError: The file cannot be read or used.
        """
        info, mistake = _external_account.read(filename)
        if mistake is None:
            try:
                return cls._from(info, os.fsdecode(filename), overrides)
            except ConfigurationError as error:
                mistake = ConfigurationError(str(error), failure=error.failure)  # without the frames of this one
        # Either may contain a private key, and crash reports show the variables of each frame.
        del filename, info
        raise mistake

    @classmethod
    def from_info(cls, info: Mapping[str, Any], **overrides: Any) -> Credentials:
        """Create credentials from the mapping in such a file; see `from_file`.

        Its AWS sources (`url`, `region_url`, `imdsv2_session_token_url`) are ignored, because botocore's chain has them.
        Its endpoints must be Google's and AWS's own, unless an override replaces them.

        Args:
            info: The JSON object in the file.
            overrides: Arguments of `Credentials` that the mapping lacks, or that override it.

        Raises:
            ConfigurationError: The mapping cannot be used.
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
                arguments.pop("lifetime", None)  # in a file it has no effect then, as in google-auth
            credentials = cls(**{**arguments, **overrides})
            from google_auth_botocore._aws import region as aws_region  # noqa: PLC0415 - loaded by now

            credentials = credentials._with_settings(verification_url=aws_region.verification_url(url))
        except ConfigurationError as error:
            if path is None:
                raise
            sentences, line_break, command = str(error).partition("\n")
            raise ConfigurationError(
                f"{sentences} The configuration file is {without_user_part(repr(path))}.{line_break}{command}",
                failure=error.failure,
            ) from None
        if not overrides.keys() & _external_account.FILE_ARGUMENTS:
            credentials._source_info = _external_account.copied(info), credentials._file_fields
        credentials._path = path
        return credentials

    def _with_shared_tokens(self, with_session: Recent[Federation]) -> Credentials:
        """Return credentials that share their AWS identity and tokens with equal ones, as unpickled copies do.

        Args:
            with_session: What they share if their session was passed. All of its credentials have the same session.
        """
        from google_auth_botocore import _shared_federations  # noqa: PLC0415 - see __init__

        federation = _shared_federations.of_equal(self._federation, self._settings, self._clock, with_session)
        return self._copy(_federation=federation, _source=federation.tokens(self._settings))

    @property
    def info(self) -> dict[str, Any]:
        """These credentials as an `external_account` mapping: the one they were created from, or a new one in that format.

        google-auth accepts the mapping, too. The format has no fields for a role to assume, tags, a subject mode, delegates, a
        subject and scopes.
        """
        if self._source_info is not None and self._source_info[1] == self._file_fields:
            return _external_account.copied(self._source_info[0])
        return _external_account.to_info(*self._file_fields)

    @property
    def _file_fields(self) -> tuple[_settings.Settings, str | None, str | None]:
        """The settings for which a file has fields."""
        return (
            self._settings._replace(scopes=()),
            self._quota_project_id,
            self._project_id,
        )

    @property
    def service_account_email(self) -> str | None:
        """The service account that is impersonated. None: direct resource access."""
        return self._settings.service_account

    @property
    def project_id(self) -> str:
        """The project that client libraries use by default.

        Raises:
            AttributeError: There is no project_id. Libraries call `hasattr` or `getattr`, and would use None as a project.
        """
        if self._project_id is None:
            raise AttributeError("These credentials have no project_id.")
        return self._project_id

    def get_project_id(self, request: Request = None) -> str | None:  # noqa: ARG002 - google-auth's signature
        """Return `project_id`, or None if it is not set, as `google.auth.default` requires. Makes no network call.

        Args:
            request: Not used. google-auth's own credentials look the project up with it.
        """
        return self._project_id

    @property
    def universe_domain(self) -> str:
        """The domain of Google's endpoints."""
        return self._settings.universe_domain

    def get_cred_info(self) -> dict[str, str]:
        """Describe these credentials for the error messages of client libraries. Makes no network call.

        Returns:
            `credential_source` is the configuration file, or the name of this class. `credential_type` describes the kind of
            credentials. `principal` is the service account, or else the audience.
        """
        return {
            "credential_source": self._path or self._cred_file_path or "google_auth_botocore.Credentials",
            "credential_type": "AWS workload identity federation credentials",
            "principal": self._settings.service_account or self._settings.audience,
        }

    @property
    def requires_scopes(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether no scopes have been chosen, so that libraries apply theirs. Tokens work without them, too."""
        return not self._scopes and not self._default_scopes

    def with_scopes(self, scopes: Iterable[str] | None, default_scopes: Iterable[str] | None = None) -> Credentials:
        """Return a copy whose tokens have exactly these scopes.

        Args:
            scopes: The scopes that the user chose.
            default_scopes: Scopes that a library requests if the user chose none. If neither is set: cloud-platform.

        Raises:
            ConfigurationError: The scopes are not a sequence of non-empty strings.
        """
        chosen, fallback = _scopes("scopes", scopes), _scopes("default_scopes", default_scopes)
        effective = _effective(chosen, fallback)
        return self._with_settings(scopes=effective)._copy(_scopes=chosen, _default_scopes=fallback)

    def with_subject(self, subject: str | None) -> Credentials:
        """Return a copy that acts for a Workspace user, by domain-wide delegation. None: as the service account itself.

        Raises:
            ConfigurationError: The subject is invalid, there is no service account, or the lifetime is longer than 3600 s.
        """
        return self._with_settings(subject=subject)

    def with_universe_domain(self, universe_domain: str) -> Credentials:
        """Return a copy for another universe. Endpoints that were not set explicitly change with it.

        Raises:
            ConfigurationError: The domain is not a host name.
        """
        return self._with_settings(universe_domain=universe_domain)

    def with_token_uri(self, token_uri: str) -> Credentials:
        """Return a copy that uses another endpoint of the Security Token Service.

        Raises:
            ConfigurationError: The URL is invalid.
        """
        return self._with_settings(token_url=token_uri)

    def _with_settings(self, **changes: Any) -> Credentials:
        settings = _settings.checked(self._settings._replace(**changes))
        return self._copy(_settings=settings, _source=self._federation.tokens(settings))

    @property
    def signer(self) -> crypt.Signer:
        """A signer that signs as the service account, with IAM Credentials' signBlob.

        Raises:
            AttributeError: There is no service account.
        """
        return _Signer(self)

    @property
    def signer_email(self) -> str:
        """The service account that signs.

        Raises:
            AttributeError: There is no service account.
        """
        if self._settings.service_account is None:
            raise AttributeError(
                "A federated identity has no key, so these credentials cannot sign. Set service_account_email, "
                "and grant the AWS identity roles/iam.serviceAccountTokenCreator on that account.\n"
                f"More: {_PAGE}#no-service-account"
            )
        return self._settings.service_account

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the service account's RSA-SHA256 signature of the message.

        Raises:
            AttributeError: There is no service account.
            FederationError: AWS or Google rejected a request, or could not be reached.
        """
        self.signer_email  # noqa: B018 - raises
        return self._federation.sign(self._settings, None, message).value

    def retrieve_subject_token(self, request: Request = None) -> str:  # noqa: ARG002 - google-auth's signature
        """Return a new subject token, the proof of the AWS identity, as `google.auth.aws.Credentials` does.

        It calls AWS only if the keys require it, does not call Google, and does not send the token. The token proves the AWS
        identity to Google for as long as AWS accepts it, so keep it secret.

        Args:
            request: Not used: botocore has its own HTTP client.

        Returns:
            A percent-encoded JSON object with the `url`, the `method` and the `headers` (a list of `key` and `value`) of a
            signed GetCallerIdentity request. AWS accepts it for 15 minutes. If *subject_token_type* is that of a JWT: AWS's
            JWT.

        Raises:
            FederationError: There are no AWS keys, or AWS issues no JWT.
        """
        return self._federation.subject_token(self._settings).value

    def _id_tokens(self, target_audience: str, include_email: bool) -> TokenSource:
        return self._federation.id_tokens(self._settings, target_audience, include_email)

    def __repr__(self) -> str:
        """Return an expression that creates equal credentials. It differs for different credentials, and no refresh changes it.

        fsspec uses it as a key. So credentials from a file are shown with their settings, and not with the file's path: the
        expression stays valid if the file changes. Only these cannot be evaluated: a session, which no text can represent,
        and the arguments of AssumeRole that may be secrets, such as an ExternalId, which are hidden.
        """
        settings = self._settings._asdict()
        usual = _settings.Settings(settings.pop("audience"))._asdict()
        url = settings.pop("verification_url")
        parts = {
            "service_account_email" if name == "service_account" else name: value
            for name, value in settings.items()
            if value != usual[name]
        }
        parts.update(scopes=self._scopes, default_scopes=self._default_scopes)
        parts.update(quota_project_id=self._quota_project_id, project_id=self._project_id)
        texts = {name: repr(value) for name, value in parts.items() if value is not None}
        texts.update(self._federation.identity.description())
        shown = "".join(f", {name}={text}" for name, text in texts.items())
        if url is None:
            return f"{type(self).__name__}({self._settings.audience!r}{shown})"
        # Only a configuration has this field.
        info = _external_account.minimal(self._settings.audience, url)
        return f"{type(self).__name__}.from_info({info!r}{shown})"

    def __getstate__(self) -> dict[str, Any]:
        """Return the configuration: no token, no key, no session. Another process resolves its own AWS identity.

        In one process, the unpickled copies and these credentials share their AWS identity and tokens.

        Raises:
            pickle.PicklingError: The session has keys that were set in code, or the configuration is not plain data.
        """
        from google_auth_botocore import _shared_federations  # noqa: PLC0415 - see __init__

        origin = self._federation.identity.pickled()
        federation = _shared_federations.of_an_original(self._federation, self._settings, origin, self._clock)
        if federation is not self._federation:
            self._federation, self._source = federation, federation.tokens(self._settings)
        configuration = {
            **_fields(self._settings),
            **origin._asdict(),
            "scopes": self._scopes,
            "default_scopes": self._default_scopes,
            "quota_project_id": self._quota_project_id,
            "project_id": self._project_id,
            "filename": self._path,
            "source_info": None,
        }
        if self._source_info is not None:
            document, (settings, quota_project_id, project_id) = self._source_info
            configuration["source_info"] = {
                "document": document,
                **_fields(settings),
                "quota_project_id": quota_project_id,
                "project_id": project_id,
            }
        try:
            return _pickle_format.dump(_pickle_format.plain(configuration))
        except TypeError as error:
            import pickle  # noqa: PLC0415 - only pickling needs it

            raise pickle.PicklingError(
                f"The configuration of these credentials holds {error}, which JSON cannot represent. Use strings, numbers, lists and mappings."
            ) from None

    def __setstate__(self, state: object) -> None:
        configuration, own = _pickle_format.load(state, type(self), Credentials, _pickle_format.CREDENTIALS)
        from google_auth_botocore import _shared_federations  # noqa: PLC0415 - see __init__
        from google_auth_botocore._aws import arguments as aws_arguments  # noqa: PLC0415 - see __init__

        take = configuration.pop
        scopes, default_scopes = (_scopes(name, take(name)) for name in ("scopes", "default_scopes"))
        path, source_info = take("filename"), take("source_info")
        fields = aws_arguments.Source._fields
        origin = aws_arguments.Source(**{name: take(name) for name in fields if name in configuration})
        settings, *projects = _unpickled(configuration, _effective(scopes, default_scopes))
        self._build(settings, _shared_federations.of_a_copy(settings, origin, self._clock))
        self._scopes, self._default_scopes = scopes, default_scopes
        self._quota_project_id, self._project_id = projects
        self._path = path
        if source_info is not None:
            known = dict(source_info)
            self._source_info = known.pop("document"), _unpickled(known, ())
        self.__dict__.update(own)


class _Signer(crypt.Signer):
    """A `google.auth.crypt.Signer` that calls `sign_bytes`. google-auth's own IAM signer supports neither delegates nor other endpoints."""

    def __init__(self, credentials: Credentials) -> None:
        credentials.signer_email  # noqa: B018 - raises
        self._credentials = credentials

    @property
    def key_id(self) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Always None, because Google selects the key."""
        return None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the credentials instead of this private class."""
        return getattr, (self._credentials, "signer")

    def sign(self, message: bytes | str) -> bytes:
        """Return the signature of a message."""
        return self._credentials.sign_bytes(message.encode() if isinstance(message, str) else message)


def _scopes(name: str, value: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if value is None else _settings.strings(name, value)


def _effective(scopes: tuple[str, ...] | None, default_scopes: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the scopes to request. Google rejects a request without scopes."""
    return scopes or default_scopes or (_settings.CLOUD_PLATFORM,)


def _fields(settings: _settings.Settings) -> dict[str, Any]:
    fields = settings._asdict()
    del fields["scopes"]  # they follow from the scopes that the caller chose
    return fields


def _unpickled(fields: Mapping[str, Any], scopes: tuple[str, ...]) -> tuple[_settings.Settings, str | None, str | None]:
    """Return the settings and the two projects that a pickle names."""
    fields = {
        **fields,
        "delegates": _settings.strings("delegates", fields["delegates"]),
        "verification_url": _settings.optional_text("verification_url", fields["verification_url"]),
    }
    quota_project_id = _settings.quota_project_id(fields.pop("quota_project_id"))
    project_id = _settings.optional_text("project_id", fields.pop("project_id"))
    return _settings.checked(_settings.Settings(**fields, scopes=scopes)), quota_project_id, project_id

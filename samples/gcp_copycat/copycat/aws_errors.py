"""What the errors of S3, and of the way to AWS keys, mean."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from botocore import exceptions, parsers

from copycat.errors import (
    TRIES_FOR_WRONG_ANSWERS,
    ConditionError,
    CopyCatError,
    CopyError,
    DeniedError,
    Failure,
    MissingError,
    SetupError,
    WrongAnswerError,
    chain,
    retry_after,
    sentence,
)
from copycat.settings import Settings

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_PERMISSIONS = {
    "ListObjectsV2": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListParts": "s3:ListMultipartUploadParts",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
}
_THROTTLES = {
    "SlowDown",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "TooManyRequestsException",
    "BandwidthLimitExceeded",
    "KMS.ThrottlingException",
}
_TRANSIENT = {"RequestTimeout", "IncompleteBody", "OperationAborted", "InternalError"}
# What arrived is not what was sent.
_DAMAGED = {"BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "InvalidDigest"}
_IDENTITY = {
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_CONDITION = {"PreconditionFailed", "ConditionalRequestConflict"}
_MISSING = {"NoSuchKey", "NoSuchUpload", "NotFound", "404"}
# Of settings that hold for every object.
_SETTINGS = {"NoSuchBucket", "InvalidStorageClass", "AllAccessDisabled", "AccountProblem", "NotSignedUp"}
# botocore asks a metadata service or AWS STS for keys, and that may be away for a moment.
_KEYS_MAY_COME = (exceptions.CredentialRetrievalError, exceptions.MetadataRetrievalError)
_NO_KEYS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.ProfileNotFound,
    exceptions.TokenRetrievalError,
    exceptions.SSOError,
    exceptions.InvalidConfigError,
    exceptions.EndpointProviderError,
)


class WrongS3AnswerError(WrongAnswerError):
    """S3's answer contradicts the request."""


def judge(settings: Settings, error: Exception) -> Failure | None:
    """Tell what an exception means; None: it has nothing to do with AWS."""
    if isinstance(error, exceptions.ClientError):
        return _of_an_answer(settings, error)
    if isinstance(error, WrongAnswerError):
        return Failure(error, transient=True, tries=TRIES_FOR_WRONG_ANSWERS)
    said = sentence(error)
    if isinstance(error, _NO_KEYS):
        return Failure(SetupError(f"There are no AWS keys for S3: {said}"))
    if isinstance(error, _KEYS_MAY_COME):
        return Failure(CopyError(f"AWS gives no keys: {said}"), transient=True)
    if isinstance(error, parsers.ResponseParserError):
        return Failure(
            WrongS3AnswerError(f"S3's answer cannot be read: {said}"), transient=True, tries=TRIES_FOR_WRONG_ANSWERS
        )
    if isinstance(error, exceptions.ParamValidationError):
        return Failure(CopyError(f"botocore does not send it: {said}"))
    if isinstance(error, (exceptions.BotoCoreError, ConnectionError, TimeoutError, ssl.SSLError)):
        if any(isinstance(each, ssl.SSLCertVerificationError) for each in chain(error)):
            return Failure(SetupError(f"S3's certificate is not trusted: {said}"))
        return Failure(CopyError(f"S3 did not answer: {said}"), transient=True)
    return None


def _of_an_answer(settings: Settings, error: exceptions.ClientError) -> Failure:
    response: Mapping[str, Any] = error.response
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(response.get("Error", {}).get("Code", ""))
    operation = error.operation_name
    said = f"{operation}, HTTP {status}, {code}: {sentence(response.get('Error', {}).get('Message', ''))}"
    if code in _CONDITION or status == 412:
        return Failure(ConditionError(f"S3 has another object than before ({said})"))
    return _passing(status, code, said, response) or Failure(_lasting(settings, status, code, operation, said))


def _passing(status: int, code: str, said: str, response: Mapping[str, Any]) -> Failure | None:
    """Return what trying again may help against."""
    wait = retry_after(response.get("ResponseMetadata", {}).get("HTTPHeaders", {}))
    if code in _THROTTLES or status in {429, 503}:
        slower = CopyError(f"S3 requests a lower rate ({said})")
        return Failure(slower, transient=True, throttled=True, retry_after=wait)
    if code in _TRANSIENT or status in {408, 500, 502, 504} or status > 505:
        return Failure(CopyError(f"S3 failed ({said})"), transient=True, retry_after=wait)
    if code in _DAMAGED or status < 400:
        damaged = WrongS3AnswerError(f"S3 received other bytes or gave a wrong answer ({said})")
        return Failure(damaged, transient=True, tries=TRIES_FOR_WRONG_ANSWERS)
    return None


def _lasting(settings: Settings, status: int, code: str, operation: str, said: str) -> CopyCatError:
    """Return what trying again does not help against."""
    bucket = f"bucket '{settings.destination}'"
    of_the_bucket = operation.startswith("List") and operation != "ListParts"
    if operation not in _PERMISSIONS:  # botocore has asked another service for keys
        return SetupError(f"AWS gives no keys ({said})")
    if code in _IDENTITY:
        return SetupError(f"AWS rejected the keys ({said})")
    if code in _SETTINGS:
        return SetupError(f"S3 cannot write to {bucket} ({said})")
    if code.startswith("KMS."):
        return DeniedError(f"S3 cannot use the KMS key ({said})", code)
    if status == 403:
        permission = _PERMISSIONS.get(operation, operation)
        if settings.kms_key_id and permission == "s3:PutObject":
            permission += ", kms:GenerateDataKey or kms:Decrypt"
        if settings.expected_bucket_owner:
            bucket += f", or account {settings.expected_bucket_owner} does not own it"
        reason = f"S3 denied {permission} on {bucket} ({said})"
        return SetupError(reason) if of_the_bucket else DeniedError(reason, permission)
    if code in _MISSING:
        if of_the_bucket:
            return SetupError(f"S3 has no {bucket} ({said})")
        return MissingError(f"it was deleted from S3 meanwhile ({said})")
    return CopyError(f"S3 rejected the request ({said})")

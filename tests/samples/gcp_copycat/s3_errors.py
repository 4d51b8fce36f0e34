"""The errors of S3, with their status codes and messages.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from xml.sax.saxutils import escape

_MESSAGES = {
    "AccessDenied": (403, "Access Denied"),
    "BadDigest": (400, "The {detail} you specified did not match the calculated checksum."),
    "ConditionalRequestConflict": (
        409,
        "The conditional request cannot succeed due to a conflicting operation against this resource.",
    ),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size"),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidArgument": (400, "{detail}"),
    "InvalidObjectState": (403, "The operation is not valid for the object's storage class"),
    "InvalidPart": (
        400,
        (
            "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified"
            " entity tag may not match the part's entity tag."
        ),
    ),
    "InvalidPartOrder": (
        400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "InvalidRequest": (400, "{detail}"),
    "InvalidStorageClass": (400, "The storage class you specified is not valid"),
    "KeyTooLongError": (400, "Your key is too long"),
    "MalformedXML": (
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    "MetadataTooLarge": (400, "Your metadata headers exceed the maximum allowed metadata size"),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchUpload": (
        404,
        (
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or"
            " completed."
        ),
    ),
    "NotImplemented": (501, "A header you provided implies functionality that is not implemented"),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
    "RequestHeaderSectionTooLarge": (400, "Your request header section exceeds the maximum allowed size."),
    "RequestTimeout": (
        400,
        (
            "Your socket connection to the server was not read from or written to within the timeout period. Idle"
            " connections will be closed."
        ),
    ),
    "SignatureDoesNotMatch": (
        403,
        (
            "The request signature we calculated does not match the signature you provided. Check your key and signing"
            " method."
        ),
    ),
    "SlowDown": (503, "Please reduce your request rate."),
    "XAmzContentSHA256Mismatch": (400, "The provided 'x-amz-content-sha256' header does not match what was computed."),
}
# Error code that S3 sends with a status, unless a fault sets another one.
CODES = {
    403: "AccessDenied",
    404: "NoSuchKey",
    409: "ConditionalRequestConflict",
    412: "PreconditionFailed",
    503: "SlowDown",
}


class S3Error(Exception):
    """S3 rejects a request.

    Args:
        code: S3's name for the error.
        detail: variable part of the message, for errors that have one.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.status, message = _MESSAGES[code]
        self.message = detail if code == "AccessDenied" and detail else message.format(detail=detail)
        super().__init__(f"{code}: {self.message}")

    @property
    def document(self) -> bytes:
        """Return the XML that S3 sends."""
        return error_document(self.code, self.message)


def error_document(code: str, message: str = "") -> bytes:
    """Return an error as XML. S3 can also send one with status 200, after minutes of work on an upload."""
    message = message or _MESSAGES[code][1]
    content = f"<Code>{code}</Code><Message>{escape(message)}</Message><RequestId>0123456789ABCDEF</RequestId>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{content}<HostId>host</HostId></Error>'.encode()

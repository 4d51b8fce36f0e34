"""What HTTP clients, proxies and operating systems say when a request does not arrive, or its reply does not."""

from google_auth_botocore._failures._text_words import AWS, GOOGLE, NO_NAME, NO_REPLY, NOT_TRUSTED, Known, either

_WRONG_VERSION = r"WRONG_VERSION_NUMBER|wrong version number|SSLV3_ALERT_UNEXPECTED|UNKNOWN_PROTOCOL"
_SERVER_ERROR = either(
    GOOGLE,
    r"(?:HTTP|status|code|error)[^a-z]{0,6}50[0234]\b|50[0234] (?:Server Error|Internal Server Error|Bad Gateway|Service Unavailable|Gateway)",
)

KNOWN = (
    Known(
        "resources-exhausted",
        "exchange",
        r"Too many open files|\bEMFILE\b|\bENFILE\b|Cannot allocate memory|can't start new thread|unable to create (?:new )?native thread",
    ),
    Known(
        "gevent-patched-late",
        "exchange",
        either(r"maximum recursion depth exceeded", r"ssl\.py|SSLContext|minimum_version|monkey.patch|gevent"),
    ),
    Known(
        "network-replaced",
        "exchange",
        r"refused by Responses|NoMockAddress|SocketBlockedError|SocketConnectBlockedError|UnmockedError|CannotOverwriteExistingRequestException",
        of_any_server=True,
    ),
    Known(
        "tls-not-spoken",
        "exchange",
        rf"appears to only use HTTP|{either(_WRONG_VERSION, f'{GOOGLE}|{AWS}|prox')}",
        of_any_server=True,
    ),
    Known("aws-certificate-not-trusted", "aws", either(NOT_TRUSTED, rf"{AWS}|SSL validation failed for")),
    Known("certificate-not-trusted", "exchange", NOT_TRUSTED, of_any_server=True),
    Known("certificate-file-invalid", "exchange", r"Could not find a suitable TLS CA certificate bundle"),
    Known("client-certificate-invalid", "exchange", r"Could not find the TLS (?:certificate|key) file"),
    Known(
        "proxy-invalid",
        "exchange",
        r"Missing dependencies for SOCKS|InvalidProxyURL|Proxy URL had no scheme|Not supported proxy scheme|Unable to determine SOCKS version",
    ),
    Known(
        "proxy-authentication",
        "exchange",
        r"\b407\b.{0,20}Prox|Prox.{0,200}\b407\b|Tunnel connection failed: 407|Proxy Authentication Required",
        of_any_server=True,
    ),
    Known("aws-proxy-unreachable", "aws", r"Failed to connect to proxy URL"),
    Known(
        "proxy-unreachable",
        "exchange",
        r"ProxyError|connect to proxy|proxyconnect tcp|Tunnel connection failed|Unable to tunnel through proxy|from proxy after CONNECT",
        of_any_server=True,
    ),
    Known("name-not-resolved", "exchange", either(GOOGLE, NO_NAME)),
    Known(
        "google-unavailable",
        "exchange",
        rf"upstream connect error|backendError|The service is currently unavailable|{_SERVER_ERROR}",
    ),
    Known(
        "aws-endpoint-unreachable",
        "aws",
        rf"(?:Could not connect to the|(?:Connect|Read) timeout on|before we received a valid response from) endpoint URL"
        rf"|{either(AWS, f'{NO_NAME}|{NO_REPLY}')}",
        of_any_server=True,
    ),
    Known(
        "unreachable",
        "exchange",
        rf"{either(GOOGLE, NO_REPLY)}|Connection aborted|RemoteDisconnected",
        of_any_server=True,
    ),
)

"""Exit codes of `google-auth-botocore`."""

# Google or AWS rejected the request.
REJECTED = 1
# An argument or a file is invalid.
INVALID = 2
# EX_IOERR and EX_TEMPFAIL of sysexits.h: the output cannot be written; the failure is temporary.
CANNOT_WRITE = 74
TRY_AGAIN = 75
# 128 plus the signal number, as in a shell: SIGINT (Ctrl-C) and SIGPIPE (the reader closed the pipe).
INTERRUPTED = 130
BROKEN_PIPE = 141

"""How the command ends, in codes that a shell tells apart."""

REFUSED = 1
WRONG = 2
# sysexits.h's for an error of input or output, and for: try again later.
UNWRITTEN = 74
LATER = 75
# A shell's for what Ctrl-C ended.
INTERRUPTED = 130
# And for what SIGPIPE ended, as it ends others that write to a reader who has seen enough.
UNREAD = 141

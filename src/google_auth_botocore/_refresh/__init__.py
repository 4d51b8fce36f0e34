"""Decide when to fetch a token, and let threads share one exchange. This package uses neither botocore nor HTTP."""

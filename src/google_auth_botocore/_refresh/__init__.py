"""When to fetch a token, and how threads share one exchange. It knows neither botocore nor HTTP."""

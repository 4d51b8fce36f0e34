"""Adapters for libraries that accept a token provider instead of a google-auth credentials object.

There is one module for each library, a thin layer on the public API:

- `gcloud_aio`: `Token`, for `gcloud.aio.storage.Storage(token=…)` and the other gcloud-aio clients
- `google_auth_aio`: `Credentials`, for libraries that only accept `google.auth.aio.credentials.Credentials`
- `httpx`: `Auth`, for `httpx.Client(auth=…)` and `httpx.AsyncClient(auth=…)`
- `httpx2`: the same for the clients of httpx2, which OpenAI's, Anthropic's, Hugging Face's and MCP's libraries use
- `kubernetes`: `authenticate`, for a `kubernetes.client.Configuration`; `get_google_credentials`, for a `KubeConfigLoader`
- `obstore`: `CredentialProvider` and `AsyncCredentialProvider`, for `obstore.store.GCSStore(credential_provider=…)`
- `openai`: `get_bearer_token_provider` and `get_async_bearer_token_provider`, for `openai.OpenAI(api_key=…)` and
  `openai.AsyncOpenAI(api_key=…)`
- `opentelemetry`: `create_session` and `create_channel_credentials`, for OTLP exporters, also as entry points
- `polars`: `CredentialProvider`, for `credential_provider=` of `scan_*`, `read_*`, `write_*` and `sink_*`
- `pyiceberg`: `AuthManager`, for REST catalogs

Each module requires the library in its name. The extra of the same name installs it, such as
`pip install 'google-auth-botocore[httpx]'`; `google_auth_aio` requires no extra. This package imports none of the modules.
"""

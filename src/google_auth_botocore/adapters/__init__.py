"""For libraries that take a provider of tokens, and not a google-auth credentials object.

One module a library, each a few lines over the public API:

- `gcloud_aio`: `Token`, for `gcloud.aio.storage.Storage(token=…)` and the other gcloud-aio clients
- `google_auth_aio`: `Credentials`, for what takes `google.auth.aio.credentials.Credentials` alone
- `httpx`: `Auth`, for `httpx.Client(auth=…)` and `httpx.AsyncClient(auth=…)`
- `kubernetes`: `authenticate`, for a `kubernetes.client.Configuration`; `get_google_credentials`, for a `KubeConfigLoader`
- `obstore`: `CredentialProvider` and `AsyncCredentialProvider`, for `obstore.store.GCSStore(credential_provider=…)`
- `polars`: `CredentialProvider`, for `credential_provider=` of `scan_*`, `read_*`, `write_*` and `sink_*`

Each needs the library that it is named for, which the extra of that name brings. None is imported here.
"""

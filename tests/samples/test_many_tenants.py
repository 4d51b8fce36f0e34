"""The sample many_tenants.py."""

from __future__ import annotations

import json
from pathlib import Path

from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import SAMPLES, Run

_ACCOUNT = "123456789012"


def _customer(sandbox: Sandbox, name: str, *, trusts: str) -> dict[str, str]:
    """Return the settings of a customer, whose provider and service account trust one role."""
    provider = sandbox.google.add_aws_provider(account_id=_ACCOUNT)
    account = f"{name}@my-project.iam.gserviceaccount.com"
    sandbox.google.add_service_account(account)
    principals = provider.principal_set("aws_role", f"arn:aws:sts::{_ACCOUNT}:assumed-role/tenant-{trusts}")
    sandbox.google.grant(account, "roles/iam.workloadIdentityUser", principals)
    sandbox.storage_client().create_bucket(f"{name}-exports").blob("export.csv").upload_from_string(b"a,b")
    return {
        "provider": provider.audience,
        "service_account": account,
        "role": f"arn:aws:iam::{_ACCOUNT}:role/tenant-{name}",
        "bucket": f"{name}-exports",
    }


def test_each_customer_is_served_with_its_own_role(sandbox: Sandbox, run: Run, tmp_path: Path) -> None:
    """One of them does not trust the role, and another one has a wrong setting. The others are served."""
    names = [f"customer{i}" for i in range(20)]
    wrong = {"provider": "//iam.googleapis.com/wrong", "service_account": "a@b.iam.gserviceaccount.com", "bucket": "b"}
    settings: dict[str, dict[str, str]] = {"mistaken": {**wrong, "role": "wrong"}}
    settings |= {name: _customer(sandbox, name, trusts=name) for name in names}
    settings["stranger"] = _customer(sandbox, "stranger", trusts="another")
    file = tmp_path / "customers.json"
    file.write_text(json.dumps(settings))
    before = sandbox.imds.count("security-credentials/gcp-copycat")

    first, _, rest = run("many_tenants.py", str(file)).partition("customer0")
    *lines, last = f"customer0{rest}".split("\nstranger")

    assert first.startswith("mistaken: failed: ")

    assert "\n".join(lines).splitlines() == [f"{name}: 1 objects" for name in names]
    assert last.startswith(": failed: ")
    assert "tenant-stranger" in last
    seen = {call.assertion["arn"].split("/")[1] for call in sandbox.google.calls if call.assertion}
    assert seen == {f"tenant-{name}" for name in (*names, "stranger")}
    assert set(sandbox.storage.principals) == {settings[name]["service_account"] for name in names}
    assert sandbox.imds.count("security-credentials/gcp-copycat") == before + 1


def test_the_documented_file_has_the_fields_that_the_program_reads() -> None:
    text = (SAMPLES / "many_tenants.py").read_text(encoding="utf-8")
    start = text.index("{")
    [values] = json.JSONDecoder().raw_decode(text[start:])[0].values()
    assert set(values) == {"provider", "service_account", "role", "bucket"}

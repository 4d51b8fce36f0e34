"""The project of a service account is read from its e-mail address."""

from __future__ import annotations

import pytest

from cli.conftest import Run
from google_auth_botocore._failures._names import project_in


@pytest.mark.parametrize(
    ("email", "project"),
    [
        ("sa@my-project.iam.gserviceaccount.com", "my-project"),
        ("sa@my-project.example.com.iam.gserviceaccount.com", "example.com:my-project"),
        ("my-project@appspot.gserviceaccount.com", "my-project"),
        ("my-project.example.com@appspot.gserviceaccount.com", "example.com:my-project"),
        ("123456789012-compute@developer.gserviceaccount.com", "123456789012"),
        ("sa-compute@developer.gserviceaccount.com", None),
        ("123456789012@cloudservices.gserviceaccount.com", None),
        ("sa@iam.gserviceaccount.com", None),
        ("sa@example.com", None),
        ("123456789012345678901", None),
        ("EMAIL", None),
        ("", None),
    ],
)
def test_the_project_is_the_one_in_the_address(email: str, project: str | None) -> None:
    assert project_in(email) == project


@pytest.mark.parametrize("project", ["my-project", "example.com:my-project"])
def test_the_project_is_found_in_an_address_from_config_setup(run: Run, project: str) -> None:
    flags = ("--aws-account=123456789012", "--aws-role=r", f"--project={project}", "--project-number=1")
    done = run("config", "setup", *flags, "--service-account=gcp-copycat")
    assert done.code == 0, done.error
    [email] = {word for word in done.out.split() if word.startswith("gcp-copycat@")}
    assert project_in(email) == project

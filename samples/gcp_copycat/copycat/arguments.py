"""Parses the command line and the environment. Each option is an argument and an environment variable."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NoReturn

from copycat import machine
from copycat.settings import Options, Settings
from google_auth_botocore import ConfigurationError

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html, only the classes of general purpose buckets.
STORAGE_CLASSES = (
    "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE",
    "REDUCED_REDUNDANCY",
)  # fmt: skip
_WORKERS = 16
# Each worker is a thread.
_MAX_WORKERS = 4096
_MIB = 1 << 20
# Default of --memory: a quarter of the machine's memory, at most this.
_MAX_DEFAULT_MEMORY = 512 * _MIB
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_YES, _NO = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}


_EPILOG = """\
environment:
  Each option can also be set by an environment variable: GCP_COPYCAT_SOURCE
  sets --source, GCP_COPYCAT_DRY_RUN=1 sets --dry-run. An empty variable is an
  empty value.

exit codes:
  0         every object is in S3
  1         some objects failed, no object matches, or the manifest could not
            be written
  2         a setting is invalid, or an identity, a bucket or a permission is
            missing
  75        an outage or the deadline ended the run: start it again to continue
  130, 143  SIGINT or SIGTERM ended the run
"""


class _Parser(argparse.ArgumentParser):
    """A parser that raises an exception when argparse would print its usage and exit."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(
            prog="gcp_copycat",
            usage="%(prog)s --source BUCKET --destination BUCKET --audience AUDIENCE [flags]",
            description="Copy the objects of a Cloud Storage bucket to an S3 bucket, with an AWS\n"
            "role and no Google key. Objects that exist only in S3 are not deleted.",
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self._environment = environment
        self._lists: dict[str, list[str]] = {}

    def error(self, message: str) -> NoReturn:
        """Raise an error for an invalid argument."""
        raise ConfigurationError(message)

    def option(self, group: Any, name: str, explanation: str, default: str | None = None, **more: Any) -> None:
        """Add an option that has a value."""
        more["default"] = self._variable(name, default)
        group.add_argument(f"--{name}", help=explanation.replace("%", "%%"), **more)

    def flag(self, group: Any, name: str, explanation: str) -> None:
        """Add an option that is on or off."""
        try:
            default = is_on(f"GCP_COPYCAT_{_variable(name)}", self._variable(name, "") or "")
        except ConfigurationError as error:
            self.error(str(error))
        group.add_argument(f"--{name}", help=explanation, action="store_true", default=default)

    def repeatable(self, group: Any, name: str, explanation: str, **more: Any) -> None:
        """Add an option that can be repeated. In its environment variable, commas separate the values."""
        group.add_argument(f"--{name}", help=explanation, action="append", default=None, **more)
        self._lists[name] = [each for each in (self._variable(name, "") or "").split(",") if each]

    def parsed(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """Parse the arguments, and fill in what the environment has."""
        found = self.parse_args(arguments)
        for name, default in self._lists.items():
            values = getattr(found, name)
            setattr(found, name, tuple(default if values is None else (each for each in values if each)))
        return found

    def _variable(self, name: str, default: str | None) -> str | None:
        return self._environment.get(f"GCP_COPYCAT_{_variable(name)}", default)


def is_on(name: str, text: str) -> bool:
    """Parse the text of an option that is on or off, from an environment variable or a Lambda event.

    Raises:
        ConfigurationError: The text means neither.
    """
    if text.lower() not in _YES | _NO:
        raise ConfigurationError(f"{name} is {text!r}. Set it to 1 or 0.")
    return text.lower() in _YES


def parse(arguments: Sequence[str] | None, environment: Mapping[str, str]) -> tuple[Settings, Options]:
    """Return the settings of a run.

    Args:
        arguments: command-line arguments. None: those of this process.
        environment: its `GCP_COPYCAT_...` variables set the options that *arguments* do not.

    Raises:
        ConfigurationError: An argument is invalid, a bucket or the identity is missing, or settings contradict each other.
    """
    found = _parser(environment).parsed(arguments)
    source, prefix = _bucket_and_prefix(found.source, "gs", "source", found.prefix)
    destination, destination_prefix = _bucket_and_prefix(
        found.destination, "s3", "destination", found.destination_prefix
    )
    if not found.audience and not found.config:
        raise ConfigurationError(
            "No identity is configured. Set --audience or --config, or their GCP_COPYCAT_ variables."
        )
    workers = found.workers or _WORKERS
    settings = Settings(
        source=source,
        destination=destination,
        prefix=prefix or "",
        destination_prefix=(prefix or "") if destination_prefix is None else destination_prefix,
        workers=workers,
        processes=min(workers, found.processes or machine.usable_cpus()),
        memory=found.memory * _MIB if found.memory else min(_MAX_DEFAULT_MEMORY, machine.memory() // 4),
        storage_class=found.storage_class or None,
        kms_key_id=found.kms_key_id or None,
        expected_bucket_owner=found.expected_bucket_owner or None,
        quota_project=found.quota_project or None,
        check_metadata=found.check_metadata,
        dry_run=found.dry_run,
        audience=found.audience or "",
        service_account=found.service_account or None,
        config=found.config or None,
        storage_endpoint=found.storage_endpoint or None,
        token_url=found.token_url or None,
        iam_credentials_endpoint=found.iam_credentials_endpoint or None,
    )
    options = Options(
        include=found.include,
        exclude=found.exclude,
        max_age=found.max_age,
        manifest=found.manifest or None,
        checkpoint=found.checkpoint or None,
        deadline=found.deadline,
        allow_empty=found.allow_empty,
        dask=found.dask or None,
        dask_workers=found.workers,
        log_format=found.log_format,
        log_level=found.log_level,
        progress=not found.no_progress,
    )
    return settings, options


def _parser(environment: Mapping[str, str]) -> _Parser:
    parser = _Parser(environment)
    option, flag, repeatable = parser.option, parser.flag, parser.repeatable
    selection = parser.add_argument_group("what to copy")
    option(selection, "source", "Cloud Storage bucket, or gs://BUCKET/PREFIX", metavar="BUCKET")
    option(selection, "destination", "S3 bucket, or s3://BUCKET/PREFIX", metavar="BUCKET")
    option(selection, "prefix", "copy only objects whose name begins with this")
    option(
        selection,
        "destination-prefix",
        "prefix that replaces --prefix in S3 (default: the same prefix)",
        metavar="PREFIX",
    )
    glob = "(* also matches /; can be repeated)"
    repeatable(selection, "include", f"copy only objects whose full name matches {glob}", metavar="GLOB")
    repeatable(selection, "exclude", f"do not copy objects whose full name matches {glob}", metavar="GLOB")
    age = "copy only objects updated within this time: 30m, 12h, 7d, 2w"
    option(selection, "max-age", age, type=_age, metavar="AGE")
    flag(
        selection, "check-metadata", "copy an object again if only its metadata has changed (one S3 request per object)"
    )
    flag(selection, "allow-empty", "exit with 0 if no object matches")
    flag(selection, "dry-run", "copy nothing; print what would be copied")
    identity = parser.add_argument_group("identity")
    option(identity, "audience", "full name of the workload identity pool provider")
    option(identity, "service-account", "service account to impersonate (default: none)", metavar="EMAIL")
    option(identity, "config", "external_account file, in place of --audience", metavar="FILE")
    speed = parser.add_argument_group("speed and memory")
    option(speed, "workers", "objects copied at the same time, in total (default: 16)", type=_workers, metavar="N")
    option(speed, "processes", "worker processes (default: one per processor)", type=_count, metavar="N")
    memory = "MiB of content held in memory, in total (default: 512, or a quarter of the memory if that is less)"
    option(speed, "memory", memory, type=_count, metavar="MIB")
    option(speed, "dask", "copy on the workers of a Dask cluster; ADDRESS is its scheduler", metavar="ADDRESS")
    long_runs = parser.add_argument_group("long runs")
    deadline = "end within this time; exit with 75 if objects are left"
    option(long_runs, "deadline", deadline, type=_seconds, metavar="SECONDS")
    checkpoint = "file or s3://BUCKET/KEY that stores the position where the next run continues"
    option(long_runs, "checkpoint", checkpoint, metavar="FILE")
    manifest = "file or s3://BUCKET/KEY for a JSON line per object (if it ends in /, each run writes a new file there)"
    option(long_runs, "manifest", manifest, metavar="FILE")
    s3 = parser.add_argument_group("S3 and Cloud Storage")
    option(s3, "storage-class", "storage class of the objects written to S3", type=_storage_class, metavar="CLASS")
    option(s3, "kms-key-id", "KMS key that S3 encrypts the objects with", metavar="KEY")
    option(s3, "expected-bucket-owner", "AWS account that must own the S3 bucket", type=_account, metavar="ACCOUNT")
    payer = "Google Cloud project that pays for the requests to a requester-pays bucket"
    option(s3, "quota-project", payer, metavar="PROJECT")
    output = parser.add_argument_group("output")
    log_format = "format of the log on standard error: text or json (default: text)"
    option(output, "log-format", log_format, "text", type=_one_of("text", "json"), metavar="FORMAT")
    level = "debug (a line per object), info, warning or error (failures only) (default: info)"
    levels = _one_of("debug", "info", "warning", "error")
    option(output, "log-level", level, "info", type=levels, metavar="LEVEL")
    flag(output, "no-progress", "do not show a progress bar or a progress line per minute")
    endpoints = parser.add_argument_group("endpoints for tests without a cloud")
    option(endpoints, "token-url", "endpoint of the Security Token Service", metavar="URL")
    option(endpoints, "iam-credentials-endpoint", "endpoint of the IAM Credentials API", metavar="URL")
    option(endpoints, "storage-endpoint", "endpoint of Cloud Storage", metavar="URL")
    return parser


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _bucket_and_prefix(text: str | None, scheme: str, name: str, prefix: str | None) -> tuple[str, str | None]:
    """Split `gs://BUCKET/PREFIX`. The prefix is None if neither the URL nor the option sets it."""
    bucket, in_url = text or "", ""
    if "://" in bucket:
        found, _, rest = bucket.partition("://")
        if found != scheme:
            raise ConfigurationError(f"The {name} is {bucket!r}. Give a bucket's name or {scheme}://BUCKET/PREFIX.")
        bucket, _, in_url = rest.partition("/")
    if not bucket:
        raise ConfigurationError(f"No {name} bucket is configured. Set --{name} or GCP_COPYCAT_{name.upper()}.")
    if "/" in bucket:
        raise ConfigurationError(f"The {name} is {bucket!r}. Give a bucket's name or {scheme}://BUCKET/PREFIX.")
    if in_url and prefix:
        option = "prefix" if name == "source" else "destination-prefix"
        raise ConfigurationError(f"The prefix is set twice: in --{name} and in --{option}. Set it once.")
    return bucket, in_url or prefix


def _invalid(kind: str, text: str, expected: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"invalid {kind} value: {text!r}. Give {expected}.")


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not int(text):
        raise _invalid("number", text, "a whole number of at least 1")
    return int(text)


def _workers(text: str) -> int:
    if (count := _count(text)) > _MAX_WORKERS:
        raise _invalid("number", text, f"at most {_MAX_WORKERS}")
    return count


def _seconds(text: str) -> float | None:
    if text and not (re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text) and float(text)):
        raise _invalid("time", text, "a number of seconds greater than 0")
    return float(text) if text else None


def _age(text: str) -> timedelta | None:
    match = re.fullmatch(r"([0-9]{1,5})([smhdw])", text)
    if text and not match:
        raise _invalid("age", text, "a number and a unit: 90s, 30m, 12h, 7d or 2w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None


def _storage_class(text: str) -> str:
    if text and text not in STORAGE_CLASSES:
        raise _invalid("storage class", text, f"one of {', '.join(STORAGE_CLASSES)}")
    return text


def _account(text: str) -> str:
    if text and not re.fullmatch("[0-9]{12}", text):
        raise _invalid("account", text, "the 12 digits of an AWS account ID")
    return text


def _one_of(*values: str) -> Callable[[str], str]:
    def choice(text: str) -> str:
        if text.lower() not in values:
            raise _invalid("option", text, f"one of {', '.join(values)}")
        return text.lower()

    return choice

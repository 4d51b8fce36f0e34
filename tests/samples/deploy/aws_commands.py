"""Turns a command of the AWS CLI into the request that it sends, and checks it against botocore's model of the service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.validate import ParamValidator

from samples.deploy.conftest import rendered_file

_SESSION = botocore.session.Session()
# Commands of the CLI that are not operations of a service.
CUSTOM = {("s3", "cp"), ("ecr", "get-login-password"), ("eks", "update-kubeconfig")}
# Flags that the CLI adds, and their meaning in a request.
_FLAGS: dict[str, Any] = {
    "zip-file": lambda _: {"Code": {"ZipFile": b""}},
    "count": lambda value: {"MinCount": int(value), "MaxCount": int(value)},
    "cli-binary-format": lambda _: {},
    "cli-read-timeout": lambda _: {},
    "query": lambda _: {},
}
# Flags that are not named like the parameter: `--endpoint` would abbreviate `--endpoint-url`.
_RENAMED = {"notification-endpoint": "endpoint"}
# Flags of `put-metric-data` for a single value.
_ONE_METRIC: dict[str, Any] = {
    "metric-name": lambda value: {"MetricName": value},
    "value": lambda value: {"Value": float(value)},
}


def request(words: list[str], folder: Path) -> tuple[str, str, dict[str, Any]]:
    """Return the service, the operation and its parameters. File names are relative to the folder.

    Raises:
        AssertionError: There is no such service, operation, parameter or file, or a value has the wrong type.
    """
    _, service, verb, *rest = words
    service = "s3" if service == "s3api" else service
    assert service in _SESSION.get_available_services(), service
    model = _SESSION.get_service_model(service)
    [operation] = [name for name in model.operation_names if xform_name(name, "-") == verb]
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    members: dict[str, Any] = {xform_name(name, "-"): (name, member) for name, member in shape.members.items()}
    parameters: dict[str, Any] = {}
    while rest and rest[0].startswith("--"):
        flag, text, *rest = rest
        name = flag.removeprefix("--")
        if name == "cli-input-json":
            parameters |= json.loads(_read(text, folder))
        elif name in _FLAGS:
            parameters |= _FLAGS[name](text)
        elif operation == "PutMetricData" and name in _ONE_METRIC:
            [metric] = parameters.setdefault("MetricData", [{}])
            metric |= _ONE_METRIC[name](text)
        else:
            name = _RENAMED.get(name, name)
            assert name in members, flag
            member_name, member = members[name]
            parameters[member_name] = _value(_read(text, folder), member)
    # Only `aws lambda invoke` has another argument: the output file.
    assert len(rest) == (1 if operation == "Invoke" else 0), rest
    check(service, operation, parameters)
    return service, operation, parameters


def check(service: str, operation: str, parameters: dict[str, Any]) -> None:
    """Check that a request has all required parameters, no unknown ones, and values of the right types."""
    shape = _SESSION.get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()
    for name, value in parameters.items():
        choices = getattr(shape.members[name], "enum", None)
        assert not choices or value in choices, (name, value)


def _read(text: str, folder: Path) -> str:
    if not text.startswith("file://"):
        return text
    name = text.removeprefix("file://")
    template = name.removeprefix("rendered/")
    return (folder / name).read_text() if name == template else rendered_file(folder / template)


def _value(text: str, member: Any) -> Any:
    if member.type_name in {"structure", "list", "map"}:
        if text.startswith(("{", "[")):
            return json.loads(text)
        if member.type_name == "list":
            return [_value(text, member.member)]
        found: dict[str, Any] = {}
        for each in text.split(","):
            name, _, value = each.partition("=")
            assert name in member.members, name
            found[name] = int(value) if member.members[name].type_name == "integer" else value
        return found
    if member.type_name == "blob":
        return text.encode()
    types: dict[str, Any] = {"integer": int, "long": int, "double": float, "float": float}
    return types.get(member.type_name, str)(text)

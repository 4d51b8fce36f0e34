"""Google's error messages about mappings and conditions. Each text is here once, with its source."""

from __future__ import annotations

# Google's wording, as users report it:
# https://github.com/google-github-actions/auth/issues/378
WRONG_TYPE = "The mapped attribute '{name}' must be of type {kind}."
# https://github.com/loicsikidi/wif-go
WRONG_ELEMENTS = "The elements in mapped attribute '{name}' must be of type STRING."
# https://cloud.google.com/iam/docs/workload-identity-federation-with-x509-certificates#troubleshooting
NO_SUBJECT_VALUE = "Could not obtain a value for google.subject from the given credential."
# https://cloud.google.com/iam/docs/troubleshooting-workload-identity-federation
SUBJECT_TOO_LONG = (
    "The size of mapped attribute google.subject exceeds the {maximum} bytes limit. Either modify your attribute mapping or the"
    " incoming assertion to produce a mapped attribute that is less than {maximum} bytes."
)
# https://cloud.google.com/iam/docs/troubleshooting-workforce-identity-federation, with 16 KB, which is the limit there
TOO_LARGE = "The size of the entire mapped attributes exceeds the 8 KB limit."
# https://github.com/kushin77/self-hosted-runner/issues/1900
INVALID_KEY = (
    "Invalid mapped attribute key: {name}. Custom mapped attributes must be in format 'attribute.{{custom_attribute}}'"
)
# https://github.com/metro-digital/terraform-google-cf-projectcfg/pull/65
CONDITION_REQUIRED = (
    "The attribute condition must reference one of the provider's claims. For more information, see"
    " https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines#conditions"
)
# The rules are Google's; the wording is assumed:
# https://iam.googleapis.com/$discovery/rest?version=v1 (WorkloadIdentityPoolProvider)
INVALID_KEY_CHARACTERS = (
    "Invalid mapped attribute key: {name}. The maximum length of a mapped attribute key is 100 characters and it may only"
    " contain the characters [a-z0-9_]"
)
NO_SUBJECT = "The attribute mapping must contain google.subject."
INVALID_MAPPING = "Invalid attribute mapping of {name}: {problem}"
INVALID_CONDITION = "Invalid attribute condition: {problem}"
TOO_MANY_ATTRIBUTES = "The attribute mapping has more than {maximum} custom attributes."
TOO_LONG = "it has more than {maximum} characters"
LIST_OF_STRINGS = "LIST<STRING>"  # the name of the type that google.groups must have

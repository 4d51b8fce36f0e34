"""What an AWS provider makes of a caller: expressions of CEL for Google's attributes.

https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds#mappings-and-conditions
"""

# Google's own default, which has to be said where anything is. The ARN of the role, without its session.
AWS_ROLE = (
    "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + "
    "'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn"
)
# In the place of the whole ARN, which may be longer than a subject may.
SHORT_SUBJECT = "assertion.arn.extract('assumed-role/{role_and_session}')"

"""AWS's side: the identity of the workload, and what proves it. The only code that imports botocore."""

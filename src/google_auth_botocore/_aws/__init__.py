"""The AWS side: the identity of the workload, and the proof of it. The only code that imports botocore."""

"""The benchmark, `nox -s bench`: this package beside its peers, each in an environment of its own, in one run."""

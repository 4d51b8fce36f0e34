"""The benchmark, `nox -s bench`: compares this package with others in one run, each in its own environment."""

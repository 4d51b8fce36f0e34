"""The session `nox -s live`: both clouds set up, used and torn down with real accounts.

- `accounts`: what the environment must have, and the accounts in it.
- `throwaway`: the resources of one run: their names, how to create and delete them, and what is left.
- `steps`: what a run does, one step after the other.
- `waiting`: which failures pass by themselves because a change takes time to reach all servers, and the wait for that.
- `shell`: runs gcloud and aws so that a signal does not interrupt a command.
- `stopping`: signals that stop a run.
- `report`: the report, without secrets.

`test_live` runs the same session against the emulator and moto. .github/CONTRIBUTING.md says how to run it with accounts.
"""

"""The table is loaded with the first failure, and a fork at that moment hangs nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys, threading
from google_auth_botocore import _failures
from google_auth_botocore._failures._facts import Facts

importing, go_on = threading.Event(), threading.Event()

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.endswith("._table"):
            importing.set()
            go_on.wait(20)
        return None

sys.meta_path.insert(0, Finder())
worker = threading.Thread(target=lambda: _failures.error("Bad.", Facts("aws", reason="ProfileNotFound")))
worker.start()
assert importing.wait(20)
threading.Timer(0.2, go_on.set).start()
child = os.fork()
if child == 0:
    # The parent's thread does not exist here. If its import were incomplete, this would wait forever.
    error = _failures.error("Bad.", Facts("aws", reason="ProfileNotFound"))
    os._exit(0 if error.failure == "profile-missing" and error.hint else 3)
worker.join(20)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), _failures.error("x", Facts("aws", reason="ProfileNotFound")).failure)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_a_fork_waits_for_the_import() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "0 profile-missing", done.stderr


def test_the_table_is_not_loaded_before_the_first_failure() -> None:
    program = (
        "import sys, google_auth_botocore as g\n"
        "g.Credentials('projects/1/locations/global/workloadIdentityPools/p/providers/q')\n"
        "loaded = lambda: 'google_auth_botocore._failures._table' in sys.modules\n"
        "before = loaded()\n"
        "from google_auth_botocore import _failures\n"
        "from google_auth_botocore._failures._facts import Facts\n"
        "_failures.error('Bad.', Facts('aws'))\n"
        "print(before, loaded())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False True"


def test_without_file_descriptors_there_is_still_a_hint() -> None:
    resource = pytest.importorskip("resource")
    del resource
    program = (
        "import os, resource\n"
        "from google_auth_botocore import _failures\n"
        "from google_auth_botocore._failures._facts import Facts\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "error = _failures.error('Bad.', Facts('aws', failure='resources-exhausted', transient=True))\n"
        "os.write(1, f'{error.failure} {error.hint}'.encode())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("resources-exhausted The process or the machine has run out of open files")


def test_an_error_arrives_without_its_hint_if_the_table_is_being_replaced_on_disk() -> None:
    """A file may be half written while pip installs another version."""
    program = (
        "import importlib.machinery, importlib.util, sys\n"
        "from google_auth_botocore import _failures\n"
        "from google_auth_botocore._failures._facts import Facts\n"
        "class Loader(importlib.machinery.SourceFileLoader):\n"
        "    def get_code(self, name): return compile('def (', name, 'exec')\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.endswith('._table'): return importlib.util.spec_from_loader(name, Loader(name, 'x.py'))\n"
        "sys.meta_path.insert(0, Finder())\n"
        "print(_failures.error('Bad.', Facts('aws', reason='ProfileNotFound')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "Bad.\n", done.stderr

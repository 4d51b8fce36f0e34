"""The recipes on the pages, which the tests in this directory execute."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Any

from pages.markdown import PAGES, blocks

from google_auth_botocore import Credentials


def code(title: str, language: str = "python") -> str:
    """Return the code of a recipe: the example that begins with the title as a comment.

    Args:
        title: The first word of the comment.
        language: `sh`: the commands that follow this example.
    """
    [found] = [
        listed[number : number + 2]
        for listed in map(blocks, PAGES)
        for number, block in enumerate(listed)
        if (block.language, block.title) == ("python", title)
    ]
    return next(block.text for block in found if block.language == language)


def execute(title: str, credentials: Credentials, addresses: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Execute a recipe as a module that can be imported, and return the module.

    Args:
        title: See `code`.
        credentials: The variable of this name in the recipe.
        addresses: Text of the recipe to replace, because it contains an address or has the default one.
    """
    source = code(title)
    for old, new in addresses.items():
        assert old in source
        source = source.replace(old, new)
    module = ModuleType(f"recipe_{title}")
    module.__dict__.update(credentials=credentials)
    sys.modules[module.__name__] = module
    exec(compile(source, f"recipe {title}", "exec"), module.__dict__)
    return module

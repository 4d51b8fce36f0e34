"""DuckDB's own reader of Cloud Storage: https://duckdb.org/docs/stable/core_extensions/httpfs/overview"""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from adapters.token_checking_servers import Objects, TokenChecker

from consumers.recipes.readme import code, execute
from google_auth_botocore import Credentials


def _installed() -> bool:
    try:
        with duckdb.connect() as database:
            database.execute("INSTALL httpfs")
    except (duckdb.IOException, duckdb.HTTPException):
        return False
    return True


def table(tmp_path: Any) -> bytes:
    path = tmp_path / "table.parquet"
    with duckdb.connect() as database:
        database.execute(f"COPY (SELECT unnest([1, 2, 3]) AS x) TO '{path}'")
    return bytes(path.read_bytes())


def test_recipe(credentials: Credentials, checker: TokenChecker, tmp_path: Any) -> None:
    if not _installed():
        pytest.skip("DuckDB cannot download its extension httpfs")
    with checker.serve(Objects({"/my-bucket/table.parquet": table(tmp_path)})) as url:
        address = f"TYPE gcs, ENDPOINT '{url.partition('//')[2]}', USE_SSL false, URL_STYLE 'path',"
        recipe = execute("httpfs", credentials, {"TYPE gcs,": address})
        assert recipe.rows == [(6,)]
        credentials.refresh(None)
        recipe.authenticate()
        recipe.database.execute("COPY (SELECT 42 AS answer) TO 'gs://my-bucket/new.parquet'")
        assert recipe.database.execute("SELECT answer FROM 'gs://my-bucket/new.parquet'").fetchall() == [(42,)]
        assert (checker.rejected, len(set(checker.tokens))) == (0, 2)
        assert str(credentials.token) not in str(recipe.database.execute("FROM duckdb_secrets()").fetchall())
        with pytest.raises(duckdb.Error, match="401"):  # as the page says
            recipe.database.execute("FROM 'gs://my-bucket/*.parquet'")
        recipe.database.close()


def test_the_recipe_is_python() -> None:
    """Also where DuckDB cannot download its extension."""
    compile(code("httpfs"), "httpfs", "exec")

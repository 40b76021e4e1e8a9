"""Answers each line of JSON, a table to read, with a line of JSON: its rows, columns and version, or the rows of a query."""

import json
import os
import sys

import pyarrow
import pyarrow.parquet
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaProtocolError


def plain(value):
    return value.hex() if isinstance(value, bytes) else str(value)


def rows(table):
    try:
        return table.to_pyarrow_table()
    except DeltaProtocolError:
        # Features that the reader does not have and the table does not use.
        files = [pyarrow.parquet.read_table(file) for file in table.file_uris()]
        return pyarrow.concat_tables(files)


for line in sys.stdin:
    asked = json.loads(line)
    try:
        os.environ.update((name, value) for name, value in asked["options"].items() if name.isupper())
        table = DeltaTable(asked["table"], storage_options=asked["options"])
        query = asked.get("query")
        read = pyarrow.table(QueryBuilder().register("t", table).execute(query).read_all()) if query else rows(table)
        answer = {
            "rows": read.to_pylist(),
            "columns": {field.name: str(field.type) for field in read.schema},
            "version": table.version(),
            "files": len(table.file_uris()),
        }
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps(answer, default=plain), flush=True)

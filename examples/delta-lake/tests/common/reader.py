"""Answers each line of JSON, a table to read, with a line of JSON: its rows, columns and version."""

import json
import sys

from deltalake import DeltaTable


def plain(value):
    return value.hex() if isinstance(value, bytes) else str(value)


for line in sys.stdin:
    asked = json.loads(line)
    try:
        table = DeltaTable(asked["table"], storage_options=asked["options"])
        read = table.to_pyarrow_table()
        answer = {
            "rows": read.to_pylist(),
            "columns": {field.name: str(field.type) for field in read.schema},
            "version": table.version(),
            "files": len(table.file_uris()),
        }
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps(answer, default=plain), flush=True)

"""Makes `calls.json`: what the package tells PySpark in each of a list of calls, as plain data.

A test of another language reads the file, and makes the same calls over the Spark Connect protocol. `input` is a query
whose columns the calls name. `python` is the call, and what it leads to has one of these forms:

- `column`: a column, made by `functions.col`, `lit` or `call_function` as `standin.Column` describes it
- `steps`: methods of the input's DataFrame, one after the other: `withColumn` with its `column`
- `sql` and `args`: `SparkSession.sql` with these parameters, where `{rows}` is a view of the input

`cd python && python3 -m tests.calls` writes the file anew, for the Python expressions that stand in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession, functions

import sparkqwen
from tests.standin import Column

FILE = Path(__file__).with_name("calls.json")


def made(python: str) -> dict[str, Any]:
    """Returns what the package does in a Python expression, which makes a column or a transformation."""
    names = {"functions": functions, **{name: getattr(sparkqwen, name) for name in sparkqwen.__all__}}
    value = eval(python, names)
    if isinstance(value, Column):
        return {"python": python, "column": value.plan}
    rows = SparkSession().table("input")
    steps = rows.transform(value).steps
    if steps[: len(rows.steps)] == rows.steps:
        return {"python": python, "steps": steps[len(rows.steps) :]}
    (query,) = steps
    return {"python": python, "sql": query["sql"], "args": query["args"]}


def read() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def written(content: dict[str, Any]) -> str:
    """Returns the text of the file, with a line for each call."""
    calls = [json.dumps(made(call["python"]), ensure_ascii=False) for call in content["calls"]]
    head = json.dumps(content["input"], ensure_ascii=False)
    return '{\n"input": ' + head + ',\n"calls": [\n' + ",\n".join(calls) + "\n]\n}\n"


if __name__ == "__main__":
    FILE.write_text(written(read()), encoding="utf-8")

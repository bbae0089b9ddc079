"""Stands in for the parts of PySpark that the package calls, and records what they are told, as plain data.

It has the names, parameters and checks of PySpark 4.2 that matter here, and evaluates nothing.
"""

from __future__ import annotations

import re
import sys
from types import ModuleType
from typing import Any, Callable


class Column:
    """A column as what made it.

    That is `{"col": name}`, `{"lit": text}`, `{"call": function, "arguments": [...]}`, or `{"alias": name, "of":
    column}`. The functions `array` and `create_map` are calls of `array` and `map`, as in SQL.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan

    def alias(self, name: str) -> Column:
        return Column({"alias": name, "of": self.plan})


def col(name: str) -> Column:
    return Column({"col": name})


def lit(value: str) -> Column:
    if type(value) is not str:
        raise AssertionError(f"the package passes texts, not {value!r}")
    return Column({"lit": value})


def call_function(name: str, *columns: Column | str) -> Column:
    return Column({"call": name, "arguments": [_column(each).plan for each in columns]})


def array(*columns: Column) -> Column:
    return call_function("array", *columns)


def create_map(*columns: Column) -> Column:
    if len(columns) % 2 or len({"call" in each.plan for each in columns[1::2]}) > 1:
        raise AssertionError("a map has pairs of a name and a value, and values of one type")
    return call_function("map", *columns)


def trim(column: Column | str) -> Column:
    return call_function("trim", column)


def concat(*columns: Column | str) -> Column:
    return call_function("concat", *columns)


def _column(column: Column | str) -> Column:
    if isinstance(column, str):
        return col(column)
    if not isinstance(column, Column):
        raise TypeError(f"not a column: {column!r}")
    return column


class DataFrame:
    """Rows as the steps that lead to them."""

    def __init__(self, session: SparkSession, steps: list[Any]) -> None:
        self.sparkSession = session
        self.steps = steps

    def withColumn(self, name: str, column: Column) -> DataFrame:
        if not isinstance(column, Column):
            raise TypeError(f"not a column: {column!r}")
        return self._then({"withColumn": name, "column": column.plan})

    def select(self, *columns: Column | str) -> DataFrame:
        return self._then({"select": [each if isinstance(each, str) else each.plan for each in columns]})

    def where(self, condition: str) -> DataFrame:
        return self._then({"where": condition})

    def drop(self, name: str) -> DataFrame:
        return self._then({"drop": name})

    def transform(self, function: Callable[[DataFrame], DataFrame]) -> DataFrame:
        result = function(self)
        if not isinstance(result, DataFrame):
            raise AssertionError("a transformation returns a DataFrame")
        return result

    def _then(self, step: dict[str, Any]) -> DataFrame:
        return DataFrame(self.sparkSession, [*self.steps, step])


class _NewBuilder:
    """What `SparkSession.builder` is: a new builder each time."""

    def __get__(self, *_: object) -> SparkSession.Builder:
        return SparkSession.Builder()


class SparkSession:
    """A session with the configuration that its builder got."""

    class Builder:
        def __init__(self) -> None:
            self.settings: dict[str, Any] = {}

        def config(self, key: str, value: Any) -> SparkSession.Builder:
            self.settings[key] = value
            return self

        def remote(self, url: str) -> SparkSession.Builder:
            return self.config("spark.remote", url)

        def getOrCreate(self) -> SparkSession:
            return SparkSession(self.settings)

    builder = _NewBuilder()

    def __init__(self, settings: dict[str, Any] | None = None) -> None:
        self.settings = settings or {}
        self.read = self

    def table(self, name: str) -> DataFrame:
        return DataFrame(self, [{"table": name}])

    def parquet(self, path: str) -> DataFrame:
        return DataFrame(self, [{"parquet": path}])

    def sql(self, query: str, args: dict[str, Any] | None = None, **views: DataFrame) -> DataFrame:
        """Records a query. As in PySpark, braces name views, and there may be parameters for constants alone."""
        for value in (args or {}).values():
            for each in value if isinstance(value, list) else [value]:
                lit(each)
        if {*re.findall(r":(\w+)", query.format(**dict.fromkeys(views, "_view")))} != set(args or {}):
            raise AssertionError(f"{query!r} has other parameters than {args}")
        rows = {name: each.steps for name, each in views.items()}
        return DataFrame(self, [{"sql": query, "args": args or {}, "views": rows}])


def install() -> None:
    """Takes the place of PySpark for every later import."""
    pyspark, sql, functions = ModuleType("pyspark"), ModuleType("pyspark.sql"), ModuleType("pyspark.sql.functions")
    pyspark.sql = sql
    sql.functions, sql.Column, sql.DataFrame, sql.SparkSession = functions, Column, DataFrame, SparkSession
    for function in (array, call_function, col, concat, create_map, lit, trim):
        setattr(functions, function.__name__, function)
    sys.modules.update({module.__name__: module for module in (pyspark, sql, functions)})

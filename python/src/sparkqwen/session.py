"""Configures a Spark session for the functions of this package."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from sparkqwen.options import EngineOptions, texts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from typing_extensions import Unpack

EXTENSION = "org.sparkqwen.job.sql.QwenExtensions"
"""The class of spark-qwen's jar that adds the functions to a session, for ``spark.sql.extensions``."""


def configure(
    builder: SparkSession.Builder,
    *,
    jar: str | os.PathLike[str] | None = None,
    model: str | os.PathLike[str] | None = None,
    **options: Unpack[EngineOptions],
) -> SparkSession.Builder:
    """Returns the builder, with the model of its session and the way to run it.

    With a jar, the session starts Spark with spark-qwen in it:

    >>> spark = configure(SparkSession.builder, jar="spark-qwen.jar", model="/shared/Qwen3-4B-Base").getOrCreate()

    Without one, Spark has it already. That is so with Spark Connect, whose server takes no extension from a client:

    >>> spark = configure(SparkSession.builder.remote("sc://host"), model="/shared/Qwen3-4B-Base").getOrCreate()

    The model is a path of the driver, or a URI. An option such as ``batch_tokens=4096`` becomes the setting
    ``spark.qwen.batchTokens``, which holds for each call that has no such option itself. A session that has further
    jars or extensions sets ``spark.jars`` and ``spark.sql.extensions`` itself, the latter with ``EXTENSION`` in its
    list.
    """
    if jar is not None:
        builder = builder.config("spark.jars", os.fspath(jar)).config("spark.sql.extensions", EXTENSION)
    for name, value in texts({"model": None if model is None else os.fspath(model), **options}).items():
        setting = re.sub("_(.)", lambda part: part[1].upper(), name)
        builder = builder.config(f"spark.qwen.{setting}", value)
    return builder

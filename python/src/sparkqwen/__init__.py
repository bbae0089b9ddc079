"""Batch inference with Qwen3 on Apache Spark, from PySpark.

The work is done by the functions that spark-qwen's jar adds to a Spark session. This package calls them through
PySpark's public API alone, so it works with classic PySpark and with Spark Connect.

>>> from sparkqwen import configure, generated, score
>>> spark = configure(SparkSession.builder, jar="spark-qwen.jar", model="/shared/Qwen3-4B-Base").getOrCreate()
>>> documents = spark.read.parquet("corpus")
>>> documents.select("id", score("text").alias("score")).select("id", "score.perplexity")
>>> spark.table("prompts").transform(generated("prompt", max_new_tokens=64))
"""

from sparkqwen.functions import classify, embed, generate, score, tokenize
from sparkqwen.options import (
    ClassifyOptions,
    ClassifyTableOptions,
    EmbedOptions,
    EmbedTableOptions,
    EngineOptions,
    GenerateOptions,
    GenerateTableOptions,
    ScoreOptions,
    ScoreTableOptions,
    TokenizeOptions,
)
from sparkqwen.session import EXTENSION, configure
from sparkqwen.tables import classify_table, embed_table, generate_table, score_table, tokenize_table
from sparkqwen.transforms import classified, embedded, generated, scored, tokenized

__all__ = [
    "ClassifyOptions",
    "ClassifyTableOptions",
    "EXTENSION",
    "EmbedOptions",
    "EmbedTableOptions",
    "EngineOptions",
    "GenerateOptions",
    "GenerateTableOptions",
    "ScoreOptions",
    "ScoreTableOptions",
    "TokenizeOptions",
    "classified",
    "classify",
    "classify_table",
    "configure",
    "embed",
    "embed_table",
    "embedded",
    "generate",
    "generate_table",
    "generated",
    "score",
    "score_table",
    "scored",
    "tokenize",
    "tokenize_table",
    "tokenized",
]

"""The functions of a column. Each returns a struct, in which a row that cannot be processed has ``error`` set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Union

from pyspark.sql import functions

from sparkqwen.options import ClassifyOptions, EmbedOptions, GenerateOptions, ScoreOptions, TokenizeOptions, texts

if TYPE_CHECKING:
    from pyspark.sql import Column
    from typing_extensions import Unpack

    ColumnOrName = Union[Column, str]


def score(text: ColumnOrName, **options: Unpack[ScoreOptions]) -> Column:
    """Returns the log-likelihood, the perplexity and further figures of each text, as a struct.

    >>> documents.select("id", score("text").alias("score")).select("id", "score.perplexity", "score.error")
    >>> documents.select(score(functions.trim("text"), context=2048, token_logprobs=True))

    The column holds texts, or token ids (``array<int>`` or ``array<bigint>``). A string is a column's name, as for
    ``functions.col``.
    """
    return call("qwen_score", text, options)


def generate(prompt: ColumnOrName, **options: Unpack[GenerateOptions]) -> Column:
    """Returns one continuation of each prompt, as a struct with ``generated_text``, ``finish_reason`` and more.

    >>> prompts.select("id", generate("prompt", max_new_tokens=64, temperature=0.8, seed=7).alias("answer"))
    >>> prompts.withColumn("mood", generate("prompt", choices=["calm", "grave", "merry"]))

    Several samples a row come from ``generate_table``. The column holds texts, token ids, or messages with
    ``chat=True``. A string is a column's name, as for ``functions.col``.
    """
    return call("qwen_generate", prompt, options)


def classify(prompt: ColumnOrName, **options: Unpack[ClassifyOptions]) -> Column:
    """Returns the likeliest of some labels after each prompt, and how likely each is, as a struct.

    >>> prompts.select("id", classify("prompt", labels=[" yes", " no"]).alias("verdict")).where("verdict.margin > 0.5")
    >>> prompts.withColumn("grade", classify("prompt", labels=range(6), numeric=True)).select("id", "grade.value")

    A label is written as it follows the prompt, with the space before it, and the labels of a list may have commas. The
    column holds texts, token ids, or messages with ``chat=True``. A string is a column's name, as for
    ``functions.col``.
    """
    return call("qwen_classify", prompt, options)


def embed(text: ColumnOrName, **options: Unpack[EmbedOptions]) -> Column:
    """Returns the embedding of each text, as a struct with ``embedding``, ``tokens``, ``truncated`` and more.

    >>> documents.select("id", embed("text", dims=256).alias("e")).select("id", "e.embedding")
    >>> documents.select("id", embed("text", prompt_name="query").alias("e"))

    The column holds texts, or token ids. A string is a column's name, as for ``functions.col``.
    """
    return call("qwen_embed", text, options)


def tokenize(text: ColumnOrName, **options: Unpack[TokenizeOptions]) -> Column:
    """Returns the token ids of each text and their number, as a struct. It does not run the model.

    >>> documents.select("id", tokenize("text").alias("ids")).where("ids.tokens > 2048")

    A string is a column's name, as for ``functions.col``.
    """
    return call("qwen_tokenize", text, options)


def call(function: str, column: ColumnOrName, options: Mapping[str, object]) -> Column:
    """Returns the call of an SQL function with a column and a map of options.

    PySpark's public API has no named arguments, and a map keeps names and values out of SQL text. All values of a map
    have one type, so where one option has several texts, each has an array.
    """
    given = texts(options)
    if not given:
        return functions.call_function(function, column)
    several = any(isinstance(value, list) for value in given.values())
    entries = []
    for name, value in given.items():
        values = [functions.lit(each) for each in (value if isinstance(value, list) else [value])]
        entries += [functions.lit(name), functions.array(*values) if several else values[0]]
    return functions.call_function(function, column, functions.create_map(*entries))

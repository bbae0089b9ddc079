"""Offers the functions as transformations for ``DataFrame.transform``. Each adds one column, a struct."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sparkqwen.functions import classify, embed, generate, score, tokenize
from sparkqwen.options import ClassifyOptions, EmbedOptions, GenerateOptions, ScoreOptions, TokenizeOptions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from typing_extensions import Unpack

    from sparkqwen.functions import ColumnOrName


def scored(
    text: ColumnOrName = "text", *, into: str = "score", **options: Unpack[ScoreOptions]
) -> Callable[[DataFrame], DataFrame]:
    """Adds the figures of ``score`` as a struct, and replaces a column that has its name already.

    >>> documents.transform(scored("text", context=2048)).select("id", "score.perplexity")
    >>> documents.transform(scored(functions.trim("text"), into="trimmed", token_logprobs=True))
    """
    result = score(text, **options)
    return lambda rows: rows.withColumn(into, result)


def generated(
    prompt: ColumnOrName = "prompt", *, into: str = "generated", **options: Unpack[GenerateOptions]
) -> Callable[[DataFrame], DataFrame]:
    """Adds the result of ``generate`` as a struct, and replaces a column that has its name already.

    >>> question = functions.concat(functions.lit("Translate into English: "), functions.col("title"))
    >>> books.transform(generated(question, max_new_tokens=64)).select("id", "generated.generated_text")
    """
    result = generate(prompt, **options)
    return lambda rows: rows.withColumn(into, result)


def classified(
    prompt: ColumnOrName = "prompt", *, into: str = "classified", **options: Unpack[ClassifyOptions]
) -> Callable[[DataFrame], DataFrame]:
    """Adds the result of ``classify`` as a struct, and replaces a column that has its name already.

    >>> books.transform(classified("title", labels=[" a novel", " a poem"])).select("id", "classified.label")
    """
    result = classify(prompt, **options)
    return lambda rows: rows.withColumn(into, result)


def embedded(
    text: ColumnOrName = "text", *, into: str = "embedded", **options: Unpack[EmbedOptions]
) -> Callable[[DataFrame], DataFrame]:
    """Adds the result of ``embed`` as a struct, and replaces a column that has its name already.

    >>> documents.transform(embedded("text", dims=256)).select("id", "embedded.embedding")
    """
    result = embed(text, **options)
    return lambda rows: rows.withColumn(into, result)


def tokenized(
    text: ColumnOrName = "text", *, into: str = "tokenized", **options: Unpack[TokenizeOptions]
) -> Callable[[DataFrame], DataFrame]:
    """Adds the result of ``tokenize`` as a struct, and replaces a column that has its name already.

    >>> documents.transform(tokenized("text")).select("id", "tokenized.token_ids")
    """
    result = tokenize(text, **options)
    return lambda rows: rows.withColumn(into, result)

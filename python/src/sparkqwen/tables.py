"""The table functions as transformations, for ``DataFrame.transform``. They add columns instead of one struct.

Every column of the rows passes through. One that has the name of an added column is refused, so leave it out or rename
it. The query has a parameter for each option, so no value becomes SQL text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sparkqwen.options import (
    ClassifyTableOptions,
    EmbedTableOptions,
    GenerateTableOptions,
    ScoreTableOptions,
    TokenizeOptions,
    texts,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from typing_extensions import Unpack


def score_table(text: str | None = None, **options: Unpack[ScoreTableOptions]) -> Callable[[DataFrame], DataFrame]:
    """Adds the columns of ``score`` to each row. The texts are in column ``text`` unless another one is named.

    >>> documents.select("id", "text").transform(score_table("text", token_logprobs=True))
    >>> spark.table("questions").transform(score_table("answer", prompt="question")).select("id", "is_greedy")
    """
    return _through("qwen_score_table", {"text": text, **options})


def generate_table(
    prompt: str | None = None, **options: Unpack[GenerateTableOptions]
) -> Callable[[DataFrame], DataFrame]:
    """Returns one row for each sample of each prompt, with the columns of ``generate``.

    >>> prompts.transform(generate_table("prompt", samples=4, temperature=0.9, seed=7, max_new_tokens=64))
    >>> books.transform(generate_table(template="Write about {title}.", row_params=["seed"]))

    The prompts are in column ``prompt`` unless another one is named, or ``tokens``, ``messages`` or ``template``.
    """
    return _through("qwen_generate_table", {"prompt": prompt, **options})


def classify_table(
    prompt: str | None = None, **options: Unpack[ClassifyTableOptions]
) -> Callable[[DataFrame], DataFrame]:
    """Adds the columns of ``classify`` to each row.

    >>> documents.transform(classify_table(template="{text} Grade:", labels=range(6), numeric=True))
    >>> prompts.transform(classify_table("question", labels_column="answers")).select("id", "label")

    The prompts are in column ``prompt`` unless another one is named, or ``tokens``, ``messages`` or ``template``. A
    reranker reads the columns ``query`` and ``document``. Its option ``as`` is a word of Python:
    ``classify_table(**{"as": "reranker"})``.
    """
    return _through("qwen_classify_table", {"prompt": prompt, **options})


def embed_table(text: str | None = None, **options: Unpack[EmbedTableOptions]) -> Callable[[DataFrame], DataFrame]:
    """Adds the columns of ``embed`` to each row. The texts are in column ``text`` unless another one is named.

    >>> documents.select("id", "text").transform(embed_table("text", instruction="Identify the topic"))
    """
    return _through("qwen_embed_table", {"text": text, **options})


def tokenize_table(text: str | None = None, **options: Unpack[TokenizeOptions]) -> Callable[[DataFrame], DataFrame]:
    """Adds the columns of ``tokenize`` to each row. It does not run the model.

    >>> documents.transform(tokenize_table("text")).select("id", "tokens")

    The texts are in column ``text`` unless another one is named.
    """
    return _through("qwen_tokenize_table", {"text": text, **options})


def _through(function: str, options: Mapping[str, object]) -> Callable[[DataFrame], DataFrame]:
    args = texts(options)
    # PySpark puts a view of the rows where the braces are.
    arguments = ["TABLE(SELECT * FROM {rows})", *(f"{name} => :{name}" for name in args)]
    query = f"SELECT * FROM {function}({', '.join(arguments)})"
    return lambda rows: rows.sparkSession.sql(query, args=args, rows=rows)

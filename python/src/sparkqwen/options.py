"""The options of each job: their types, for editors and type checkers, and their values as SQL gets them.

They have the names and the meaning of the command line's options, with underscores. docs/options.md explains them. The
server knows which options a function has and what their values may be, so a newer jar works with an older package.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal, TypedDict, TypeGuard, Union

_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)

_JSON = {"json_schema", "tools"}
"""The options that take JSON, which Python has as dicts and lists."""

_Path = Union[str, "os.PathLike[str]"]


class EngineOptions(TypedDict, total=False):
    """How executors get a model and run it. Most sessions set these once, with ``configure``."""

    lora: _Path
    model_distribution: Literal["auto", "shared", "fetch", "broadcast"]
    cache_dir: _Path
    cache_size: str | int
    batch_tokens: int
    max_sequences: int
    threads: int
    kv: Literal["f32", "bf16", "int8"]
    weights: Literal["stored", "int8", "int4"]
    memory: str | int
    device: str
    precision: Literal["float32", "float32x2", "bfloat16", "bfloat16-amx", "int8"]
    kernels: Literal["auto", "code", "vector", "scalar"]


class TokenizeOptions(TypedDict, total=False):
    """The options of ``tokenize``, ``tokenized`` and ``tokenize_table``."""

    special_tokens: Literal["text", "parse"]
    model: _Path


class ScoreOptions(TokenizeOptions, EngineOptions, total=False):
    """The options of ``score`` and ``scored``."""

    windows: Literal["strided", "rolling", "half"]
    context: int
    stride: int
    prefix: Literal["eos", "bos", "none"]
    token_logprobs: bool
    min_k: float
    entropy: bool
    top_logprobs: int
    reference_model: _Path


class EmbedOptions(TokenizeOptions, EngineOptions, total=False):
    """The options of ``embed`` and ``embedded``."""

    prompt_name: str
    instruction: str
    dims: int
    context: int


class GenerateOptions(TokenizeOptions, EngineOptions, total=False):
    """The options of ``generate`` and ``generated``."""

    keep_special_tokens: bool
    logprobs: int
    chat: bool
    system: str
    thinking: bool | Literal["on", "off"]
    tools: _Path | Sequence[Mapping[str, Any]]
    continue_final_message: bool
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    presence_penalty: float
    frequency_penalty: float
    logit_bias: str | Mapping[int, float]
    no_repeat_ngram_size: int
    bad_words_ids: str | Sequence[Sequence[int]]
    suppress_tokens: str | Sequence[int]
    begin_suppress_tokens: str | Sequence[int]
    forced_eos_token_id: str | Sequence[int]
    seed: int
    max_new_tokens: int
    min_new_tokens: int
    stop: str | Sequence[str]
    stop_token_id: int | Sequence[int]
    ignore_eos: bool
    stop_repetition: int
    regex: str
    json_schema: _Path | Mapping[str, Any]
    choices: Sequence[str]
    schema_depth: int


class ClassifyOptions(TokenizeOptions, EngineOptions, total=False):
    """The options of ``classify`` and ``classified``."""

    chat: bool
    system: str
    thinking: bool | Literal["on", "off"]
    tools: _Path | Sequence[Mapping[str, Any]]
    continue_final_message: bool
    labels: Sequence[str | float]
    labels_file: _Path
    numeric: bool
    context: int


class ScoreTableOptions(ScoreOptions, total=False):
    """The options of ``score_table``. The first two name columns."""

    tokens: str
    prompt: str


class EmbedTableOptions(EmbedOptions, total=False):
    """The options of ``embed_table``. The first one names a column."""

    tokens: str


class GenerateTableOptions(GenerateOptions, total=False):
    """The options of ``generate_table``. The first two name columns."""

    tokens: str
    messages: str
    template: str
    samples: int
    row_params: str | Sequence[str]


# A class cannot have the option ``as``, which is a word of Python.
_Reranker = TypedDict(
    "_Reranker",
    {"as": Literal["reranker"], "query": str, "document": str, "instruction": str},
    total=False,
)


class ClassifyTableOptions(ClassifyOptions, _Reranker, total=False):
    """The options of ``classify_table``. The first three name columns, as ``query`` and ``document`` do."""

    tokens: str
    messages: str
    labels_column: str
    template: str


def texts(options: Mapping[str, object]) -> dict[str, str | list[str]]:
    """Returns the options that have a value, each as on the command line: a text, or several if it may be repeated.

    >>> texts({"temperature": 0.7, "stop": ["###"], "ignore_eos": True, "logit_bias": {198: -100}, "seed": None})
    {'temperature': '0.7', 'stop': ['###'], 'ignore_eos': 'true', 'logit_bias': ['198=-100']}

    A JSON schema and tools may be what they are in Python, such as ``{"type": "object"}``.

    Raises ValueError if a name is not one that an option can have, and TypeError if a value is no constant, such as a
    Column. Names become SQL text, so this also keeps other SQL out of it.
    """
    given: dict[str, str | list[str]] = {}
    for name, value in options.items():
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{name!r:.80} is not the name of an option; names have small letters, digits and underscores"
            )
        if name in _JSON and (isinstance(value, Mapping) or _is_list(value)):
            given[name] = _json(name, value)
        elif isinstance(value, Mapping):
            given[name] = [f"{_text(name, key)}={_text(name, each)}" for key, each in value.items()]
        elif _is_list(value):
            given[name] = [_token_ids(name, each) if _is_list(each) else _text(name, each) for each in value]
        elif value is not None:
            given[name] = _text(name, value)
    return given


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return str.__str__(value)  # An enumeration's text, and not its name.
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        return repr(float(value))
    if isinstance(value, os.PathLike):
        return _text(name, os.fspath(value))
    raise TypeError(
        f"option {name} has a value of type {type(value).__name__}; it must be a string, a number, a boolean, a path,"
        " or a list or a dict of them"
    )


def _token_ids(name: str, ids: Sequence[object]) -> str:
    if not all(isinstance(each, Integral) and not isinstance(each, bool) for each in ids):
        raise TypeError(f"option {name} has a list within a list, which may only be token ids")
    return ",".join(_text(name, each) for each in ids)


def _json(name: str, value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as e:
        raise TypeError(f"option {name} is no JSON: {e}") from None


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray))

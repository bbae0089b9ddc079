import re
import unittest
from pathlib import Path

from sparkqwen import (
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

PAGE = Path(__file__).parents[2] / "docs" / "options.md"

# Where a function reads the column that these options name, the column is its argument.
COLUMNS = {
    "text_column",
    "prompt_column",
    "tokens_column",
    "messages_column",
    "query_column",
    "document_column",
}

# Options that make more rows or read further columns.
OF_TABLES = {"samples", "row_params", "template", "labels_column", "as", "instruction"}

# Options of prompts that make sense for generated texts alone.
OF_TEXTS = {"samples", "row_params", "keep_special_tokens", "logprobs"}

# An option for the summary of a command.
SUMMARY = {"summary_by"}

# An option for a run that goes on.
OF_RUNS = {"allow_other_device"}


def documented(*sections):
    """Returns the options of sections of docs/options.md, with underscores."""
    text = PAGE.read_text(encoding="utf-8")
    options = set()
    for section in sections:
        rows = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        options |= {each.replace("-", "_") for each in re.findall(r"^\| `--([a-z-]+)", rows[1], re.MULTILINE)}
    return options - COLUMNS - SUMMARY - OF_RUNS


class OptionsTest(unittest.TestCase):
    def test_the_types_have_the_options_of_the_commands(self):
        engine = documented("Model", "Speed and memory")
        score = documented("Documents", "Windows") | engine
        embed = documented("Documents", "Embeddings") | engine
        generate = documented("Prompts", "Chat", "Sampling", "Endings", "Constraints") | engine
        classify = (documented("Prompts", "Chat", "Labels") | engine) - OF_TEXTS
        for options, expected in [
            (EngineOptions, engine - {"model"}),
            (TokenizeOptions, {"special_tokens", "model"}),
            (ScoreOptions, score),
            (GenerateOptions, generate - OF_TABLES),
            (ClassifyOptions, classify - OF_TABLES),
            (ClassifyTableOptions, classify | {"tokens", "messages", "query", "document"}),
            (EmbedOptions, embed),
            (EmbedTableOptions, embed | {"tokens"}),
            (ScoreTableOptions, score | {"tokens", "prompt"}),
            (GenerateTableOptions, generate | {"tokens", "messages"}),
        ]:
            with self.subTest(options=options.__name__):
                self.assertEqual(set(options.__annotations__), expected)

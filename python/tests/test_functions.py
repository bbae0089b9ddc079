import unittest
from enum import Enum
from fractions import Fraction
from pathlib import Path

from pyspark.sql import functions

from sparkqwen import generate, score, tokenize

HOSTILE = [
    "",
    " ",
    "Text Column",
    "select",
    "a, b",
    "x) FROM secrets --",
    "x => 1",
    "'",
    "''",
    "' OR '1'='1",
    "'); DROP TABLE corpus; --",
    "\\",
    "\\'",
    "\\d+\\.\\d*",
    '"double"',
    "`tick``",
    "body.text",
    "`body.text`",
    "*",
    "new\nline\r\ttab",
    "\x00",
    "naïve 文本 🦊",
    "${spark.app.name}",
    "${env:HOME}",
    "a{2}$",
    "{rows}",
    ":parameter",
    "%s %(x)s",
    "-- comment",
    "/* comment */",
]
"""Names and values that would do harm, or mean something else, if they became SQL text."""


def option_map(call):
    """Returns the options of a call, which are its second argument."""
    (_, options) = call.plan["arguments"]
    entries = [each.get("lit") or [text["lit"] for text in each["arguments"]] for each in options["arguments"]]
    return dict(zip(entries[::2], entries[1::2], strict=True))


class FunctionsTest(unittest.TestCase):
    def test_a_name_or_a_column_goes_through_call_function(self):
        self.assertEqual(score("text").plan, {"call": "qwen_score", "arguments": [{"col": "text"}]})
        self.assertEqual(
            tokenize(functions.trim("text")).plan,
            {"call": "qwen_tokenize", "arguments": [{"call": "trim", "arguments": [{"col": "text"}]}]},
        )
        self.assertEqual(generate("prompt", stop=None).plan, generate("prompt").plan)

    def test_options_are_a_map_of_texts(self):
        self.assertEqual(
            generate(functions.trim("prompt"), max_new_tokens=64, temperature=0.7, ignore_eos=True).plan,
            {
                "call": "qwen_generate",
                "arguments": [
                    {"call": "trim", "arguments": [{"col": "prompt"}]},
                    {
                        "call": "map",
                        "arguments": [
                            {"lit": "max_new_tokens"},
                            {"lit": "64"},
                            {"lit": "temperature"},
                            {"lit": "0.7"},
                            {"lit": "ignore_eos"},
                            {"lit": "true"},
                        ],
                    },
                ],
            },
        )

    def test_where_one_option_has_several_texts_all_have_arrays(self):
        call = generate("prompt", stop=["a", "b"], seed=7, logit_bias={198: -100, 7: 0.5}, bad_words_ids=[(1, 2), [3]])
        self.assertEqual(
            option_map(call),
            {"stop": ["a", "b"], "seed": ["7"], "logit_bias": ["198=-100", "7=0.5"], "bad_words_ids": ["1,2", "3"]},
        )

    def test_names_and_values_are_passed_as_they_are(self):
        for text in HOSTILE:
            with self.subTest(text=text):
                call = generate(text, regex=text, stop=[text, "x"])
                self.assertEqual(call.plan["arguments"][0], {"col": text})
                self.assertEqual(option_map(call), {"regex": [text], "stop": [text, "x"]})

    def test_a_number_is_written_so_that_it_can_be_read_back(self):
        for value in [0, -1, 2**63, 0.7, -0.0, 1e-05, 1e22, 1.7976931348623157e308, 5e-324]:
            with self.subTest(value=value):
                text = option_map(generate("prompt", seed=value))["seed"]
                self.assertEqual(repr(type(value)(text)), repr(value))

    def test_values_of_derived_types_become_texts_of_pythons_own(self):
        class Half(float):
            def __repr__(self):
                return "Half(0.5)"

        class Kind(str, Enum):
            TEXT = "text"

        call = generate("prompt", temperature=Half(0.5), top_p=Fraction(3, 4), special_tokens=Kind.TEXT)
        self.assertEqual(option_map(call), {"temperature": "0.5", "top_p": "0.75", "special_tokens": "text"})

    def test_what_is_no_constant_is_refused_in_one_line(self):
        for value, kind in [
            (b"bytes", "bytes"),
            ({1, 2}, "set"),
            ([1, None], "NoneType"),
            (functions.col("seed"), "Column"),
        ]:
            with self.subTest(value=value), self.assertRaises(TypeError) as refusal:
                generate("prompt", seed=value)
            self.assertRegex(str(refusal.exception), rf"\Aoption seed has a value of type {kind}; it must be a .*\Z")

    def test_paths_and_what_is_json_in_python_become_texts(self):
        tools = [{"type": "function", "function": {"name": "naïve"}}]
        call = generate("prompt", model=Path("models/4b"), json_schema={"type": "object"}, tools=tools, thinking=True)
        self.assertEqual(
            option_map(call),
            {
                "model": "models/4b",
                "json_schema": '{"type": "object"}',
                "tools": '[{"type": "function", "function": {"name": "naïve"}}]',
                "thinking": "true",
            },
        )
        with self.assertRaisesRegex(TypeError, r"\Aoption json_schema is no JSON: .*set.*\Z"):
            generate("prompt", json_schema={"enum": {1, 2}})

    def test_only_token_ids_are_lists_within_a_list(self):
        for value in [[["a", "b"]], ["a", ["b"]], [[1, True]]]:
            with (
                self.subTest(value=value),
                self.assertRaisesRegex(TypeError, "option stop has a list within a list, which may only be token ids"),
            ):
                generate("prompt", stop=value)

    def test_the_name_of_an_option_cannot_be_other_sql(self):
        for name in [each for each in HOSTILE if each != "select"] + ["A", "max-new-tokens", "é", "x\n", "1x"]:
            with self.subTest(name=name), self.assertRaisesRegex(ValueError, "is not the name of an option"):
                generate("prompt", **{name: 1})

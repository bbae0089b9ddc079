import unittest

from pyspark.sql import SparkSession, functions

from sparkqwen import generate_table, score_table, tokenize_table
from tests.test_functions import HOSTILE

ROWS = SparkSession().table("corpus")


class TablesTest(unittest.TestCase):
    def test_options_are_parameters(self):
        (step,) = ROWS.transform(generate_table("prompt", samples=4, temperature=0.9, stop=["###"], seed=None)).steps
        self.assertEqual(
            step,
            {
                "sql": "SELECT * FROM qwen_generate_table(TABLE(SELECT * FROM {rows}), prompt => :prompt,"
                " samples => :samples, temperature => :temperature, stop => :stop)",
                "args": {"prompt": "prompt", "samples": "4", "temperature": "0.9", "stop": ["###"]},
                "views": {"rows": [{"table": "corpus"}]},
            },
        )

    def test_each_job_has_its_function(self):
        for transform, function in [
            (score_table(), "qwen_score_table"),
            (generate_table(), "qwen_generate_table"),
            (tokenize_table(), "qwen_tokenize_table"),
        ]:
            (step,) = ROWS.transform(transform).steps
            self.assertEqual(step["sql"], f"SELECT * FROM {function}(TABLE(SELECT * FROM {{rows}}))")
            self.assertEqual(step["args"], {})

    def test_names_and_values_stay_out_of_the_query(self):
        for text in HOSTILE:
            (step,) = ROWS.transform(score_table(text, model=text)).steps
            self.assertEqual(step["args"], {"text": text, "model": text})
            self.assertEqual(step["sql"].partition("}")[2], "), text => :text, model => :model)")

    def test_what_is_wrong_is_refused_before_the_transformation(self):
        with self.assertRaisesRegex(TypeError, "^option seed has a value of type Column"):
            generate_table("prompt", seed=functions.col("seed"))
        with self.assertRaisesRegex(ValueError, "is not the name of an option"):
            generate_table("prompt", **{"x => 1, y": 1})

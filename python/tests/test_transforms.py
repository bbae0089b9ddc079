import unittest

from pyspark.sql import SparkSession, functions

from sparkqwen import generate, generated, scored, tokenize, tokenized

ROWS = SparkSession().table("corpus")


class TransformsTest(unittest.TestCase):
    def test_adds_one_column(self):
        self.assertEqual(
            ROWS.transform(scored()).steps[1:],
            [{"withColumn": "score", "column": {"call": "qwen_score", "arguments": [{"col": "text"}]}}],
        )
        (step,) = ROWS.transform(tokenized("body", into="ids", special_tokens="parse")).steps[1:]
        self.assertEqual(step, {"withColumn": "ids", "column": tokenize("body", special_tokens="parse").plan})
        (step,) = ROWS.transform(generated(functions.trim("prompt"), max_new_tokens=8)).steps[1:]
        self.assertEqual(step["column"], generate(functions.trim("prompt"), max_new_tokens=8).plan)

    def test_what_is_wrong_is_refused_before_the_transformation(self):
        with self.assertRaises(TypeError):
            generated("prompt", seed=functions.col("seed"))

import unittest
from pathlib import Path

from pyspark.sql import SparkSession

from sparkqwen import EXTENSION, configure


class SessionTest(unittest.TestCase):
    def test_a_jar_brings_the_extension(self):
        builder = configure(SparkSession.Builder(), jar=Path("spark-qwen.jar"), model=Path("/shared/model"))
        self.assertEqual(
            builder.settings,
            {
                "spark.jars": "spark-qwen.jar",
                "spark.sql.extensions": "org.sparkqwen.job.sql.QwenExtensions",
                "spark.qwen.model": "/shared/model",
            },
        )

    def test_a_connect_client_sets_only_its_session(self):
        builder = configure(SparkSession.Builder().remote("sc://host"), memory="2g", batch_tokens=4096)
        self.assertEqual(
            builder.settings,
            {
                "spark.remote": "sc://host",
                "spark.qwen.memory": "2g",
                "spark.qwen.batchTokens": "4096",
            },
        )

    def test_the_extension_is_a_class_of_the_jar(self):
        sources = Path(__file__).parents[2] / "job" / "src" / "main" / "java"
        self.assertTrue(sources.joinpath(*EXTENSION.split(".")).with_suffix(".java").is_file())

    def test_a_setting_cannot_have_another_key(self):
        with self.assertRaisesRegex(ValueError, "is not the name of an option"):
            configure(SparkSession.Builder(), **{"model; x": "y"})

import doctest
import importlib
import pkgutil
import re
import unittest
from pathlib import Path

from pyspark.sql import SparkSession, functions

import sparkqwen

PYTHON = Path(__file__).parents[1]
PAGES = [PYTHON / "README.md", PYTHON.parent / "docs" / "python.md"]


def names():
    spark = SparkSession()
    return {
        "SparkSession": SparkSession,
        "functions": functions,
        "spark": spark,
        **{name: spark.table(name) for name in ("documents", "prompts", "books")},
        **{name: getattr(sparkqwen, name) for name in sparkqwen.__all__},
    }


class ExamplesTest(unittest.TestCase):
    def test_examples_of_docstrings_run(self):
        count = 0
        found = pkgutil.iter_modules(sparkqwen.__path__, "sparkqwen.")
        for module in [sparkqwen, *(importlib.import_module(each.name) for each in found)]:
            for test in doctest.DocTestFinder(exclude_empty=True).find(module, module.__name__):
                namespace = {**module.__dict__, **names()}
                for example in test.examples:
                    with self.subTest(place=test.name, code=example.source):
                        result = eval_or_exec(example.source, namespace)
                        if example.want:
                            self.assertEqual(repr(result) + "\n", example.want)
                        count += 1
        self.assertGreater(count, 15)

    def test_blocks_of_pages_run_one_after_the_other(self):
        for page in PAGES:
            namespace = names()
            blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
            self.assertTrue(blocks, page)
            for block in blocks:
                with self.subTest(page=page.name, code=block):
                    exec(block, namespace)


def eval_or_exec(source, namespace):
    """Returns the value of an expression, or None for a statement."""
    try:
        code = compile(source.strip(), "example", "eval")
    except SyntaxError:
        exec(source, namespace)
        return None
    return eval(code, namespace)

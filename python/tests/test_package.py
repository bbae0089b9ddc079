import ast
import re
import sys
import unittest
from pathlib import Path

import sparkqwen

PYTHON = Path(__file__).parents[1]
SOURCES = sorted((PYTHON / "src" / "sparkqwen").glob("*.py"))


class PackageTest(unittest.TestCase):
    def test_it_needs_only_python_and_the_public_api_of_pyspark(self):
        for source in SOURCES:
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    modules = [name.name for name in node.names]
                elif isinstance(node, ast.ImportFrom):
                    self.assertEqual(node.level, 0)
                    modules = [str(node.module)]
                    if node.module == "pyspark.sql":
                        self.assertLessEqual(
                            {name.name for name in node.names}, {"functions", "Column", "DataFrame", "SparkSession"}
                        )
                else:
                    if isinstance(node, ast.Attribute):
                        self.assertFalse(re.match(r"_[a-z]", node.attr), f"{source.name} uses {node.attr}")
                    continue
                for module in modules:
                    self.assertTrue(
                        module.split(".")[0] in sys.stdlib_module_names
                        # The latter only for type checkers, which bring it.
                        or re.fullmatch(r"pyspark\.sql|sparkqwen\.\w+|typing_extensions", module),
                        f"{source.name} imports {module}",
                    )

    def test_what_is_public_is_sorted_and_has_a_docstring(self):
        self.assertEqual(sparkqwen.__all__, sorted(sparkqwen.__all__))
        for name in sparkqwen.__all__:
            self.assertTrue(getattr(sparkqwen, name).__doc__, name)

    def test_the_version_is_that_of_the_jar(self):
        pom = re.search(r"<version>(.*?)</version>", (PYTHON.parent / "pom.xml").read_text(encoding="utf-8"))[1]
        project = (PYTHON / "pyproject.toml").read_text(encoding="utf-8")
        spark = re.search(r"<spark.version>(\d+\.\d+)\.", (PYTHON.parent / "pom.xml").read_text(encoding="utf-8"))[1]
        self.assertIn(f'\nversion = "{pom.replace("-SNAPSHOT", ".dev0")}"\n', project)
        self.assertIn(f'"pyspark-client>={spark},<', project)

    def test_lines_have_at_most_120_columns(self):
        for source in [*SOURCES, *(PYTHON / "tests").glob("*.py")]:
            for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
                self.assertLessEqual(len(line), 120, f"{source.name}:{number}")

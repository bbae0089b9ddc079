import unittest

from tests.calls import FILE, read, written


class CallsTest(unittest.TestCase):
    maxDiff = None

    def test_the_file_has_what_the_package_does(self):
        self.assertEqual(
            FILE.read_text(encoding="utf-8"), written(read()), "cd python && python3 -m tests.calls writes it anew"
        )

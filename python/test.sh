#!/bin/sh
# Runs the tests of the package where there is a Python for them, as a part of `mvn verify`.
cd "$(dirname "$0")" || exit 1
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    echo "[WARNING] The tests of python/ are skipped: there is no python3 of version 3.10 or later on the path."
    exit 0
fi
exec python3 -B -m unittest

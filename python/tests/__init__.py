"""The tests of the package. They need nothing but Python: `standin` takes the place of PySpark, present or not."""

import sys
from pathlib import Path

from tests import standin

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
standin.install()

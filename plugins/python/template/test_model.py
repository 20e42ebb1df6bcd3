"""Checks model.py; run it with python3 or with pytest."""

import os
import sys

from infer_plugin import test


def test_contract():
    """What every plug-in has to keep: shapes, rows that do not depend on their neighbours, the gradient, the protocol."""
    assert test.main([os.path.join(os.path.dirname(os.path.abspath(__file__)), "model.py")]) == 0


if __name__ == "__main__":
    test_contract()
    sys.exit(0)

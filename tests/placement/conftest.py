"""How the property tests draw: the same examples in every run, or more and fresh ones on demand."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.placement.backends.contract", "tests.placement.random_problems")

"""docs/keras-coverage.md is what the installed Keras and this nncore make of it."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]


def test_the_page_is_up_to_date(keras):
    from .trust import keras_coverage

    written = keras_coverage.PAGE.read_text(encoding="utf-8")
    assert written == keras_coverage.page(keras), "run `make keras-coverage`"

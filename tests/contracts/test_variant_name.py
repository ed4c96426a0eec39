"""Name of the production variant that serves the approved model."""

from constructs.serving.variants import ALL_TRAFFIC
from topicsmith.serving import serving


def test_the_command_line_knows_the_variant_of_the_approved_model() -> None:
    assert serving._APPROVED_VARIANT == ALL_TRAFFIC

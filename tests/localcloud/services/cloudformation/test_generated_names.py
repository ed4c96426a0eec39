"""Names that CloudFormation makes."""

import pytest

from localcloud.services.cloudformation.engine import generated_name


@pytest.mark.parametrize(
    ("resource_type", "most"), [("AWS::IAM::Role", 64), ("AWS::Lambda::Function", 64), ("AWS::SageMaker::Model", 63)]
)
def test_a_generated_name_is_cut_to_the_limit_of_its_type(resource_type: str, most: int) -> None:
    name = generated_name(resource_type, "topicsmith-small-training", "PreprocessingPreprocessRole617BE488")
    other = generated_name(resource_type, "topicsmith-small-training", "PreprocessingPreprocessRole617BE488")
    assert len(name) == most
    assert name.startswith("topicsmith-small-training-Preprocessing")
    assert name != other
    assert generated_name(resource_type, "short", "Role").startswith("short-Role-")

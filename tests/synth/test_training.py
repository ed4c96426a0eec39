from aws_cdk.assertions import Match, Template

from tests.synth.assembly import Assembly, template_of


def test_the_volume_is_encrypted_where_the_instance_allows_it() -> None:
    template = template_of("training", training={"instance_type": "ml.p3.2xlarge"})
    definition = str(template.find_resources("AWS::SageMaker::Pipeline"))
    assert '"VolumeKmsKeyId":"' in definition
    volume = {"Action": Match.array_with(["kms:CreateGrant", "kms:DescribeKey"])}
    template.has_resource_properties(
        "AWS::IAM::Policy", {"PolicyDocument": {"Statement": Match.array_with([Match.object_like(volume)])}}
    )


def test_the_function_has_its_own_log_that_expires(assembly: Assembly) -> None:
    for name, days in (("dev", 7), ("prod", 365)):
        template = Template.from_json(assembly.template(name, "training"))
        (log_group,) = template.find_resources("AWS::Logs::LogGroup", {"Properties": {"RetentionInDays": days}})
        template.has_resource_properties("AWS::Lambda::Function", {"LoggingConfig": {"LogGroup": {"Ref": log_group}}})


def test_the_function_is_given_all_the_time_there_is(assembly: Assembly, environment: str) -> None:
    template = Template.from_json(assembly.template(environment, "training"))
    template.has_resource_properties(
        "AWS::Lambda::Function", {"Timeout": 900, "Handler": "handler.handler", "Architectures": ["arm64"]}
    )


def test_outputs(assembly: Assembly, environment: str) -> None:
    template = Template.from_json(assembly.template(environment, "training"))
    for output in ("PipelineName", "ModelPackageGroupName"):
        template.has_output(output, {"Value": f"topicsmith-{environment}"})

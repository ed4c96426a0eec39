"""A CDK app that trains a decision stump in a SageMaker pipeline and serves it."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ecr_assets, aws_iam, aws_s3, aws_sagemaker


class Training(cdk.Stack):
    """A pipeline with one training step."""

    def __init__(self, scope: cdk.App) -> None:
        super().__init__(scope, "stump-training")
        self.role = aws_iam.Role(self, "Role", assumed_by=aws_iam.ServicePrincipal("sagemaker.amazonaws.com"))
        self.image = aws_ecr_assets.DockerImageAsset(
            self, "Image", directory=str(Path(__file__).parent / "image"), platform=aws_ecr_assets.Platform.LINUX_AMD64
        )
        self.image.repository.grant_pull(self.role)
        bucket = aws_s3.Bucket(self, "Bucket", removal_policy=cdk.RemovalPolicy.DESTROY)
        bucket.grant_read_write(self.role)
        self.role.add_to_policy(
            aws_iam.PolicyStatement(
                actions=["sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "sagemaker:AddTags"],
                resources=["*"],
            )
        )
        self.role.add_to_policy(aws_iam.PolicyStatement(actions=["logs:*"], resources=["*"]))
        self.role.grant_pass_role(self.role)
        source = {"S3DataType": "S3Prefix", "S3Uri": bucket.s3_url_for_object("data/")}
        step = {
            "Name": "Train",
            "Type": "Training",
            "Arguments": {
                "AlgorithmSpecification": {"TrainingImage": self.image.image_uri, "TrainingInputMode": "File"},
                "HyperParameters": {"feature": "0"},
                "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
                "OutputDataConfig": {"S3OutputPath": bucket.s3_url_for_object("models")},
                "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
                "RoleArn": self.role.role_arn,
                "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            },
        }
        pipeline = aws_sagemaker.CfnPipeline(
            self,
            "Pipeline",
            pipeline_name="stump",
            pipeline_definition={
                "PipelineDefinitionBody": self.to_json_string({"Version": "2020-12-01", "Steps": [step]})
            },
            role_arn=self.role.role_arn,
        )
        pipeline.node.add_dependency(self.role)
        cdk.CfnOutput(self, "BucketName", value=bucket.bucket_name)


class Serving(cdk.Stack):
    """An endpoint with the model of a training job."""

    def __init__(self, scope: cdk.App, training: Training) -> None:
        super().__init__(scope, "stump-serving")
        model_data = cdk.CfnParameter(self, "ModelData")
        model = aws_sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=training.role.role_arn,
            primary_container={"image": training.image.image_uri, "modelDataUrl": model_data.value_as_string},
        )
        variant = {
            "variantName": "only",
            "modelName": model.attr_model_name,
            "initialInstanceCount": 1,
            "instanceType": "ml.m5.large",
            "initialVariantWeight": 1,
        }
        config = aws_sagemaker.CfnEndpointConfig(self, "Config", production_variants=[variant])
        aws_sagemaker.CfnEndpoint(
            self, "Endpoint", endpoint_name="stump", endpoint_config_name=config.attr_endpoint_config_name
        )


app = cdk.App()
Serving(app, Training(app))
app.synth()

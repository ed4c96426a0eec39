"""Data capture of an endpoint.

See https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html.
"""

from dataclasses import dataclass

from aws_cdk import aws_kms, aws_sagemaker

_Config = aws_sagemaker.CfnEndpointConfig


@dataclass(frozen=True, kw_only=True)
class DataCapture:
    """Capture of requests and responses as JSON Lines in S3.

    Attributes:
        uri: S3 prefix, below which SageMaker creates ``<endpoint>/<variant>/yyyy/mm/dd/hh/``.
        sampling_percent: Percentage of requests to capture.
    """

    uri: str
    sampling_percent: int

    def to_property(self, key: aws_kms.IKey) -> _Config.DataCaptureConfigProperty:
        """Return the property of an endpoint configuration.

        Args:
            key: KMS key of the captured data.
        """
        return _Config.DataCaptureConfigProperty(
            enable_capture=True,
            initial_sampling_percentage=self.sampling_percent,
            destination_s3_uri=self.uri,
            kms_key_id=key.key_arn,
            capture_options=[
                _Config.CaptureOptionProperty(capture_mode="Input"),
                _Config.CaptureOptionProperty(capture_mode="Output"),
            ],
            # All other types are captured as base64: text/plain and RecordIO.
            capture_content_type_header=_Config.CaptureContentTypeHeaderProperty(
                csv_content_types=["text/csv"], json_content_types=["application/json", "application/jsonlines"]
            ),
        )

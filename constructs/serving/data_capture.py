"""What an endpoint keeps of its requests and answers.

See https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html.
"""

from dataclasses import dataclass

from aws_cdk import aws_kms, aws_sagemaker

_Config = aws_sagemaker.CfnEndpointConfig


@dataclass(frozen=True, kw_only=True)
class DataCapture:
    """A share of the requests, with their answers, as JSON Lines in S3.

    Attributes:
        uri: the S3 prefix; below it SageMaker makes ``<endpoint>/<variant>/yyyy/mm/dd/hh/``.
        sampling_percent: the share of the requests.
    """

    uri: str
    sampling_percent: int

    def to_property(self, key: aws_kms.IKey) -> _Config.DataCaptureConfigProperty:
        """Return the capture as an endpoint configuration writes it.

        Args:
            key: encrypts what is kept.
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
            # What is neither is kept in base64: text/plain and RecordIO.
            capture_content_type_header=_Config.CaptureContentTypeHeaderProperty(
                csv_content_types=["text/csv"], json_content_types=["application/json", "application/jsonlines"]
            ),
        )

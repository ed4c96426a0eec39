"""The services of the local cloud."""

from localcloud.authorization import enforcement
from localcloud.core.service import Service
from localcloud.server import unsupported
from localcloud.services.applicationautoscaling import service as applicationautoscaling
from localcloud.services.awslambda import service as awslambda
from localcloud.services.budgets import service as budgets
from localcloud.services.cloudformation import service as cloudformation
from localcloud.services.cloudwatch import service as cloudwatch
from localcloud.services.ec2 import service as ec2
from localcloud.services.ecr import service as ecr
from localcloud.services.events import service as events
from localcloud.services.iam import service as iam
from localcloud.services.kms import service as kms
from localcloud.services.logs import service as logs
from localcloud.services.organizations import service as organizations
from localcloud.services.s3 import service as s3
from localcloud.services.sagemaker import service as sagemaker
from localcloud.services.sns import service as sns
from localcloud.services.sqs import service as sqs
from localcloud.validation import service as validation
from localcloud.wiring import alarm_loop

SERVICES: tuple[Service, ...] = (
    applicationautoscaling.SERVICE,
    awslambda.SERVICE,
    budgets.SERVICE,
    cloudformation.SERVICE,
    cloudwatch.SERVICE,
    ec2.SERVICE,
    ecr.SERVICE,
    events.SERVICE,
    iam.SERVICE,
    kms.SERVICE,
    logs.SERVICE,
    organizations.SERVICE,
    s3.SERVICE,
    sagemaker.SERVICE,
    sns.SERVICE,
    sqs.SERVICE,
    alarm_loop.SERVICE,
    unsupported.SERVICE,
    enforcement.SERVICE,
    validation.SERVICE,
)

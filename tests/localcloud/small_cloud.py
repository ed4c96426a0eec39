"""moto's server with the extensions under test, without IAM enforcement: ``python small_cloud.py PORT``."""

import importlib
import sys
import warnings

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


class _KeepAlive(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del code, size


def main() -> None:
    warnings.simplefilter("ignore")
    for extension in (
        "localcloud.runtime.logs",
        "localcloud.services.awslambda.models",
        "localcloud.services.awslambda.resources",
        "localcloud.services.events.rules",
        "localcloud.services.sagemaker.responses",
        "localcloud.services.sagemaker.hosting.runtime_api",
        "localcloud.services.cloudformation.models",
        "localcloud.services.sagemaker.resources",
        "localcloud.core.resource_model",
        "localcloud.services.iam.resources",
        "localcloud.services.sns.models",
        "localcloud.services.cloudwatch.models",
        "localcloud.services.cloudwatch.resources",
        "localcloud.wiring.alarm_loop",
        "localcloud.services.applicationautoscaling.models",
        "localcloud.services.applicationautoscaling.resources",
        "localcloud.services.budgets.resources",
        "localcloud.services.ec2.resources",
        "localcloud.services.ecr.responses",
        "localcloud.services.awslambda.event_source_mappings",
        "localcloud.services.cloudwatch.service_metrics",
        "localcloud.services.sqs.models",
    ):
        importlib.import_module(extension).install()
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("localhost", int(sys.argv[1]), application, threaded=True, request_handler=_KeepAlive)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

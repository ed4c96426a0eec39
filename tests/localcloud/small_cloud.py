"""moto's server with the parts under test installed, IAM off: ``python small_cloud.py PORT``."""

import sys
import warnings

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from topicsmith.local import (
    alarm_resources,
    alarms,
    autoscaling,
    autoscaling_resources,
    aws_resources,
    budget_resources,
    cloudformation,
    cloudwatch,
    container_registry,
    event_rules,
    event_sources,
    function_resources,
    functions,
    logs,
    network_resources,
    resource_models,
    sagemaker,
    sagemaker_resources,
    sagemaker_runtime,
    service_metrics,
    sns_topics,
    sqs_queues,
)


class _KeepAlive(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        del code, size


def main() -> None:
    warnings.simplefilter("ignore")
    for extension in (
        logs,
        functions,
        function_resources,
        event_rules,
        sagemaker,
        sagemaker_runtime,
        cloudformation,
        sagemaker_resources,
        resource_models,
        aws_resources,
        sns_topics,
        cloudwatch,
        alarm_resources,
        alarms,
        autoscaling,
        autoscaling_resources,
        budget_resources,
        network_resources,
        container_registry,
        event_sources,
        service_metrics,
        sqs_queues,
    ):
        extension.install()
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("localhost", int(sys.argv[1]), application, threaded=True, request_handler=_KeepAlive)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

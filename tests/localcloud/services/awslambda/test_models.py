import base64
import json
from typing import Any

import pytest

from localcloud.services.awslambda import models
from localcloud.services.awslambda.invocation import FunctionSettings, Outcome
from localcloud.services.awslambda.models import LocalFunction
from tests.localcloud.support import ACCOUNT, BUCKET, REGION, ROOT, SmallCloud, wait_for

PROBE = """
import json, os, sys
print("imported")

def handler(event, context):
    try:
        import moto
        found = "moto"
    except ImportError:
        found = None
    import boto3
    print("handled")
    return {
        "environ": dict(os.environ),
        "path": sys.path,
        "found": found,
        "identity": boto3.client("sts").get_caller_identity()["Arn"],
        "name": context.function_name,
        "left": context.get_remaining_time_in_millis(),
        "log_group": context.log_group_name,
        "arn": context.invoked_function_arn,
    }
"""


def _invoke(cloud: SmallCloud, name: str, event: object = None, **more: Any) -> tuple[Any, str | None]:
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), **more)
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


def test_function_returns_its_result(cloud: SmallCloud) -> None:
    arn = cloud.function("sum", {"index.py": "def handler(event, context):\n    return {'sum': sum(event)}\n"})
    assert _invoke(cloud, "sum", [1, 2, 39]) == ({"sum": 42}, None)
    assert _invoke(cloud, arn, [1]) == ({"sum": 1}, None)


def test_function_sees_only_its_own_environment(cloud: SmallCloud) -> None:
    cloud.function("probe", {"index.py": PROBE}, Environment={"Variables": {"GREETING": "hello"}}, MemorySize=512)
    seen, error = _invoke(cloud, "probe")
    assert error is None
    assert seen["environ"]["GREETING"] == "hello"
    assert seen["environ"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert seen["environ"]["AWS_REGION"] == REGION
    assert not [name for name in seen["environ"] if name.startswith(("_SANDBOX", "TOPICSMITH", "PYTHON", "MOTO"))]
    assert seen["found"] is None
    assert not [path for path in seen["path"] if path.endswith(("site-packages", "main"))]
    assert seen["identity"].startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/")
    assert seen["name"] == "probe"
    assert 0 < seen["left"] <= 30_000
    assert seen["log_group"] == "/aws/lambda/probe"
    assert seen["arn"].endswith(":function:probe")


def test_output_reaches_the_log_between_start_and_report(cloud: SmallCloud) -> None:
    code = """
import logging
logging.getLogger().setLevel("INFO")

def handler(event, context):
    print("one\\ntwo")
    logging.info("three")
"""
    cloud.function("talker", {"index.py": code})
    answer = cloud.client("lambda").invoke(FunctionName="talker", LogType="Tail")
    assert answer["Payload"].read() == b"null"
    log = cloud.log("/aws/lambda/talker")
    assert [line.split()[0] for line in log] == ["START", "one", "two", "[INFO]", "END", "REPORT"]
    assert log[3].endswith("\tthree")
    assert "Memory Size: 256 MB" in log[5]
    assert base64.b64decode(answer["LogResult"]).decode().splitlines() == log


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        ("def handler(event, context):\n    raise ValueError('no ' + event)", "ValueError", "no good"),
        ("import nothing_of_that_name", "Runtime.ImportModuleError", "No module named 'nothing_of_that_name'"),
        ("def handler(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'index'"),
        ("other = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'"),
        ("def handler(event, context):\n    return {1, 2}", "Runtime.MarshalError", "set is not JSON serializable"),
        ("import sys\ndef handler(event, context):\n    sys.exit(7)", "Runtime.ExitError", "exit status 7"),
        ("import os\ndef handler(event, context):\n    os.kill(os.getpid(), 9)", "Runtime.ExitError", "signal: Killed"),
    ],
)
def test_errors_are_reported_as_by_lambda(
    cloud: SmallCloud, request: pytest.FixtureRequest, code: str, error_type: str, message: str
) -> None:
    name = f"error-{request.node.callspec.indices['code']}"
    cloud.function(name, {"index.py": code})
    answer, error = _invoke(cloud, name, "good")
    assert error == "Unhandled"
    assert answer["errorType"] == error_type
    assert message in answer["errorMessage"]


def test_stack_trace_has_only_the_handlers_lines(cloud: SmallCloud) -> None:
    code = "def inner():\n    return 1 / 0\n\ndef handler(event, context):\n    return inner()\n"
    cloud.function("trace", {"index.py": code})
    answer, _ = _invoke(cloud, "trace")
    assert [frame.splitlines()[1].strip() for frame in answer["stackTrace"]] == ["return inner()", "return 1 / 0"]
    assert any(
        line.startswith("[ERROR] ZeroDivisionError: division by zero") for line in cloud.log("/aws/lambda/trace")
    )


def test_function_is_killed_at_its_timeout(cloud: SmallCloud) -> None:
    code = "import time\ndef handler(event, context):\n    print('before', flush=True)\n    time.sleep(600)\n"
    cloud.function("sleeper", {"index.py": code}, Timeout=1)
    answer, error = _invoke(cloud, "sleeper")
    assert error == "Unhandled"
    assert answer["errorMessage"].endswith("Task timed out after 1.00 seconds")
    log = cloud.log("/aws/lambda/sleeper")
    assert "before" in log
    assert any(line.endswith("Task timed out after 1.00 seconds") for line in log)


def test_function_is_killed_above_its_memory_limit(cloud: SmallCloud) -> None:
    code = "import time\ndef handler(event, context):\n    hoard = b'x' * (400 * 1024 * 1024)\n    time.sleep(600)\n"
    cloud.function("hoarder", {"index.py": code}, MemorySize=128, Timeout=600)
    answer, error = _invoke(cloud, "hoarder")
    assert error == "Unhandled"
    assert answer["errorType"] == "Runtime.OutOfMemory"


def test_invalid_json_body_is_refused(cloud: SmallCloud) -> None:
    cloud.function("strict", {"index.py": "def handler(event, context):\n    return event\n"})
    client = cloud.client("lambda")
    with pytest.raises(client.exceptions.ClientError, match="Could not parse request body"):
        client.invoke(FunctionName="strict", Payload="{")


def test_retries_of_an_event_share_its_request_id(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[tuple[str, str]] = []

    def fail(_function: FunctionSettings, _session: object, event: str, request_id: str) -> Outcome:
        attempts.append((event, request_id))
        return Outcome("{}", failed=True, log_tail="")

    monkeypatch.setattr(models, "_RETRY_SECONDS", (0, 0))
    monkeypatch.setattr(models, "assume_role", lambda *_: None)
    monkeypatch.setattr(models, "invoke", fail)
    monkeypatch.setattr(models, "function_ran", lambda *_, **__: None)
    monkeypatch.setattr(LocalFunction, "_settings", lambda _self: None)
    function = LocalFunction.__new__(LocalFunction)
    function.function_name, function.role, function.region, function.account_id = "failing", "role", REGION, ""
    for event in ("1", "2"):
        function._run_until_done(event)
    assert [event for event, _ in attempts] == ["1", "1", "1", "2", "2", "2"]
    assert [len({request_id for event, request_id in attempts if event == one}) for one in "12"] == [1, 1]
    assert len({request_id for _, request_id in attempts}) == 2


def test_updated_code_runs_next_time(cloud: SmallCloud) -> None:
    cloud.function("changing", {"index.py": "def handler(event, context):\n    return 'old'\n"})
    assert _invoke(cloud, "changing")[0] == "old"
    package = cloud.package({"index.py": "def handler(event, context):\n    return 'new'\n"})
    cloud.client("lambda").update_function_code(FunctionName="changing", ZipFile=package)
    assert _invoke(cloud, "changing")[0] == "new"


def test_role_that_lambda_may_not_assume_is_an_error(cloud: SmallCloud) -> None:
    role = cloud.role("trainer", "sagemaker.amazonaws.com")
    cloud.function("roleless", {"index.py": "def handler(event, context):\n    return 1\n"}, Role=role)
    answer, error = _invoke(cloud, "roleless")
    assert error == "Unhandled"
    assert answer["errorType"] == "AccessDeniedException"
    assert "allows principal 'lambda.amazonaws.com' to assume the role" in answer["errorMessage"]


NODE_COMMONJS = """
const https = require('https');
exports.handler = async (event, context) => {
  console.log('node speaks');
  const status = await new Promise((resolve, reject) => {
    https.request({ hostname: 'localhost', path: '/moto-api/', method: 'GET' }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject).end();
  });
  return { double: event.value * 2, name: context.functionName, status };
};
"""
NODE_MODULE = """
import { thing } from './thing.mjs';
export const handler = (event, context, callback) => callback(null, { thing, greeting: process.env.GREETING });
"""


def test_node_function_runs_and_reaches_the_local_endpoint(cloud: SmallCloud) -> None:
    cloud.function("node", {"index.js": NODE_COMMONJS}, Runtime="nodejs22.x")
    answer, error = _invoke(cloud, "node", {"value": 21})
    assert (answer, error) == ({"double": 42, "name": "node", "status": 200}, None)
    assert "node speaks" in cloud.log("/aws/lambda/node")


def test_node_function_as_a_module_with_a_callback(cloud: SmallCloud) -> None:
    files = {"index.mjs": NODE_MODULE, "thing.mjs": "export const thing = 7;"}
    cloud.function("module", files, Runtime="nodejs22.x", Environment={"Variables": {"GREETING": "hi"}})
    assert _invoke(cloud, "module") == ({"thing": 7, "greeting": "hi"}, None)


@pytest.mark.skipif(
    not (ROOT / "node_modules" / "@aws-sdk" / "client-s3").is_dir(), reason="the npm packages are not installed"
)
@pytest.mark.parametrize("handler", ["index.js", "index.mjs"])
def test_node_function_has_the_sdk_of_lambda(cloud: SmallCloud, handler: str) -> None:
    imported = {
        "index.js": "const { S3 } = require('@aws-sdk/client-s3'); exports.handler = list;",
        "index.mjs": "import { S3 } from '@aws-sdk/client-s3'; export { list as handler };",
    }[handler]
    code = """
async function list(event) {
  const found = await new S3().listObjectsV2({ Bucket: event.bucket, Prefix: 'sdk/' });
  return found.Contents.map((item) => item.Key);
}
"""
    cloud.put("sdk/one", "1")
    name = handler.replace(".", "-")
    cloud.function(name, {handler: imported + code}, Runtime="nodejs22.x", Timeout=600)
    assert _invoke(cloud, name, {"bucket": BUCKET}) == (["sdk/one"], None)


def test_missing_node_package_is_named(cloud: SmallCloud) -> None:
    cloud.function("no-package", {"index.js": "require('no-such-package');"}, Runtime="nodejs22.x")
    answer, error = _invoke(cloud, "no-package")
    assert error == "Unhandled"
    assert "no-such-package" in answer["errorMessage"]


def test_node_error_is_reported(cloud: SmallCloud) -> None:
    files = {"index.js": "exports.handler = async () => { throw new RangeError('too far'); };"}
    cloud.function("node-error", files, Runtime="nodejs22.x")
    answer, error = _invoke(cloud, "node-error")
    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("RangeError", "too far")


def test_missing_runtime_is_named(cloud: SmallCloud) -> None:
    cloud.function("ruby", {"index.rb": ""}, Runtime="ruby3.3")
    answer, error = _invoke(cloud, "ruby")
    assert error == "Unhandled"
    assert "ruby3.3" in answer["errorMessage"]


def _rule(cloud: SmallCloud, name: str, function_arn: str, **target: Any) -> str:
    events = cloud.client("events")
    pattern = {"source": ["test"], "detail": {"name": [name]}}
    rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": function_arn, **target}])
    return str(rule)


def _send(cloud: SmallCloud, name: str) -> None:
    entry = {"Source": "test", "DetailType": "Something Happened", "Detail": json.dumps({"name": name})}
    cloud.client("events").put_events(Entries=[entry])


def test_rule_invokes_the_function_that_permits_it(cloud: SmallCloud) -> None:
    code = "import json\ndef handler(event, context):\n    print('got', json.dumps(event))\n"
    permitted = cloud.function("permitted", {"index.py": code})
    refused = cloud.function("refused", {"index.py": code})
    rule = _rule(cloud, "by-rule", permitted)
    cloud.client("events").put_targets(Rule="by-rule", Targets=[{"Id": "2", "Arn": refused}])
    cloud.client("lambda").add_permission(
        FunctionName="permitted",
        StatementId="1",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    _send(cloud, "another name")
    _send(cloud, "by-rule")
    lines = wait_for(lambda: [line for line in cloud.log("/aws/lambda/permitted") if line.startswith("got")])
    event = json.loads(lines[0].removeprefix("got "))
    assert len(lines) == 1
    assert event["detail"] == {"name": "by-rule"}
    assert event["detail-type"] == "Something Happened"
    assert event["account"] == ACCOUNT
    assert event["time"].endswith("Z")
    assert not cloud.log("/aws/lambda/refused")


def test_rule_applies_its_input_transformer(cloud: SmallCloud) -> None:
    arn = cloud.function("transformed", {"index.py": "def handler(event, context):\n    print('got', event)\n"})
    transformer = {"InputPathsMap": {"who": "$.detail.name"}, "InputTemplate": '{"hello": "<who>"}'}
    _rule(cloud, "transforming", arn, InputTransformer=transformer)
    cloud.client("lambda").add_permission(
        FunctionName="transformed", StatementId="1", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    _send(cloud, "transforming")
    lines = wait_for(lambda: [line for line in cloud.log("/aws/lambda/transformed") if line.startswith("got")])
    assert lines == ["got {'hello': 'transforming'}"]


def test_disabled_rule_does_not_fire(cloud: SmallCloud) -> None:
    for name in ("silent", "loud"):
        arn = cloud.function(name, {"index.py": "def handler(event, context):\n    return 1\n"})
        _rule(cloud, name, arn)
        cloud.client("lambda").add_permission(
            FunctionName=name, StatementId="1", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
        )
    cloud.client("events").disable_rule(Name="silent")
    _send(cloud, "silent")
    _send(cloud, "loud")
    wait_for(lambda: cloud.log("/aws/lambda/loud"))
    assert not cloud.log("/aws/lambda/silent")

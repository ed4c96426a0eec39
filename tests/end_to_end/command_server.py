"""The command line, loaded once: each command is a fork of this process.

Most of the time of a short command is spent importing libraries. The server reads requests from standard input, one
JSON object per line, and answers with the exit code. Each fork gets its own variables, directory and output.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import boto3  # noqa: F401
import botocore.client
import botocore.config  # noqa: F401

from topicsmith import cli


def main() -> None:
    """Serve until standard input ends."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(request: dict[str, Any]) -> None:
    """Run a command in this process, then exit."""
    code: int | str | None = 1
    try:
        os.setpgid(0, 0)
        for name, number in (("stdout", 1), ("stderr", 2)):
            output = os.open(Path(request["directory"]) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, number)
            os.close(output)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        # The old object may have buffered requests to the server.
        sys.stdin = os.fdopen(0)
        os.environ.clear()
        os.environ.update(request["environ"])
        os.chdir(request["place"])
        sys.argv = ["topicsmith", *request["arguments"]]
        cli.main()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        if isinstance(code, str):
            print(code, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    main()

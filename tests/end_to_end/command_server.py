"""The command line, loaded once: each command is a fork of this process.

It reads requests from standard input, a line of JSON each, and answers with the exit code. Most of the time of a short
command goes into importing its libraries. Each fork has the variables, directory and output of its own command only.
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
    """Run a command in place of this process, and end."""
    code: int | str | None = 1
    try:
        os.setpgid(0, 0)
        for name, number in (("stdout", 1), ("stderr", 2)):
            output = os.open(Path(request["directory"]) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, number)
            os.close(output)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        # A new one: what the server has read from the old one is not for the command.
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

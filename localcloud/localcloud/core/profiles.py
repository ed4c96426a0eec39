"""The AWS configuration of the local cloud's clients: a profile for each account, named by its number.

The profile ``default`` is the operator of the main account. ``AWS_PROFILE`` chooses the account for boto3, the AWS CLI
and the CDK CLI alike. See https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html.
"""

import configparser
import io
import re
from pathlib import Path

from localcloud.core import settings
from localcloud.core.private_files import write_private

FOLDER = "aws"
"""Folder of these files in the state directory."""

_ACCOUNT = re.compile(r"\d{12}")


def environ(state_dir: Path) -> dict[str, str]:
    """Return the environment variables that name these files."""
    return {
        "AWS_CONFIG_FILE": str(state_dir / FOLDER / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(state_dir / FOLDER / "credentials"),
    }


def write_operator(state_dir: Path, access_key_id: str, secret_access_key: str) -> None:
    """Write the profiles of the main account's operator, replacing those of an earlier cloud."""
    key = {"aws_access_key_id": access_key_id, "aws_secret_access_key": secret_access_key}
    (state_dir / FOLDER).mkdir(parents=True, exist_ok=True)
    _write(state_dir, "credentials", {"default": key, settings.account_id(): key})
    region = {"region": settings.region()}
    _write(state_dir, "config", {"default": region, f"profile {settings.account_id()}": region})


def add(state_dir: Path, account_id: str, role_arn: str) -> None:
    """Add the profile of another account, in which the operator acts as a role."""
    profile = {
        "role_arn": role_arn,
        "source_profile": "default",
        "role_session_name": "operator",
        "region": settings.region(),
    }
    _write(state_dir, "config", {**_read(state_dir), f"profile {account_id}": profile})


def accounts(state_dir: Path) -> list[str]:
    """Return the accounts that have a profile, the main account first."""
    names = [section.removeprefix("profile ") for section in _read(state_dir)]
    return [name for name in names if _ACCOUNT.fullmatch(name)]


def _read(state_dir: Path) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(state_dir / FOLDER / "config")
    return {name: dict(parser[name]) for name in parser.sections()}


def _write(state_dir: Path, name: str, profiles: dict[str, dict[str, str]]) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(profiles)
    text = io.StringIO()
    parser.write(text)
    write_private(state_dir / FOLDER / name, text.getvalue())

"""More accounts in the local cloud, for environments that live in accounts of their own."""

from typing import TYPE_CHECKING

from topicsmith.core import local_cloud

if TYPE_CHECKING:
    from localcloud.control import LocalCloud


def create(cloud: "LocalCloud", account_id: str) -> bool:
    """Make an account; one that is there is left as it is.

    Args:
        cloud: where.
        account_id: its number, twelve digits, which becomes the name of its profile.

    Returns:
        Whether it was not there before.
    """
    import boto3
    from botocore.exceptions import ClientError

    if account_id in cloud.accounts:
        return False
    local_cloud.use(cloud)
    # The main account makes the others, whichever AWS_PROFILE names.
    organizations = boto3.Session(profile_name="default").client("organizations")
    try:
        organizations.create_account(AccountName=account_id, Email=f"{account_id}@topicsmith.invalid")
    except ClientError:
        if account_id not in cloud.accounts:
            raise
        return False  # Another command made it meanwhile.
    return True

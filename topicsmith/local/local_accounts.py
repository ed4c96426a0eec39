"""Additional accounts in the local cloud, for environments that are deployed to other accounts."""

from typing import TYPE_CHECKING

from topicsmith.core import local_cloud

if TYPE_CHECKING:
    from localcloud.control import LocalCloud


def create(cloud: "LocalCloud", account_id: str) -> bool:
    """Create an account unless it exists.

    Args:
        cloud: Local cloud.
        account_id: Account number of twelve digits, which is also the name of the profile.

    Returns:
        Whether the account was created.
    """
    import boto3
    from botocore.exceptions import ClientError

    if account_id in cloud.accounts:
        return False
    local_cloud.use(cloud)
    # The main account creates the others, whatever AWS_PROFILE is.
    organizations = boto3.Session(profile_name="default").client("organizations")
    try:
        organizations.create_account(AccountName=account_id, Email=f"{account_id}@topicsmith.invalid")
    except ClientError:
        if account_id not in cloud.accounts:
            raise
        return False  # Another command created it in the meantime.
    return True

"""CloudFormation resources of AWS KMS."""

import json

from moto.kms.models import kms_backends

from localcloud.core.principals import require_known_principals
from localcloud.core.resource_model import ResourceModel


class Key(ResourceModel):
    """``AWS::KMS::Key``; moto's cannot be tagged or updated."""

    TYPE = "AWS::KMS::Key"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the key's ARN or its id."""
        key = kms_backends[self.account_id][self.region_name].keys[self.name]
        return str({"Arn": key.arn, "KeyId": key.id}[attribute_name])

    def put(self) -> None:
        """Create the key, or change its policy, description, rotation and tags."""
        backend = kms_backends[self.account_id][self.region_name]
        require_known_principals(self.properties["KeyPolicy"])
        policy = json.dumps(self.properties["KeyPolicy"])
        description = self.properties.get("Description", "")
        if self.name not in backend.keys:
            usage = self.properties.get("KeyUsage", "ENCRYPT_DECRYPT")
            spec = self.properties.get("KeySpec", "SYMMETRIC_DEFAULT")
            self.name = backend.create_key(policy, usage, spec, description, tags=[]).id
        backend.put_key_policy(self.name, policy)
        backend.update_key_description(self.name, description)
        backend.keys[self.name].key_rotation_status = bool(self.properties.get("EnableKeyRotation"))
        backend.tag_resource(self.name, {tag["Key"]: tag["Value"] for tag in self.properties.get("Tags", [])})

    def remove(self) -> None:
        """Schedule the key's deletion."""
        window = int(self.properties.get("PendingWindowInDays", 30))
        kms_backends[self.account_id][self.region_name].schedule_key_deletion(self.name, window)

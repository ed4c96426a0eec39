"""JSON Schema of environment files, for completion and validation in editors.

It describes each key on its own. Only the model checks conflicts between keys.
"""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from stacks.config.environment import EnvironmentConfig

JsonObject = dict[str, Any]


def environment_schema() -> JsonObject:
    """Return the schema, in the most widely supported draft and with sections inlined."""
    generated = EnvironmentConfig.model_json_schema(schema_generator=_Generator)
    sections = generated.pop("$defs")
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **_put_in_place(generated, sections),
        "title": "Environment",
        "description": "One deployment of Topicsmith. See docs/environments.md for details.",
    }


class _Generator(GenerateJsonSchema):
    """Generator that omits defaults of sections, which follow from the defaults of their keys."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema of a value with a default."""
        if isinstance(schema.get("default"), BaseModel):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def _put_in_place(schema: Any, sections: JsonObject) -> Any:
    """Return the schema with references replaced by their sections and without titles."""
    if isinstance(schema, list):
        return [_put_in_place(one, sections) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        section = sections[schema["$ref"].rpartition("/")[2]]
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return _put_in_place({**section, **beside}, sections)
    return {
        key: _put_in_place(value, sections)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }

"""The JSON Schema of an environment's file, by which editors complete and check it.

It says what a key may be on its own. What keys say against each other is the model's alone, which checks everything.
"""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from stacks.config.environment import EnvironmentConfig

JsonObject = dict[str, Any]


def environment_schema() -> JsonObject:
    """Return the schema, in the draft that editors know best, with each section in its place."""
    generated = EnvironmentConfig.model_json_schema(schema_generator=_Generator)
    sections = generated.pop("$defs")
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **_put_in_place(generated, sections),
        "title": "Environment",
        "description": "One deployment of Topicsmith. docs/environments.md says more of each key.",
    }


class _Generator(GenerateJsonSchema):
    """Leaves out the defaults of whole sections, which are those of their keys."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema of a value that has a default."""
        if isinstance(schema.get("default"), BaseModel):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def _put_in_place(schema: Any, sections: JsonObject) -> Any:
    """Return the schema with the sections where they are referred to, and without titles: keys have names."""
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

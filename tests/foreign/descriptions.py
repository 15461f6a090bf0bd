"""Independent readers of the descriptions: a validator of OpenAPI, and one of JSON Schema 2020-12 for what really goes over the wire."""

import json
import sys

from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator


def document(task):
    return [error.message for error in OpenAPIV31SpecValidator(task["openapi"]).iter_errors()]


def values(task):
    told = []
    for check in task["checks"]:
        schema = {"allOf": [check["schema"]], "components": task["components"]}
        validator = Draft202012Validator(schema, format_checker=FormatChecker())
        for error in validator.iter_errors(check["value"]):
            told.append(f"{check['what']}: {error.message} at {error.json_path}")
    return told


tasks = json.load(sys.stdin)
print(json.dumps([document(task) if "openapi" in task else values(task) for task in tasks]))

#!/usr/bin/env python3
"""Checks a policy file against a JSON schema with PyPI's jsonschema. Ends with 1 where it does not fit.

usage: check_policy.py SCHEMA POLICY
"""

import json
import sys

import yaml
from jsonschema import Draft202012Validator


class Loader(yaml.SafeLoader):
    """Reads dates as the texts that they are, as YAML 1.2 does."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        policy = yaml.load(file, Loader)
    Draft202012Validator.check_schema(schema)
    wrong = list(Draft202012Validator(schema).iter_errors(policy))
    for error in wrong:
        print(f"{error.json_path}: {error.message}")
    sys.exit(1 if wrong else 0)


main()

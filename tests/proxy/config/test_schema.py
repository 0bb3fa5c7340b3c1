import json
import tomllib

import pytest
from jsonschema import Draft202012Validator

from outrider.config import Vocabulary, json_schema


@pytest.fixture
def validator(vocabulary):
    return Draft202012Validator(json_schema(vocabulary))


def test_the_schema_is_a_valid_one(vocabulary):
    """Of the draft it names, with plugins and without, and it can be written as JSON."""
    for each in (vocabulary, Vocabulary()):
        schema = json_schema(each)

        Draft202012Validator.check_schema(schema)
        assert json.loads(json.dumps(schema)) == schema
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_takes_the_contracts_example(validator, example):
    """As the program does."""
    assert [error.message for error in validator.iter_errors(tomllib.loads(example))] == []


@pytest.mark.parametrize(
    "text",
    [
        'server = { listen = ["127.0.0.1:0"], grace = 5, max_body = "1MiB", hosts = ["a"] }',
        'integrations.a = { provider = "stripe", cache = { ttl = "5s" } }',
        'integrations.a = { base_url = "http://[::1]:80/x", timeout = { total = 3 } }',
        'integrations.a.auth = { type = "basic", username = "me", password = "env:P" }',
        'integrations.a.auth = { type = "pass" }',
        'integrations.a.on = { "401" = ["pass"], "5xx" = ["retry"], limited = ["queue"] }',
        'integrations.a.fallback = { message = { body = "sorry", headers = { X-A = "b" } }, paths = { "/a" = "/b" } }',
    ],
)
def test_the_schema_takes_what_is_right(validator, text):
    """Tables and auth types of plugins too."""
    assert [error.message for error in validator.iter_errors(tomllib.loads(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "servr = {}",
        "server.zzz = 1",
        'server.grace = "5"',
        "server.max_connections = 0",
        "clients.a = {}",
        'clients.a.token = "sk_live"',
        "integrations.Stripe = {}",
        'integrations.a.provider = "strpe"',
        'integrations.a.name = "a"',
        'integrations.a.status = "Active"',
        "integrations.a.cache = { ttl = [] }",
        'integrations.a.auth = { type = "barer", token = "env:A" }',
        'integrations.a.auth = { type = "bearer" }',
        'integrations.a.auth = { token = "env:A" }',
        'integrations.a.auth = { type = "bearer", token = "sk_live" }',
        'integrations.a.on = { "777" = ["pass"] }',
        'integrations.a.on = { "429" = ["retri"] }',
        'integrations.a.limits = [{ rate = "25" }]',
        'integrations.a.endpoints = [{ call = "/a" }]',
    ],
)
def test_the_schema_refuses_what_is_wrong(validator, text):
    """An editor shows it before the program does."""
    assert not validator.is_valid(tomllib.loads(text))


def test_the_schema_writes_defaults_as_the_file_does(vocabulary):
    """So an editor can offer them."""
    definitions = json_schema(vocabulary)["$defs"]

    assert definitions["Server"]["properties"]["admin"]["default"] == "127.0.0.1:8081"
    assert definitions["Server"]["properties"]["listen"]["default"] == ["127.0.0.1:8080"]
    assert set(definitions["IntegrationConfig"]["properties"]) >= {"auth", "cache", "provider"}
    assert {"name", "tables"}.isdisjoint(definitions["IntegrationConfig"]["properties"])

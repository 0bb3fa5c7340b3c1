from outrider.config import Server, secret_refs


def test_every_secret_of_an_integration_is_found_with_its_key(read):
    """Of its auth, alone or in a pool, and of plugins' tables, which are keys of the integration."""
    integration = read(
        """
[integrations.a]
base_url = "https://a"
auth = { type = "header", name = "X-Key", value = ["env:A", "file:b"] }
cache = { key = "cmd:c" }
"""
    ).config.integrations["a"]

    assert [(path, str(ref)) for path, ref in secret_refs(integration)] == [
        (("auth", "value", 0), "env:A"),
        (("auth", "value", 1), "file:b"),
        (("cache", "key"), "cmd:c"),
    ]


def test_a_single_secret_has_no_index(read):
    """Written as a text or as a list of one; a literal name is no secret."""
    integration = read(
        """
[integrations.a]
base_url = "https://a"
auth = { type = "basic", username = "me", password = "env:P" }
[integrations.b]
base_url = "https://a"
auth = { type = "bearer", token = ["env:T"] }
"""
    ).config.integrations

    assert [path for each in integration.values() for path, _ in secret_refs(each)] == [
        ("auth", "password"),
        ("auth", "token"),
    ]


def test_the_server_and_clients_have_secrets_too(read):
    """Any checked table can be walked."""
    config = read('[server]\nadmin_token = "env:A"\n[clients.c]\ntoken = "env:B"').config

    assert [path for path, _ in secret_refs(config.server)] == [("admin_token",)]
    assert [path for path, _ in secret_refs(config.clients["c"])] == [("token",)]
    assert list(secret_refs(Server())) == []

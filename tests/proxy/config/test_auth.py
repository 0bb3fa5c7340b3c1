import pytest

HEAD = '[integrations.a]\nbase_url = "https://a.example"\n'


def test_the_auth_table_is_checked_by_the_plugin_that_gives_its_type(read):
    """The options are the plugin's own class, without `type`."""
    config = read(HEAD + 'auth = { type = "basic", username = "me", password = "env:P" }').config

    auth = config.integrations["a"]
    assert auth.auth_type == "basic"
    assert (auth.auth.username, str(auth.auth.password)) == ("me", "env:P")


def test_without_an_auth_table_there_is_no_type(read):
    """None, rather than one that was not asked for."""
    auth = read(HEAD).config.integrations["a"]

    assert (auth.auth, auth.auth_type) == (None, None)


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ('"bearer"', ['auth: must be a table, e.g. auth = { type = "bearer", token = "env:NAME" }']),
        ('{ token = "env:A" }', ["auth.type: is missing; write one of basic, bearer, "
                                 "header, pass"]),
        ('{ type = "barer", token = "env:A" }', ["auth.type: no installed plugin gives this auth type; did you "
            "mean 'bearer'? known are basic, bearer, header, pass"]),
        ('{ type = "sk_live_51H" }', ["auth.type: no installed plugin gives this auth type; "
            "known are basic, bearer, header, pass"]),
        ("{ type = 3 }", ["auth.type: no installed plugin gives this auth type; "
            "known are basic, bearer, header, pass"]),
        ('{ type = "bearer" }', ['auth.token: is missing; write token = "env:NAME"']),
        ('{ type = "bearer", token = [] }', ["auth.token: must not be empty"]),
        ('{ type = "bearer", token = ["env:A", "sk_live_51H"] }', ['auth.token[1]: a literal secret is refused; '
            'write "env:NAME", "file:/path" or "cmd:..."']),
        ('{ type = "bearer", tokn = "sk_live_51H" }', ['auth.token: is missing; write token = "env:NAME"',
            "auth.tokn: unknown key 'tokn'; did you mean 'token'?"]),
    ],
)  # fmt: skip
def test_an_auth_table_says_what_to_write(problems, auth, said):
    """Every problem of it, and never a value."""
    assert problems(f"{HEAD}auth = {auth}") == [f"3: integrations.a.{each}" for each in said]

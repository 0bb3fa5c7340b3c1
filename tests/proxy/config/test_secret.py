import pytest
from pydantic import ValidationError

from outrider.config.options import Options
from outrider.config.secret import NameOrSecretRef, SecretRef, SecretRefs, UrlRef


class Table(Options):
    token: SecretRefs = ()
    user: NameOrSecretRef = ""


@pytest.mark.parametrize(
    ("written", "kind", "name"),
    [
        ("env:STRIPE_API_KEY", "env", "STRIPE_API_KEY"),
        ("file:/run/secrets/key", "file", "/run/secrets/key"),
        ("file:secrets/key", "file", "secrets/key"),
        ("file:/with space/key", "file", "/with space/key"),
        ("cmd:op read op://vault/stripe", "cmd", "op read op://vault/stripe"),
        ("cmd:echo a:b", "cmd", "echo a:b"),
        ("keyring:https://api.acme.example/v1/live", "keyring", "https://api.acme.example/v1/live"),
    ],
)
def test_a_reference_says_where_the_secret_is(written, kind, name):
    """The four kinds; a relative path is kept as it is, and `str` gives the reference back."""
    ref = SecretRef.parse(written)

    assert (ref.kind, ref.name) == (kind, name)
    assert str(ref) == written
    assert repr(ref) == f"SecretRef({written!r})"


@pytest.mark.parametrize(
    "literal", ["sk_live_51H", "ENV:sk_live_51H", "vault:sk_live_51H", " env:sk_live_51H", 51515151]
)
def test_a_literal_secret_is_refused_and_never_repeated(literal):
    """The error names the three ways to write a reference, and not a character of the secret."""
    with pytest.raises(ValueError) as caught:
        SecretRef.parse(literal)

    assert str(caught.value) == ('a literal secret is refused; write "env:NAME", "file:/path" or "cmd:..."')


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("env:", '"env:" needs the name of an environment variable'),
        ("env: KEY", '"env:" needs the name of an environment variable'),
        ("env:KEY=sk_live_51H", '"env:" needs the name of an environment variable'),
        ("file:", '"file:" needs the path of a file'),
        ("file: ", '"file:" needs the path of a file'),
        ("file:/a\0b", '"file:" needs the path of a file'),
        ("cmd:", '"cmd:" needs a command'),
        ("cmd:a\nb", '"cmd:" needs a command'),
        ("keyring:stripe", '"keyring:" needs a service and a name'),
        ("keyring:/live", '"keyring:" needs a service and a name'),
        ("keyring:stripe/", '"keyring:" needs a service and a name'),
    ],
)
def test_a_reference_to_nothing_is_refused(written, words):
    """Each kind says what it needs, with an example."""
    with pytest.raises(ValueError, match=words) as caught:
        SecretRef.parse(written)

    assert "e.g." in str(caught.value)
    assert "sk_live_51H" not in str(caught.value)


def test_one_secret_and_a_pool_of_them_are_both_a_tuple():
    """A list is a key pool; one reference is a pool of one."""
    one, pool = Table(token="env:A"), Table(token=["env:A", "file:b"])

    assert one.token == (SecretRef("env", "A"),)
    assert pool.token == (SecretRef("env", "A"), SecretRef("file", "b"))


@pytest.mark.parametrize("written", [[], "sk_live_51H", ["env:A", "sk_live_51H"], None, {}])
def test_a_pool_without_keys_or_with_a_literal_is_refused(written):
    """One bad key of a pool is enough."""
    with pytest.raises(ValidationError) as caught:
        Table(token=written)

    assert "sk_live_51H" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("outrider", "outrider"),
        ("vault:thing", "vault:thing"),
        (12345, "12345"),
        ("env:USER", SecretRef("env", "USER")),
        ("file:user", SecretRef("file", "user")),
    ],
)
def test_a_name_may_be_literal_or_a_reference(written, read):
    """`client_id`, `username` and their like are names; GitHub's are numbers."""
    assert Table(user=written).user == read


@pytest.mark.parametrize("written", ["", True, 1.5, None, -1, "a\nb", "env:"])
def test_what_is_neither_a_name_nor_a_reference_is_refused(written):
    """Control characters too: a name ends up in a header."""
    with pytest.raises(ValidationError):
        Table(user=written)


@pytest.mark.parametrize(
    ("value", "url", "rest"),
    [
        ("https://hooks.slack.com/services/T/B/x", "https://hooks.slack.com/services/T/B/x", ""),
        ("https://hooks.example/run?sig=a%2Bb&v=1\n", "https://hooks.example/run", "?sig=a%2Bb&v=1"),
        ("http://127.0.0.1:9?x", "http://127.0.0.1:9", "/?x"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9", "/"),
    ],
)
def test_a_secret_url_is_taken_apart(value, url, rest):
    """What to ask, and what follows it: with a slash where there is no path."""
    found, query = UrlRef.split(value)

    assert (str(found), query) == (url, rest)


@pytest.mark.parametrize(
    "value", ["hooks.example/x", "https://a.example/x?a b", "https://a.example/x?a#b", "s3cret"]
)
def test_what_is_no_url_is_refused_without_its_text(value):
    """It may be another secret."""
    with pytest.raises(ValueError) as refused:
        UrlRef.split(value)

    assert "s3cret" not in str(refused.value)

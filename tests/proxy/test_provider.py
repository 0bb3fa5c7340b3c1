"""What the base class makes of a provider's data."""

from outrider.plugin import Problem, Provider, Sign, respond


class Plain(Provider):
    name = "plain"


class Acme(Provider):
    name = "acme"
    title = "Acme"
    limit_signs = (Sign(403, words=("slow down",)),)
    quota_signs = (Sign(429, words=("spent",)),)
    retry_signs = (Sign(409, words=("locked",)),)
    refusal_signs = (Sign(400, words=("API_KEY_INVALID",)),)
    error = {"error": {"code": "{status}"}}


def test_a_limit_is_a_429_or_what_the_signs_say() -> None:
    """A 403 without the words is a refusal."""
    acme = Acme()

    assert acme.limited(respond(429))
    assert acme.limited(respond(403, "please slow down"))
    assert not acme.limited(respond(403, "no"))


def test_a_spent_quota_is_never_retried() -> None:
    """Whatever else the response says."""
    assert Acme().should_retry(respond(429, "spent", [("x-should-retry", "true")])) is False
    assert Acme().should_retry(respond(429, "wait")) is None


def test_the_response_s_own_word_comes_before_the_signs() -> None:
    """A lock is retried, unless it says not to."""
    assert Acme().should_retry(respond(409, "locked")) is True
    assert Acme().should_retry(respond(409, "locked", [("Stripe-Should-Retry", "false")])) is False


def test_a_refused_key_is_a_401_or_what_the_signs_say() -> None:
    """Some APIs answer 400."""
    assert Acme().key_refused(respond(401))
    assert Acme().key_refused(respond(400, "API_KEY_INVALID"))
    assert not Acme().key_refused(respond(400, "no such thing"))


def test_the_envelope_is_filled_in() -> None:
    """Where there is none, the answer is the plain problem."""
    problem = Problem("urn:outrider:limited", "Too Many Requests", 429, "wait", "acme", "x1")

    assert Acme().error_body(problem) == {"error": {"code": 429}}
    assert Plain().error_body(problem) is None


def test_bodies_are_read_only_where_somebody_looks() -> None:
    """Signs with words look, and so does code."""

    class Coded(Provider):
        def retry_after(self, response: object) -> float | None:
            return 1.0

    assert [Plain.reads_errors(), Acme.reads_errors(), Coded.reads_errors()] == [False, True, True]


def test_it_has_a_name_for_people() -> None:
    """Its title, else its name."""
    assert [str(Plain()), str(Acme())] == ["plain", "Acme"]

import pytest
from pydantic import ValidationError

from outrider.config import Call, Client, Document, Listen, Rate, SecretRef, Server


def test_an_empty_file_has_the_contracts_defaults():
    """Loopback, no further hosts, state beside the file."""
    server = Server()

    assert server.listen == (Listen("127.0.0.1", 8080),)
    assert server.admin == Listen("127.0.0.1", 8081)
    assert (server.admin_token, server.hosts, server.state_dir, server.token_dir) == (
        None,
        (),
        ".outrider",
        None,
    )
    assert (server.access_log, server.grace, server.max_connections) == (True, 30.0, 16384)
    assert server.max_body == 5 * 1024**3


@pytest.mark.parametrize(
    ("written", "listeners"),
    [
        ("127.0.0.1:0", (Listen("127.0.0.1", 0),)),
        (["127.0.0.1:0", "unix:/x"], (Listen("127.0.0.1", 0), Listen("", 0, "/x"))),
    ],
)
def test_one_listener_or_a_list_of_them(written, listeners):
    """Always a tuple afterwards."""
    assert Server(listen=written).listen == listeners


@pytest.mark.parametrize(
    "raw",
    [{"listen": []}, {"admin": ["127.0.0.1:0"]}, {"admin_token": "x"}, {"hosts": "a"}, {"state_dir": ""}]
    + [{"max_connections": 0}, {"grace": 0}, {"max_body": "5"}, {"access_log": 1}],
)
def test_a_server_that_could_not_run_is_refused(raw):
    """Each of these would fail only later, or not at all."""
    with pytest.raises(ValidationError):
        Server.model_validate(raw)


def test_the_head_of_the_document_has_the_contracts_defaults():
    """Active, As-To-Be, and nothing to say yet."""
    document = Document()

    assert (document.status, document.target_state, document.overview) == ("Active", "As-To-Be", "")


def test_a_client_may_call_everything_unless_it_says_less():
    """None is all; an empty list is nothing."""
    client = Client(token="env:A")
    bound = Client(token="env:A", integrations=[], endpoints=["GET /a"], rate="5/s")

    assert (client.integrations, client.endpoints, client.rate) == (None, None, None)
    assert (bound.integrations, bound.endpoints, bound.rate) == ((), (Call("GET", "/a"),), Rate(5.0, 1.0))
    assert client.token == SecretRef("env", "A")

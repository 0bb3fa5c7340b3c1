"""Endpoints are added to a file that a person wrote."""

import pytest

from outrider.errors import StartError
from outrider_plugins.drift.write import with_endpoints

FILE = """\
# Ours.
[integrations.acme]   # the first
base_url = "https://acme.example"

[[integrations.acme.endpoints]]
call = "GET /a"    # listed

# This is about beta.
[integrations.beta]
base_url = "https://beta.example"
"""


def test_a_table_is_put_where_it_belongs() -> None:
    """Below its integration, above the comment of the next; every other byte stays."""
    text = with_endpoints(FILE, {"acme": ["POST /b/{id}"], "beta": ["GET /c"]})

    added = '\n[[integrations.acme.endpoints]]\ncall = "POST /b/{id}"\n'
    assert text == FILE.replace("# listed\n", "# listed\n" + added) + (
        '\n[[integrations.beta.endpoints]]\ncall = "GET /c"\n'
    )


def test_an_inline_list_grows() -> None:
    """It cannot be a list and tables at once."""
    text = with_endpoints(
        '[integrations.acme]\nendpoints = [{ call = "GET /a" }] # few\n', {"acme": ["GET /b"]}
    )

    assert text == '[integrations.acme]\nendpoints = [{ call = "GET /a" }, {call = "GET /b"}] # few\n'


def test_a_file_that_is_written_otherwise_stays_as_it_is() -> None:
    """Rather than be broken."""
    with pytest.raises(StartError, match="add them by hand"):
        with_endpoints('integrations = { acme = { base_url = "https://a.example" } }\n', {"acme": ["GET /b"]})

import pytest

from outrider.config import INTEGRATION_KEYS, Options, Vocabulary


def test_no_plugins_claim_nothing():
    """The least there can be."""
    vocabulary = Vocabulary()

    assert (vocabulary.providers, vocabulary.auth_types, vocabulary.tables) == ({}, {}, {})


@pytest.mark.parametrize("name", ["retry", "auth", "provider", "name", "tables"])
def test_a_plugin_cannot_take_a_key_of_the_contract(name):
    """The name that is taken is in the error."""
    with pytest.raises(ValueError, match=f"table '{name}' is Outrider's own"):
        Vocabulary(tables={name: Options})


def test_the_keys_of_an_integration_are_those_of_the_file():
    """What we make ourselves is none of them."""
    assert {"provider", "auth", "retry"} <= set(INTEGRATION_KEYS)
    assert {"name", "auth_type", "tables"}.isdisjoint(INTEGRATION_KEYS)

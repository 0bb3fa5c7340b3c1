import pytest
from pydantic import ValidationError

from outrider.config import SecretRef
from outrider.config.traces import Traces


def test_the_endpoint_is_asked_as_it_stands():
    """And the fields are secrets, by reference."""
    traces = Traces.model_validate(
        {"endpoint": "http://127.0.0.1:4318/v1/traces", "headers": {"Authorization": "env:A"}, "sample": 0.1}
    )

    assert str(traces.endpoint) == "http://127.0.0.1:4318/v1/traces"
    assert list(traces.headers.values()) == [SecretRef("env", "A")]
    assert (traces.sample, traces.service) == (0.1, "outrider")


@pytest.mark.parametrize("sample", [-0.1, 1.5, "half"])
def test_a_share_is_between_none_and_all(sample):
    """Anything else is a mistake."""
    with pytest.raises(ValidationError):
        Traces.model_validate({"sample": sample})

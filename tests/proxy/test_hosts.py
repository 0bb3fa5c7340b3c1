"""Further origins: which there are, and where their URLs lead back to."""

from outrider.config import BaseUrl, IntegrationConfig
from outrider.hosts import hosts_of, places_of
from outrider.links import Place
from outrider.provider import Provider


class Acme(Provider):
    name = "acme"
    base_url = "https://api.acme.example"
    hosts = {"uploads": "https://uploads.acme.example", "files": "https://files.acme.example"}


def test_the_file_s_hosts_stand_in_place_of_the_provider_s() -> None:
    """By name; the others stay."""
    own = BaseUrl.parse("https://files.eu.acme.example")
    hosts = hosts_of(IntegrationConfig(hosts={"files": own}), Acme())

    assert hosts == {"uploads": BaseUrl.parse(Acme.hosts["uploads"]), "files": own}


def test_an_own_base_url_leaves_the_provider_s_out() -> None:
    """A credential of the sandbox does not go to the live uploads."""
    config = IntegrationConfig(base_url=BaseUrl.parse("https://sandbox.acme.example"))

    assert hosts_of(config, Acme()) == {}


def test_urls_of_each_origin_lead_back_to_its_own_prefix() -> None:
    """Those of the base URL to the integration itself."""
    base, uploads = BaseUrl.parse("https://a.example"), BaseUrl.parse("https://u.example")

    assert places_of(base, {"uploads": uploads}) == (Place(base), Place(uploads, "/_hosts/uploads"))

from outrider.config import BaseUrl, SecretRef, UrlRef
from outrider.config.alerts import Alerts


def test_one_or_several():
    """A place is written as it is, or in a list; URLs that are secrets by reference."""
    alerts = Alerts.model_validate(
        {
            "webhook": "env:A",
            "slack": ["env:B", "file:/c"],
            "alertmanager": "http://am:9093/prefix",
            "alertmanager_token": "env:T",
        }
    )

    assert alerts.webhook == (UrlRef("env", "A"),)
    assert [str(ref) for ref in alerts.slack] == ["env:B", "file:/c"]
    assert alerts.alertmanager == (BaseUrl("http", "am", 9093, "/prefix"),)
    assert alerts.alertmanager_token == SecretRef("env", "T")
    assert (alerts.group, alerts.every, alerts.repeat, alerts.kinds) == (10, 60, 14400, None)


def test_nobody_is_told_unless_named():
    """But for the log."""
    alerts = Alerts()

    assert (alerts.webhook, alerts.slack, alerts.alertmanager) == ((), (), ())

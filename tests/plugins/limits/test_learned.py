"""What responses say of limits: a row for each provider's spelling, and what is made of it on a fake clock."""

import math
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider.headers import Headers
from outrider.testing import FakeClock
from outrider_plugins.limits import learned
from outrider_plugins.limits.learned import LONGEST_S, Learned, Seen, read, retry_after

few = settings(derandomize=True, max_examples=200, deadline=None)
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC).timestamp()


def headers(*fields: str) -> Headers:
    pairs = (field.partition(": ") for field in fields)
    return Headers([(name.encode(), value.encode("utf-8")) for name, _, value in pairs])


def epoch(seconds: float) -> str:
    return f"{NOW + seconds:.0f}"


def http_date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


#: Why, the fields, and what they say. The providers are those of our table of providers.
SPELLINGS = {
    "openai: Go durations, tokens beside requests": (
        ["x-ratelimit-limit-requests: 60", "x-ratelimit-remaining-requests: 59", "x-ratelimit-reset-requests: 1s"]
        + ["x-ratelimit-limit-tokens: 150000", "x-ratelimit-remaining-tokens: 149984", "x-ratelimit-reset-tokens: 6m0s"],
        [Seen("requests", 60, 59, 1.0), Seen("tokens", 150000, 149984, 360.0)],
    ),
    "openai: tokens of a project, milliseconds": (
        ["x-ratelimit-remaining-project-tokens: 0", "x-ratelimit-reset-project-tokens: 120ms"],
        [Seen("project-tokens", None, 0, 0.12)],
    ),
    "anthropic: the kind comes last, RFC 3339": (
        ["anthropic-ratelimit-requests-limit: 50", "anthropic-ratelimit-requests-remaining: 0"]
        + ["anthropic-ratelimit-requests-reset: 2026-11-23T12:00:07Z"]
        + ["anthropic-ratelimit-input-tokens-remaining: 7", "anthropic-ratelimit-input-tokens-reset: 2026-11-23T13:00:30+01:00"],
        [Seen("requests", 50, 0, 7.0), Seen("input-tokens", None, 7, 30.0)],
    ),
    "azure: a negative number is not known, the period is no limit": (
        ["x-ratelimit-remaining-requests: -1", "x-ratelimit-remaining-tokens: 9", "x-ratelimit-renewalperiod-requests: 60", "x-ratelimit-type: tokens"],
        [Seen("tokens", None, 9, None)],
    ),
    "mistral: the window is part of the name, the cost is no limit": (
        ["x-ratelimit-limit-req-minute: 60", "x-ratelimit-remaining-req-minute: 3", "x-ratelimit-tokens-query-cost: 12"],
        [Seen("req-minute", 60, 3, None)],
    ),
    "openrouter: epoch milliseconds": (
        ["X-RateLimit-Limit: 20", "X-RateLimit-Remaining: 0", f"X-RateLimit-Reset: {(NOW + 41.5) * 1000:.0f}"],
        [Seen("requests", 20, 0, 41.5)],
    ),
    "github: epoch seconds, of the API as a whole": (
        ["x-ratelimit-limit: 5000", "x-ratelimit-remaining: 4999", "x-ratelimit-used: 1", f"x-ratelimit-reset: {epoch(900)}", "x-ratelimit-resource: core"],
        [Seen("core", 5000, 4999, 900.0)],
    ),
    "github: search has a limit of its own": (
        ["x-ratelimit-remaining: 0", f"x-ratelimit-reset: {epoch(30)}", "x-ratelimit-resource: search"],
        [Seen("search", None, 0, 30.0, whole=False)],
    ),
    "gitlab: the draft's names with an epoch, and a date beside it": (
        ["RateLimit-Limit: 600", "RateLimit-Name: throttle_authenticated_api", "RateLimit-Observed: 6", "RateLimit-Remaining: 594"]
        + [f"RateLimit-Reset: {epoch(60)}", f"RateLimit-ResetTime: {http_date(60)}"],
        [Seen("throttle_authenticated_api", 600, 594, 60.0)],
    ),
    "gitlab: the date alone": ([f"RateLimit-ResetTime: {http_date(60)}"], [Seen("requests", None, None, 60.0)]),
    "sendgrid, mailgun, algolia: epoch seconds": (
        ["X-RateLimit-Limit: 500", "X-RateLimit-Remaining: 150", f"X-RateLimit-Reset: {epoch(12)}"],
        [Seen("requests", 500, 150, 12.0)],
    ),
    "shopify: used of all": (["X-Shopify-Shop-Api-Call-Limit: 32/40"], [Seen("requests", 40, 8, None)]),
    "hubspot: max, and one of the day": (
        ["X-HubSpot-RateLimit-Max: 100", "X-HubSpot-RateLimit-Remaining: 98", "X-HubSpot-RateLimit-Interval-Milliseconds: 10000"]
        + ["X-HubSpot-RateLimit-Daily: 250000", "X-HubSpot-RateLimit-Daily-Remaining: 249000", "X-HubSpot-RateLimit-Secondly: 10"],
        [Seen("requests", 100, 98, None), Seen("daily", 250000, 249000, None), Seen("secondly", 10, None, None)],
    ),
    "salesforce: used of all, by name": (
        ["Sforce-Limit-Info: api-usage=18/15000; per-app-api-usage=17/250(appName=x)"],
        [Seen("api-usage", 15000, 14982, None)],
    ),
    "discord: what comes in seconds is exact; a bucket is not everything": (
        ["X-RateLimit-Limit: 5", "X-RateLimit-Remaining: 0", f"X-RateLimit-Reset: {NOW + 2.470:.3f}", "X-RateLimit-Reset-After: 1.25", "X-RateLimit-Bucket: abcd1234"],
        [Seen("abcd1234", 5, 0, 1.25, whole=False)],
    ),
    "zendesk: a limit without a kind, the draft's beside it, one of an endpoint": (
        ["X-Rate-Limit: 700", "X-Rate-Limit-Remaining: 699", "ratelimit-limit: 700", "ratelimit-remaining: 699", "ratelimit-reset: 41"]
        + ["zendesk-ratelimit-tickets-index: total=100; remaining=99; resets=41"],
        [Seen("requests", 700, 699, 41.0), Seen("tickets-index", 100, 99, 41.0, whole=False)],
    ),
    "cloudflare: a date, and the draft's": (
        ["x-ratelimit-limit: 1200", "x-ratelimit-remaining: 0", f"x-ratelimit-reset: {http_date(300)}"]
        + ['Ratelimit: "default";r=50;t=30', 'Ratelimit-Policy: "default";q=1200;w=300'],
        [Seen("requests", 1200, 0, 300.0), Seen("default", 1200, 50, 30.0)],
    ),
    "datadog: seconds; the name says which part": (
        ["X-RateLimit-Limit: 100", "X-RateLimit-Period: 3600", "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1200", "X-RateLimit-Name: metrics"],
        [Seen("metrics", 100, 0, 1200.0, whole=False)],
    ),
    "sentry: a vendor's name, concurrency beside it": (
        ["X-Sentry-Rate-Limit-Limit: 40", "X-Sentry-Rate-Limit-Remaining: 39", f"X-Sentry-Rate-Limit-Reset: {epoch(1)}", "X-Sentry-Rate-Limit-ConcurrentLimit: 25", "X-Sentry-Rate-Limit-ConcurrentRemaining: 24"],
        [Seen("requests", 40, 39, 1.0), Seen("concurrent", 25, 24, None)],
    ),
    "sentry: by category, which no call tells": (["X-Sentry-Rate-Limits: 60:transaction:key"], []),
    "resend: the draft up to -06, with its policy": (
        ["ratelimit-limit: 2", "ratelimit-remaining: 1", "ratelimit-reset: 1", "ratelimit-policy: 2;w=1"],
        [Seen("requests", 2, 1, 1.0)],
    ),
    "draft -06: the policies after the limit": (["RateLimit-Limit: 10, 10;w=1, 50;w=60"], [Seen("requests", 10, None, None)]),
    "draft -07: a dictionary": (["RateLimit: limit=100, remaining=50, reset=5"], [Seen("requests", 100, 50, 5.0)]),
    "draft -11: policies by name, over two lines, with what nobody knows": (
        ['RateLimit: "burst";r=0;t=2;acme-x="a, b;t=9", "a \\"b\\"";pk=:cHNsZQ==:;r=7', 'RateLimit: "day";r=1;flag', 'RateLimit-Policy: "burst";q=100;w=60,"day";q=1000'],
        [Seen("burst", 100, 0, 2.0), Seen('a "b"', None, 7, None), Seen("day", 1000, 1, None)],
    ),
    "malformed fields are ignored, the others are read": (
        ['RateLimit: "a;r=0;t=2', 'RateLimit: "b";r=0;t=2,', "RateLimit: r==3", "X-RateLimit-Remaining: 4"],
        [Seen("requests", None, 4, None)],
    ),
    "units with the reset": (["X-Rate-Limit-Reset-Ms: 1500", "X-Rate-Limit-Remaining: 1"], [Seen("requests", None, 1, 1.5)]),
    "what is past has reset": ([f"X-RateLimit-Reset: {epoch(-5)}"], [Seen("requests", None, None, 0.0)]),
    "an hour at most": (["X-RateLimit-Reset: 86400"], [Seen("requests", None, None, LONGEST_S)]),
    "a cached response says nothing": (["Age: 3", "X-RateLimit-Remaining: 0"], []),
    "a fresh one does": (["Age: 0", "X-RateLimit-Remaining: 0"], [Seen("requests", None, 0, None)]),
    "its own Date is the base, when our clock is wrong": (
        [f"Date: {http_date(7200)}", f"X-RateLimit-Reset: {epoch(7260)}"],
        [Seen("requests", None, None, 60.0)],
    ),
    "stripe, gemini, slack, twilio, postmark, notion, paypal, square, plaid, aws: nothing": (
        ["Stripe-Rate-Limited-Reason: global-rate", "Twilio-Concurrent-Requests: 3", "Date: x", "Content-Type: text/plain"],
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", SPELLINGS)
def test_spellings(why: str) -> None:
    """Each provider's spelling is read, in any case of its letters."""
    fields, seen = SPELLINGS[why]

    for turned in (
        fields,
        [name.upper() + ": " + value for name, _, value in (f.partition(": ") for f in fields)],
    ):
        read_now = read(200, headers(*turned), NOW)
        assert [(s.name, s.limit, s.remaining, s.whole) for s in read_now] == [
            (s.name, s.limit, s.remaining, s.whole) for s in seen
        ]
        assert [s.reset_s for s in read_now] == [pytest.approx(s.reset_s, abs=1e-3) for s in seen]


def test_a_429_that_only_says_when_has_nothing_left() -> None:
    """The one limit that a 429 gives a reset for is the one that ran out; of a 200 nothing is concluded."""
    only_reset = headers("X-RateLimit-Reset: 9")

    assert read(429, only_reset, NOW) == [Seen("requests", None, 0, 9.0)]
    assert read(200, only_reset, NOW) == [Seen("requests", None, None, 9.0)]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),  # RFC 9110
        ("2.0", 2.0),  # Shopify
        ("0", 0.0),
        (http_date(90), 90.0),  # RFC 9110, IMF-fixdate
        ("Monday, 23-Nov-26 12:00:10 GMT", 10.0),  # RFC 850
        ("Mon Nov 23 12:00:20 2026", 20.0),  # asctime
        ("2026-11-23T12:00:03Z", 3.0),  # some vendors
        (http_date(-30), 0.0),  # past
        ("1m30s", 90.0),
        ("23h1m", LONGEST_S),  # absurd
        ("86400", LONGEST_S),
        (f"{NOW + 4:.0f}", 4.0),  # an epoch, by those who mistake it for X-RateLimit-Reset
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("9" * 400, None),
        ("999999999999999999", None),  # more than any moment
        ("٣", None),
        ("soon", None),
        ("", None),
        ("Mon, 99 Foo 2026 12:00:10 GMT", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Mon, 23 Nov 99999999999999999999 12:00:10 GMT", None),
        ("20ms", 0.02),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    """Seconds, dates and durations are read; rubbish is as if it were not there."""
    assert retry_after(headers(f"Retry-After: {value}"), NOW) == pytest.approx(seconds)


def test_retry_after_milliseconds_and_the_servers_own_clock() -> None:
    """`retry-after-ms` is finer and goes first, unless it is rubbish; a date counts from the response's Date."""
    assert retry_after(headers("Retry-After: 2", "retry-after-ms: 1250"), NOW) == 1.25
    assert retry_after(headers("Retry-After: 2", "retry-after-ms: -3"), NOW) == 2.0
    assert retry_after(headers(f"Retry-After: {http_date(1000)}", f"Date: {http_date(990)}"), NOW) == 10.0
    assert retry_after(headers("Date: x"), NOW) is None


NAMES = st.sampled_from(
    ["RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Date", "Age"]
    + ["X-RateLimit-Reset-After", "Sforce-Limit-Info", "zendesk-ratelimit-x", "Retry-After", "retry-after-ms", "X-RateLimit-Name"]
)  # fmt: skip
VALUES = st.one_of(
    st.binary(max_size=40),
    st.text('0123456789-.:;,="\\ abcrstTZGM+eE/', max_size=60).map(str.encode),
    st.integers().map(lambda number: str(number).encode()),
    st.floats().map(lambda number: str(number).encode()),
    st.datetimes().map(lambda date: date.isoformat().encode()),
)


@few
@given(st.lists(st.tuples(NAMES.map(str.encode), VALUES), max_size=8), st.sampled_from([200, 429]))
def test_rubbish_never_raises(fields: list[tuple[bytes, bytes]], status: int) -> None:
    """Whatever stands in the fields, what is read is finite, not negative, and an hour at most."""
    told = Headers(fields)
    seens = read(status, told, NOW)
    keeper = Learned(FakeClock())
    keeper.observe(seens, 0)

    for seconds in [*(seen.reset_s for seen in seens), retry_after(told, NOW)]:
        assert seconds is None or 0 <= seconds <= LONGEST_S
    for number in [number for seen in seens for number in (seen.limit, seen.remaining)]:
        assert number is None or 0 <= number < 10**15
    assert math.isfinite(keeper.hold_until())


def test_long_values_cost_nothing_and_names_are_remembered_up_to_a_cap() -> None:
    """A value that grows without end is not read; a provider that invents names does not fill our memory."""
    assert (
        read(200, headers("RateLimit: " + '"a";r=1,' * 1000 + '"b";r=1', "RateLimit: " + " " * 100_000), NOW)
        == []
    )
    for number in range(3000):
        read(200, headers(f"X-RateLimit-Remaining-{number}: 1"), NOW)
    assert len(learned._verdicts) <= 1024
    seens = read(200, headers(*(f"X-RateLimit-Remaining-{number}: 1" for number in range(100))), NOW)
    keeper = Learned(FakeClock())
    keeper.observe([*seens, *(Seen(f"b{number}", 1, 1, 1.0) for number in range(100))], 0)

    assert len(keeper.snapshot()) == 32


@pytest.mark.parametrize("piece", [";a=:b:", ' ;a="\\\\"', ";a", "1m", "a=1;", '"a";b=:', " "])
def test_no_value_takes_long_to_refuse(piece: str) -> None:
    """Reading a field takes time in proportion to its length, also when it is made to be hard."""
    value = '"x"' + piece * (900 // len(piece)) + '"!'

    began = time.process_time()
    read(
        200,
        headers(f"RateLimit: {value}", f"X-RateLimit-Reset: {value[3:]}", f"Sforce-Limit-Info: {value[3:]}"),
        NOW,
    )
    assert time.process_time() - began < 0.5


def test_what_is_left_is_used_up_by_what_is_sent() -> None:
    """When as many were sent as remained, nothing may be sent until the reset, and then it may."""
    clock = FakeClock()
    keeper = Learned(clock)
    assert keeper.hold_until() <= clock()
    keeper.observe([Seen("requests", 10, 2, 5.0)], in_flight=0)

    keeper.sent()
    assert keeper.hold_until() <= clock()
    keeper.sent()
    assert keeper.hold_until() == clock() + 5.0
    clock.advance(5.0)
    assert keeper.hold_until() <= clock()


def test_what_is_in_flight_counts_until_it_is_answered() -> None:
    """Calls on their way may not be in `remaining` yet; once their responses say so, the rest may be used."""
    clock = FakeClock()
    keeper = Learned(clock)
    keeper.observe([Seen("requests", 10, 3, 5.0)], in_flight=3)

    assert keeper.hold_until() == clock() + 5.0
    keeper.observe([Seen("requests", 10, 2, 5.0)], in_flight=1)
    assert keeper.hold_until() <= clock()


def test_tokens_are_not_counted_by_calls() -> None:
    """A call takes an unknown number of tokens, so only a remaining of 0 holds."""
    clock = FakeClock()
    keeper = Learned(clock)
    keeper.observe([Seen("tokens", 100, 1, 5.0)], in_flight=9)
    assert keeper.hold_until() <= clock()

    keeper.observe([Seen("tokens", 100, 0, 5.0)], in_flight=0)
    assert keeper.hold_until() == clock() + 5.0


def test_a_limit_of_a_part_does_not_stop_the_rest() -> None:
    """A used-up bucket or resource says nothing about other calls; nor does a limit without a reset."""
    clock = FakeClock()
    keeper = Learned(clock)
    keeper.observe([Seen("search", 30, 0, 60.0, whole=False), Seen("requests", 40, 0, None)], in_flight=0)

    assert keeper.hold_until() <= clock()


@few
@given(st.permutations([6, 5, 4, 3, 2, 1, 0]), st.floats(0, 0.9), st.booleans())
def test_late_responses_do_not_undo_stricter_ones(order: list[int], gap_s: float, epoch_reset: bool) -> None:
    """In whatever order the responses of one window arrive, the smallest remaining is what counts."""
    clock = FakeClock()
    keeper = Learned(clock)
    began = clock()
    for _ in order:
        keeper.sent()
    for place, remaining in enumerate(order):
        clock.advance(gap_s)
        reset_s = 60.0 - (clock() - began if epoch_reset else 0.0)  # or whole seconds, late on their way
        keeper.observe([Seen("requests", 7, remaining, reset_s)], len(order) - 1 - place, order[place] + 1)

    assert keeper.snapshot()[0]["remaining"] == 0
    assert keeper.hold_until() > clock() + 50


def test_a_newer_word_replaces_the_old() -> None:
    """A response of a call sent after the last word on a limit is the news; so is one of the next window."""
    clock = FakeClock()
    keeper = Learned(clock)
    keeper.observe([Seen("requests", 60, 1, 59.0)], in_flight=0)
    number = keeper.sent()
    keeper.observe([Seen("requests", 60, 30, 30.0)], 0, number)  # a bucket that filled up
    assert keeper.snapshot() == [{"name": "requests", "limit": 60, "remaining": 30, "resets_s": 30.0}]

    keeper.observe([Seen("requests", 60, 0, 30.0)], in_flight=0)
    clock.advance(29.5)
    keeper.observe([Seen("requests", 60, 59, 60.0)], in_flight=0)
    assert keeper.hold_until() <= clock()


def test_retry_after_halts_the_target() -> None:
    """A halt lasts as long as the longest that was asked for, an hour at most, whatever limits say."""
    clock = FakeClock()
    keeper = Learned(clock)
    keeper.hold(10.0)
    keeper.hold(2.0)
    keeper.hold(math.nan)
    keeper.observe([Seen("requests", 10, 9, 5.0)], in_flight=0)

    assert keeper.hold_until() == clock() + 10.0
    assert keeper.snapshot()[1] == {"name": "retry-after", "limit": None, "remaining": 0, "resets_s": 10.0}
    keeper.hold(1e9)
    assert keeper.hold_until() == clock() + LONGEST_S


def test_the_page_says_what_is_known() -> None:
    """A window that is over leaves the limit, and says that the rest is not known."""
    clock = FakeClock()
    keeper = Learned(clock)
    keeper.observe([Seen("requests", 10, 2, 5.0)], in_flight=1)
    keeper.observe([Seen("requests", None, None, None)], in_flight=0)

    assert keeper.snapshot() == [{"name": "requests", "limit": 10, "remaining": 1, "resets_s": 5.0}]
    clock.advance(6.0)
    assert keeper.snapshot() == [{"name": "requests", "limit": 10, "remaining": None, "resets_s": None}]
    assert repr(keeper) == "<Learned requests 1>"

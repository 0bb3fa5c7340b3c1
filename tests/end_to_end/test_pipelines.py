"""Several requests on one connection, and what ends it."""

from end_to_end.cases import bytes_of, chunked, fields, get, post, say_target
from end_to_end.raw import Ending, NoAnswerError, Wire, assert_outriders_own
from outrider.testing import FakeProvider, Sidecar


def test_pipelined_requests_are_answered_in_order(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Requests sent at once are answered one by one, each with its own answer."""
    provider.handler = say_target
    with Wire(sidecar.port) as wire:
        wire.send(b"".join(bytes_of(get(b"/stripe/%d" % n), sidecar) for n in range(10)))
        answers = [wire.answer() for _ in range(10)]

    assert [answer.body for answer in answers] == [b"/%d" % n for n in range(10)]
    assert [request.target for request in provider.requests] == [f"/{n}" for n in range(10)]


def test_a_refusal_in_a_pipeline_keeps_the_order(sidecar: Sidecar, provider: FakeProvider) -> None:
    """A request that is refused does not overtake, and is not taken for its neighbours."""
    provider.handler = say_target
    requests = [get(b"/stripe/1"), get(b"/stripe/2", b"Origin: null"), get(b"/stripe/3")]
    with Wire(sidecar.port) as wire:
        wire.send(b"".join(bytes_of(request, sidecar) for request in requests))
        first, second = wire.answer(), wire.answer()
        try:
            third = wire.answer()
        except NoAnswerError:
            third = None

    assert (first.status, first.body) == (200, b"/1")
    assert second.status == 403
    assert third is None or (third.status, third.body) == (200, b"/3")
    assert "/2" not in [request.target for request in provider.requests]


def test_garbage_in_a_pipeline_ends_it(sidecar: Sidecar, provider: FakeProvider) -> None:
    """What follows a good request and is no HTTP is a 400 and the end; the good one's answer is its own."""
    provider.handler = say_target
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(get(b"/stripe/1"), sidecar))
        first = wire.answer()
        wire.send(b"rubbish\r\n\r\n")
        second = wire.answer()
        after, ending = wire.rest()

    assert (first.status, first.body) == (200, b"/1")
    assert second.status in (400, 501)
    assert_outriders_own(second)
    assert (after, ending) == (b"", Ending.CLEAN)


def test_good_requests_before_garbage_are_answered_first(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Though all came in one piece; what is garbage is a 400 and the end."""
    provider.handler = say_target
    good = get(b"/stripe/1") + get(b"/stripe/2", b"Content-Length: 4", method=b"POST") + b"\r\n\r\n"
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(good + get(b"/stripe/3") + b"rubbish\r\n\r\n" + get(b"/stripe/4"), sidecar))
        answers = [wire.answer() for _ in range(4)]
        after, ending = wire.rest()

    assert [answer.body for answer in answers[:3]] == [b"/1", b"/2", b"/3"]
    assert answers[3].status == 400
    assert_outriders_own(answers[3])
    assert (after, ending) == (b"", Ending.CLEAN)
    assert [request.target for request in provider.requests] == ["/1", "/2", "/3"]


def test_a_body_that_breaks_off_in_the_same_piece_is_not_sent(
    sidecar: Sidecar, provider: FakeProvider
) -> None:
    """The request before it is answered; the one with the malformed body is refused in whole."""
    provider.handler = say_target
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(get(b"/stripe/1") + chunked(b"5\r\nhello\r\nxyz\r\n"), sidecar))
        first, second = wire.answer(), wire.answer()

    assert (first.body, second.status) == (b"/1", 400)
    assert [request.target for request in provider.requests] == ["/1"]


def test_a_refused_upgrade_leaves_http(sidecar: Sidecar, provider: FakeProvider) -> None:
    """After a 426 what comes is read as HTTP again or not at all; no byte goes through a tunnel."""
    provider.handler = say_target
    upgrade = fields(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: YQ==")
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(upgrade, sidecar) + bytes_of(get(b"/stripe/next", b"Connection: close"), sidecar))
        first = wire.answer()
        after, _ = wire.rest()

    assert first.status == 426
    assert "websocket" in (first.header("Upgrade") or "").lower() or first.header("Upgrade") is None
    assert [request.target for request in provider.requests] == (["/next"] if after else [])


def test_an_ignored_upgrade_loses_nothing(sidecar: Sidecar, provider: FakeProvider) -> None:
    """What was sent along with an offer of h2c is answered, or the connection ends: it is not swallowed."""
    provider.handler = say_target
    offer = get(
        b"/stripe/first", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA"
    )
    with Wire(sidecar.port) as wire:
        wire.send(bytes_of(offer, sidecar) + bytes_of(get(b"/stripe/next", b"Connection: close"), sidecar))
        first = wire.answer()
        _, ending = wire.rest()

    assert (first.status, first.body) == (200, b"/first")
    assert ending is Ending.CLEAN


def test_trailers_are_not_fields_of_the_next_request(sidecar: Sidecar, provider: FakeProvider) -> None:
    """Neither on their connection nor on another one that sends the same head."""
    trailed = chunked(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nStripe-Account: acct_other\r\n\r\n")
    plain = post(b"Content-Length: 2", body=b"hi")
    for sent in (trailed + plain, plain):
        with Wire(sidecar.port) as wire:
            wire.send(bytes_of(sent, sidecar))
            wire.answer()
            if sent is not plain:
                wire.answer()

    assert [request.body for request in provider.requests] == [b"hello", b"hi", b"hi"]
    assert [request.values("Stripe-Account") for request in provider.requests] == [[], [], []]


def test_the_trailers_of_an_answer_are_not_fields_of_the_next(
    sidecar: Sidecar, provider: FakeProvider
) -> None:
    """A provider's connection is used again after them, and the next caller gets nothing of the first one's."""
    trailed = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSet-Cookie: a=1\r\n\r\n"
    provider.raw(trailed)
    answers = []
    with Wire(sidecar.port) as wire:
        for _ in range(2):
            wire.send(bytes_of(get(b"/stripe/1"), sidecar))
            answers.append(wire.answer())

    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.header("Set-Cookie") for answer in answers] == [None, None]
    assert provider.connections == 1

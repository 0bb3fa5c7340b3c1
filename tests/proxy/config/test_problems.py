import pytest

from outrider.config.lines import Lines
from outrider.config.problems import Problem, Report, did_you_mean, dotted, unknown_key


def test_a_problem_is_one_line_for_a_person():
    """File, line, key, and what to do; a note says that it is one."""
    problem = Problem("etc/config.toml", 12, "integrations.stripe.retry.attempts", "must be at least 1")
    syntax = Problem("config.toml", 3, "", "invalid value (column 5)")
    note = Problem("config.toml", 4, "integrations.stripe.retry", "'retry' does nothing yet", note=True)

    assert str(problem) == "etc/config.toml:12: integrations.stripe.retry.attempts: must be at least 1"
    assert str(syntax) == "config.toml:3: invalid value (column 5)"
    assert str(note) == "config.toml:4: integrations.stripe.retry: note: 'retry' does nothing yet"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("server",), "server"),
        (("integrations", "stripe", "limits", 0, "rate"), "integrations.stripe.limits[0].rate"),
        (("integrations", "a", "on", "5xx", 1), "integrations.a.on.5xx[1]"),
        (("integrations", "a.b", "x y"), 'integrations."a.b"."x y"'),
        (("a\nb",), '"a\\nb"'),
    ],
)
def test_a_path_is_written_as_toml_writes_it(path, text):
    """What is no bare key is quoted, so the text stays one line."""
    assert dotted(path) == text


def test_a_report_is_in_the_order_of_the_file():
    """And says nothing twice."""
    report = Report("f", Lines("a = 1\nb = 2\n"))
    report.problem(("b",), "second")
    report.problem(("a",), "first")
    report.problem(("b",), "second")
    report.note(("a",), "a note")

    assert [str(each) for each in report.problems] == ["f:1: a: first", "f:2: b: second"]
    assert [str(each) for each in report.notes] == ["f:1: a: note: a note"]


def test_the_nearest_name_is_offered():
    """Only where one is near."""
    assert did_you_mean("strip", ["sendgrid", "stripe"]) == "; did you mean 'stripe'?"
    assert did_you_mean("zzz", ["sendgrid", "stripe"]) == ""
    assert did_you_mean(3, ["sendgrid"]) == ""


def test_an_unknown_key_is_named_and_cut_short():
    """The key itself may be anything."""
    assert unknown_key("x", ["b", "a"]) == "unknown key 'x'; known are a, b"
    assert unknown_key("x" * 99, ["a"]) == f"unknown key '{'x' * 39}…'; known are a"

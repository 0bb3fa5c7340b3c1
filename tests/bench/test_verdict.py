import pytest
from bench.report import Table
from bench.verdict import broken


def table(key: str, **metrics: tuple[float, float]) -> Table:
    """Make a table of one round; each metric has Outrider's value and Envoy's."""
    made = Table(key, key, "", ("",))
    for metric, (outrider, envoy) in metrics.items():
        made.add("outrider", metric, outrider)
        made.add("envoy", metric, envoy)
    return made


def memory(idle: float = 60, down: float = 1, up: float = 1) -> Table:
    return table("memory", idle_mb=(idle, 66), down_growth_mb=(down, 3), up_growth_mb=(up, 3))


@pytest.mark.parametrize("ratio", [0.5, 1.2])
def test_within(ratio: float) -> None:
    """At most 1.2 times Envoy's CPU is within the bounds."""
    assert broken({"sse": table("sse", cpu_us=(ratio * 100, 100))}, ["sse"]) == []


def test_slower() -> None:
    """More than 1.2 times Envoy's CPU is outside the bounds, for a GET as for a POST."""
    tables = {key: table(key, cpu_us=(150, 100)) for key in ("get", "post")}

    assert broken(tables, ["requests"]) == [
        "get: a GET costs 1.50 × Envoy's CPU, more than 1.2",
        "post: a POST costs 1.50 × Envoy's CPU, more than 1.2",
    ]


def test_policies() -> None:
    """Policies that have nothing to do add less than 15 % to the core, and stay within 1.2 times Envoy's."""
    tables = {key: table(key, cpu_us=(130, 100)) for key in ("policies_get", "policies_post")}
    for made in tables.values():
        made.add("core", "cpu_us", 100)
    tables["policies_post"].data["outrider"]["cpu_us"] = [114]

    assert broken(tables, ["policies"]) == [
        "policies_get: a GET costs 1.30 × Envoy's CPU, more than 1.2",
        "policies_get: a GET costs 1.30 × the core's CPU, more than 1.15",
    ]


def test_failures() -> None:
    """A cheap request that failed is not within the bounds."""
    tables = {key: table(key, cpu_us=(50, 100), failures=(key == "post", 9)) for key in ("get", "post")}

    assert broken(tables, ["requests"]) == ["post: 1 requests failed"]


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (memory(), []),
        (memory(idle=67), ["memory: 67.0 MB at rest, more than Envoy's 66.0"]),
        (memory(down=10), ["memory: a long body down adds 10.0 MB, not less than 10"]),
        (memory(up=99), ["memory: a long body up adds 99.0 MB, not less than 10"]),
        (table("memory", idle_mb=(60, 66), down_growth_mb=(1, 3)), ["memory: the body up was not carried"]),
    ],
)
def test_memory(measured: Table, expected: list[str]) -> None:
    """Rest costs no more than Envoy's, and a long body adds less than 10 MB."""
    assert broken({"memory": measured}, ["memory"]) == expected


@pytest.mark.parametrize(
    ("tables", "chosen", "expected"),
    [
        ({}, ["requests"], ["get: not measured", "post: not measured"]),
        ({}, ["idle"], ["nothing with bounds was measured; --only some of requests, policies, sse, memory"]),
        ({"sse": Table("sse", "", "", ("",))}, ["sse"], ["sse: outrider and envoy were not both measured"]),
        (
            {"memory": Table("memory", "", "", ("",))},
            ["memory"],
            ["memory: outrider and envoy were not both measured"],
        ),
    ],
)
def test_nothing_measured(tables: dict[str, Table], chosen: list[str], expected: list[str]) -> None:
    """What was not measured is not within the bounds."""
    assert broken(tables, chosen) == expected

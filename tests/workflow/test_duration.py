"""Durations and retries: their spellings, their laws, their refusals."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itonami.workflow.definition import (
    DefinitionError,
    RetryPolicy,
    format_duration,
    parse_duration,
    parse_retry,
)
from itonami.workflow.definition.duration import MAX_DURATION_MS

MILLISECONDS = st.integers(0, MAX_DURATION_MS)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("PT30M", 1_800_000),
        ("P1DT2H", 93_600_000),
        ("P1W", 604_800_000),
        ("PT0.5S", 500),
        ("PT1,5H", 5_400_000),
        ("P0D", 0),
        ("PT36H", 129_600_000),
        ("250ms", 250),
        ("5s", 5_000),
        ("1.5s", 1_500),
        ("10m", 600_000),
        ("1h", 3_600_000),
        ("2d", 172_800_000),
        (0, 0),
        (1500, 1500),
        (1500.0, 1500),
        (MAX_DURATION_MS, MAX_DURATION_MS),
    ],
)
def test_every_spelling_gives_its_milliseconds(text, ms):
    assert parse_duration(text) == ms


@pytest.mark.parametrize(
    "value",
    [
        "", "P", "PT", "P1DT", "T1H", "1 s", "5", "s", "-5s", "+5s", "5S", "pt30m", "PT30m", "P1H",
        "P1W1D", "1e3s",
        "PT1.5H30M", "٥s",
        "5s\n", "PT1S1M", "1h30m", "9" * 60 + "h", "9" * 10_000 + "s",
        -1, -0.5, 0.5, "0.5ms", "PT0.0001S", float("nan"), float("inf"), True, None, [], {}, 10**30,
        MAX_DURATION_MS + 1,
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_place_and_remedy(value):
    with pytest.raises(DefinitionError) as caught:
        parse_duration(value, "$.workflow.timeout")
    assert caught.value.where == "$.workflow.timeout"
    assert caught.value.fix
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ["P1Y", "P1M", "P1Y2M3D", "P2DT1H1Y", "P1Y2M10DT2H30M"])
def test_years_and_months_have_no_length(text):
    with pytest.raises(DefinitionError, match=r"no fixed length|no duration"):
        parse_duration(text)


@given(MILLISECONDS)
def test_what_is_formatted_is_parsed_back(ms):
    assert parse_duration(format_duration(ms)) == ms


@given(MILLISECONDS)
def test_milliseconds_and_the_short_spelling_agree(ms):
    assert parse_duration(f"{ms}ms") == parse_duration(ms) == ms


@given(st.text(max_size=80))
def test_no_text_makes_anything_but_milliseconds_or_a_typed_error(text):
    with contextlib.suppress(DefinitionError):
        assert 0 <= parse_duration(text) <= MAX_DURATION_MS


def test_durations_print_in_iso_8601():
    assert [format_duration(ms) for ms in (0, 1, 1_000, 90_061_001, 1_800_000, 86_400_000)] == [
        "PT0S",
        "PT0.001S",
        "PT1S",
        "P1DT1H1M1.001S",
        "PT30M",
        "P1D",
    ]


def test_a_policy_waits_longer_each_time_up_to_its_maximum():
    policy = RetryPolicy(initial_interval_ms=100, backoff_coefficient=3, maximum_interval_ms=1000)
    assert [policy.delay_ms(attempt, 0.5) for attempt in (1, 2, 3, 4, 5, 10**9)] == [
        0, 100, 300, 900, 1000, 1000,
    ]  # fmt: skip


def test_attempts_end_with_their_number_or_with_a_fatal_error():
    policy = RetryPolicy(maximum_attempts=3, non_retryable_errors=("Refused",))
    assert [policy.allows(attempt, "Timeout") for attempt in (1, 2, 3, 4)] == [True, True, False, False]
    assert not policy.allows(1, "Refused")


POLICIES = st.builds(
    RetryPolicy,
    initial_interval_ms=st.integers(0, 10**7),
    backoff_coefficient=st.floats(1, 1000),
    maximum_interval_ms=st.none() | st.integers(10**7, 10**9),
    jitter=st.floats(0, 1),
)


@given(POLICIES, st.integers(2, 10**6), st.floats(0, 1))
def test_a_delay_stays_in_its_jittered_band_and_under_the_cap(policy, attempt, rand):
    cap = policy.maximum_interval_ms or MAX_DURATION_MS
    middle = RetryPolicy.delay_ms(policy, attempt, 0.5)
    delay = policy.delay_ms(attempt, rand)
    assert 0 <= delay <= cap
    assert middle * (1 - policy.jitter) - 1 <= delay <= middle * (1 + policy.jitter) + 1
    assert middle <= policy.delay_ms(attempt + 1, 0.5)


def test_a_policy_is_read_from_a_definition_and_defaults_fill_the_rest():
    assert parse_retry({}) == RetryPolicy()
    assert parse_retry(
        {
            "initial_interval": "100ms",
            "backoff_coefficient": 1.5,
            "maximum_interval": "PT1M",
            "maximum_attempts": 5,
            "jitter": 0.25,
            "non_retryable_errors": ["ValueError"],
        }
    ) == RetryPolicy(100, 1.5, 60_000, 5, 0.25, ("ValueError",))


@pytest.mark.parametrize(
    ("policy", "where"),
    [
        ({"maximum_attempts": 0}, "$.r.maximum_attempts"),
        ({"maximum_attempts": 2.5}, "$.r.maximum_attempts"),
        ({"maximum_attempts": True}, "$.r.maximum_attempts"),
        ({"backoff_coefficient": 0.5}, "$.r.backoff_coefficient"),
        ({"backoff_coefficient": "2"}, "$.r.backoff_coefficient"),
        ({"jitter": 1.5}, "$.r.jitter"),
        ({"jitter": float("nan")}, "$.r.jitter"),
        ({"initial_interval": "1 fortnight"}, "$.r.initial_interval"),
        ({"initial_interval": "1m", "maximum_interval": "1s"}, "$.r.maximum_interval"),
        ({"non_retryable_errors": "ValueError"}, "$.r.non_retryable_errors"),
        ({"non_retryable_errors": ["A", 3]}, "$.r.non_retryable_errors[1]"),
        ({"max_attempts": 3}, "$.r"),
        ([], "$.r"),
    ],
)
def test_a_bad_policy_is_refused_at_its_key(policy, where):
    with pytest.raises(DefinitionError) as caught:
        parse_retry(policy, "$.r")
    assert caught.value.where == where

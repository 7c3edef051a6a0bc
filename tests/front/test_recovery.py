"""When another worker is started."""

from __future__ import annotations

from livestyle.front.recovery import HEALTHY, SELDOM, STEADY, Recovery

KILLED = "the worker ended with signal 9 (SIGKILL)"


def test_a_worker_that_fails_at_its_start_is_tried_ever_more_seldom() -> None:
    recovery = Recovery()
    delays = [recovery.delay("no engine", 0.0, from_outside=False) for _ in range(8)]
    assert delays == [0, 1, 2, 4, 8, SELDOM, SELDOM, SELDOM]
    assert recovery.is_seldom and recovery.failures == 8


def test_also_where_each_fails_of_something_else() -> None:
    recovery = Recovery()
    delays = [recovery.delay(f"error {name}", 1.9, from_outside=False) for name in "abcdefg"]
    assert delays == [0, 1, 2, 4, 8, SELDOM, SELDOM]


def test_one_that_works_for_a_while_and_fails_the_same_way_is_tried_ever_more_seldom() -> None:
    recovery = Recovery()
    causes = [f"the worker said nothing for {seconds} s" for seconds in (3, 4, 3, 12, 3, 5, 3)]
    delays = [recovery.delay(cause, STEADY - 1, from_outside=False) for cause in causes]
    assert delays == [0, 1, 2, 4, 8, SELDOM, SELDOM]


def test_one_that_is_killed_again_and_again_is_followed_at_once() -> None:
    recovery = Recovery()
    assert {recovery.delay(KILLED, HEALTHY, from_outside=True) for _ in range(100)} == {0}
    assert not recovery.is_seldom


def test_one_that_is_killed_at_its_start_is_not() -> None:
    recovery = Recovery()
    delays = [recovery.delay(KILLED, HEALTHY - 0.1, from_outside=True) for _ in range(6)]
    assert delays == [0, 1, 2, 4, 8, SELDOM]


def test_different_failures_of_workers_that_worked_are_each_the_first() -> None:
    recovery = Recovery()
    for cause in ("a", "b", "a", "c") * 3:
        assert recovery.delay(cause, HEALTHY, from_outside=False) == 0


def test_a_minute_of_frames_makes_the_same_failure_another() -> None:
    recovery = Recovery()
    for _ in range(10):
        assert recovery.delay("out of memory", STEADY, from_outside=False) == 0
    for _ in range(5):
        recovery.delay("out of memory", 0.0, from_outside=False)
    assert recovery.is_seldom
    assert recovery.delay("out of memory", STEADY, from_outside=False) == 0
    assert not recovery.is_seldom


def test_what_cannot_help_soon_is_not_tried_soon() -> None:
    recovery = Recovery()
    assert recovery.seldom() == SELDOM and recovery.is_seldom
    assert recovery.delay("no GPU", 0.0, from_outside=False) == SELDOM
    assert recovery.delay("no GPU", STEADY, from_outside=False) == 0

"""The mailbox between two threads."""

import threading

import pytest

from livestyle.between.mailbox import Closed, Mailbox


def test_newest_wins_and_the_replaced_are_counted() -> None:
    mailbox: Mailbox[int] = Mailbox()
    for item in range(5):
        mailbox.put(item)
    assert mailbox.take() == 4
    assert mailbox.superseded == 4


def test_close_wakes_a_waiting_taker() -> None:
    mailbox: Mailbox[int] = Mailbox()
    ended = threading.Event()

    def take() -> None:
        with pytest.raises(Closed):
            mailbox.take()
        ended.set()

    thread = threading.Thread(target=take)
    thread.start()
    mailbox.close()
    assert ended.wait(5)
    thread.join(5)
    with pytest.raises(Closed):
        mailbox.put(1)


def test_every_item_is_taken_or_counted() -> None:
    mailbox: Mailbox[int] = Mailbox()
    taken: list[int] = []

    def take() -> None:
        try:
            while True:
                taken.append(mailbox.take())
        except Closed:
            return

    thread = threading.Thread(target=take)
    thread.start()
    for item in range(10_000):
        mailbox.put(item)
    while taken[-1:] != [9_999]:
        assert thread.is_alive()
    mailbox.close()
    thread.join(5)
    assert taken == sorted(taken)
    assert len(taken) + mailbox.superseded == 10_000

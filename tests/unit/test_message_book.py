"""Votes that come before their height is in agreement wait for it."""

from consensus.types import ZERO_HASH, Vote, VotePhase
from node.pipeline.message_book import EARLY_PER_MEMBER_MAX, MessageBook
from node.wire import Domain, decode_message, seal_message
from tests.support.swarm import key_of

DOMAIN = Domain(ZERO_HASH)


def prevote(height, view=0, sender=1):
    return decode_message(DOMAIN, seal_message(DOMAIN, Vote(height, view, VotePhase.PREVOTE, None), key_of(sender)))


def test_early_votes_are_handed_out_once_and_those_of_later_heights_stay():
    book = MessageBook(2)
    next_one, later = prevote(8), prevote(9)
    for message in (later, next_one):
        book.keep_early(message)
    assert book.take_early(8) == [next_one]
    assert book.take_early(8) == []
    book.forget(8)
    assert book.take_early(9) == [later]


def test_nobody_can_fill_the_room_of_others():
    book = MessageBook(2)
    for view in range(EARLY_PER_MEMBER_MAX + 5):
        book.keep_early(prevote(8, view))
    book.keep_early(prevote(8, sender=2))
    assert len(book.take_early(8)) == EARLY_PER_MEMBER_MAX + 1

"""What partners are told of payments that fund nothing, in every language."""

import pytest

from roadstead.messages.catalogue import Catalogue, Language, shipped_messages
from roadstead.remittances import suspense
from roadstead.remittances.expiry import EXPIRED
from roadstead.remittances.fixing import WAITING
from roadstead.remittances.matching import UnmatchedReason

CATALOGUE = Catalogue(shipped_messages())
FIRST = "A payment of 99.1234567 EURX arrived and does not pay for this."
LATE = suspense.TOLD[UnmatchedReason.TOO_LATE]
SENTENCES = [suspense.WAITS, suspense.GOES_BACK, *suspense.TOLD.values()]
OTHERS = pytest.mark.parametrize("language", [Language.SPANISH, Language.PORTUGUESE, Language.FRENCH])


@OTHERS
@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_sentence_is_translated_alone_and_after_others(sentence: str, language: Language) -> None:
    alone = CATALOGUE.translate(sentence, language)
    assert alone != sentence
    whole = CATALOGUE.translate(f"{FIRST} {LATE} {sentence}", language)
    assert whole.startswith(CATALOGUE.translate(FIRST, language))
    assert whole.endswith(alone)
    assert FIRST not in whole


@OTHERS
@pytest.mark.parametrize("text", [EXPIRED, WAITING])
def test_other_messages_of_matching_are_translated_whole(text: str, language: Language) -> None:
    assert CATALOGUE.translate(text, language) != text

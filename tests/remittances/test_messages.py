"""What partners are told of payments that fund nothing, in every language."""

import pytest

from roadstead.messages.catalogue import Catalogue, Language, shipped_messages
from roadstead.remittances import suspense
from roadstead.remittances.expiry import EXPIRED
from roadstead.remittances.matching import UnmatchedReason

CATALOGUE = Catalogue(shipped_messages())
FIRST = "A payment of 99.1234567 EURX arrived and does not pay for this."
LATE = suspense.TOLD[UnmatchedReason.TOO_LATE]
SENTENCES = [FIRST, suspense.WAITS, suspense.GOES_BACK, *suspense.TOLD.values()]
OTHERS = pytest.mark.parametrize("language", [Language.SPANISH, Language.PORTUGUESE, Language.FRENCH])


@OTHERS
@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_sentence_is_translated_alone_and_after_others(sentence: str, language: Language) -> None:
    alone = CATALOGUE.translate(sentence, language)
    assert alone != sentence
    assert CATALOGUE.translate(f"{FIRST} {LATE} {sentence}", language).endswith(alone)


@OTHERS
def test_the_end_of_a_remittance_is_translated(language: Language) -> None:
    assert CATALOGUE.translate(EXPIRED, language) != EXPIRED

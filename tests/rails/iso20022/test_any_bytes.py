"""Whatever bytes a bank sends: an answer or an error of ours, within a second."""

import random
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadstead.errors import BadInput, TooLarge
from roadstead.rails.iso20022.reading import read_bank_file

SECOND_S = 1.0
FLIPS = 1_500


def read(data: bytes) -> None:
    """Read a file, and fail on any error that is not ours, and when it takes too long."""
    began_s = time.monotonic()
    with suppress(BadInput, TooLarge):
        read_bank_file(data)
    assert time.monotonic() - began_s < SECOND_S


class TestGoldenFiles:
    def test_every_beginning_of_each(self, answers: dict[str, bytes]) -> None:
        kinds = {name.split("-")[0]: data for name, data in answers.items()}
        assert len(kinds) == 4
        for data in kinds.values():
            for length in range(len(data)):
                read(data[:length])

    @pytest.mark.parametrize("seed", range(3))
    def test_with_any_bits_turned(self, answers: dict[str, bytes], seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        files = list(answers.values())
        for _ in range(FLIPS):
            data = bytearray(chance.choice(files))
            for _ in range(chance.choice([1, 1, 1, 2, 8])):
                position = chance.randrange(len(data))
                data[position] ^= 1 << chance.randrange(8)
            read(bytes(data))

    @pytest.mark.parametrize("seed", range(3))
    def test_with_pieces_cut_out_doubled_or_swapped(self, answers: dict[str, bytes], seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - the same
        files = list(answers.values())
        for _ in range(FLIPS // 3):
            data = chance.choice(files)
            begin, end = sorted(chance.choices(range(len(data)), k=2))
            piece = chance.choice([b"", data[begin:end] * 2, chance.choice(files)[begin:end]])
            read(data[:begin] + piece + data[end:])


class TestAnyBytes:
    @settings(max_examples=300, deadline=None)
    @given(data=st.binary(max_size=2_000))
    def test_at_all(self, data: bytes) -> None:
        read(data)

    @settings(max_examples=300, deadline=None)
    @given(
        message=st.sampled_from(["pain.002.001.10", "camt.053.001.08", "camt.054.001.08", "pacs.004.001.09"]),
        body=st.recursive(
            st.text(alphabet=st.characters(codec="utf-8", exclude_characters="<&\0"), max_size=20),
            lambda inner: st.builds(
                "<{0}>{1}</{0}>".format,
                st.sampled_from(
                    "Stmt Ntfctn Ntry Amt CdtDbtInd Sts Cd Bal Dt DtTm NtryDtls TxDtls Refs EndToEndId Acct Id IBAN "
                    "GrpHdr MsgId CreDtTm OrgnlGrpInfAndSts OrgnlMsgId GrpSts TxInfAndSts TxSts TxInf".split()
                ),
                st.lists(inner, max_size=4).map("".join),
            ),
            max_leaves=20,
        ),
    )
    def test_of_the_right_message_and_any_content(self, message: str, body: str) -> None:
        root = {"pain": "CstmrPmtStsRpt", "pacs": "PmtRtr"}.get(message[:4], "BkToCstmrStmt")
        head = f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{message}"><{root}>'
        read(f"{head}{body}</{root}></Document>".encode("utf-8", "replace"))

"""What a file is, by its content alone."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.documents import box, heic, jpeg, mp4, pdf, png

from roadstead.customers import documents
from roadstead.customers.documents import MediaType, recognise
from roadstead.customers.formats import Unfit

FRONT = "photo_id_front"
SOUND = {
    MediaType.PNG: png(),
    MediaType.JPEG: jpeg(),
    MediaType.PDF: pdf(),
    MediaType.HEIC: heic(),
    MediaType.MP4: mp4(),
}


def box_of_png(name: bytes) -> bytes:
    """An empty chunk."""
    return struct.pack(">I4sI", 0, name, zlib.crc32(name))


def refusal(content: bytes, *, field: str = FRONT, label: str | None = None) -> str:
    with pytest.raises(Unfit) as refused:
        recognise(content, field=field, label=label)
    return refused.value.reason


class TestTaken:
    @pytest.mark.parametrize("media_type", SOUND)
    @pytest.mark.parametrize("label", [None, "", "application/octet-stream", "text/html", "Own"])
    def test_the_content_says_what_it_is(self, media_type: MediaType, label: str | None) -> None:
        assert recognise(SOUND[media_type], field="proof_of_liveness", label=label) is media_type

    @pytest.mark.parametrize("label", ["image/jpg", "IMAGE/JPEG; q=1"])
    def test_other_spellings_of_the_same_type_are_the_same(self, label: str) -> None:
        assert recognise(jpeg(), field=FRONT, label=label) is MediaType.JPEG

    def test_any_number_of_fill_bytes_before_a_segment_is_borne(self) -> None:
        filled = jpeg().replace(b"\xff\xda", b"\xff" * 100_000 + b"\xda", 1)
        assert recognise(filled, field=FRONT, label=None) is MediaType.JPEG

    def test_what_a_camera_adds_after_a_picture_is_borne(self) -> None:
        assert recognise(jpeg() + b"\0camera", field=FRONT, label=None) is MediaType.JPEG


class TestRefused:
    def test_an_empty_file(self) -> None:
        assert refusal(b"") == "is empty: send the file itself"

    @pytest.mark.parametrize(
        "content", [b"MZ\x90\0", b"<html>", b"GIF89a", b"PK\x03\x04", b"\0" * 100, b"%PDF", b"%!PS"]
    )
    def test_a_type_that_is_not_taken(self, content: bytes) -> None:
        assert "must be a PNG, JPEG, HEIC or PDF" in refusal(content)

    @pytest.mark.parametrize("media_type", SOUND)
    def test_what_contradicts_its_label(self, media_type: MediaType) -> None:
        label = next(other for other in MediaType if other is not media_type)
        reason = refusal(SOUND[media_type], field="proof_of_liveness", label=label)
        assert reason.startswith(f"was sent as {label}, but holds {media_type}")

    def test_a_film_where_a_picture_belongs(self) -> None:
        assert "is a film" in refusal(mp4())

    @pytest.mark.parametrize("media_type", [MediaType.PNG, MediaType.PDF, MediaType.HEIC, MediaType.MP4])
    @given(data=st.data())
    def test_what_was_cut_off(self, media_type: MediaType, data: st.DataObject) -> None:
        content = SOUND[media_type]
        kept = data.draw(st.integers(0, len(content) - 7))
        assert refusal(content[:kept], field="proof_of_liveness")

    @given(kept=st.integers(0, len(jpeg()) - 1))
    def test_a_jpeg_that_was_cut_off(self, kept: int) -> None:
        assert refusal(jpeg()[:kept])

    @given(place=st.integers(8, len(png()) - 1), bit=st.integers(0, 7))
    def test_a_png_with_a_flipped_bit(self, place: int, bit: int) -> None:
        content = bytearray(png())
        content[place] ^= 1 << bit
        assert refusal(bytes(content))

    def test_something_hidden_behind_a_png(self) -> None:
        assert "damaged" in refusal(png() + b"<script>")

    @pytest.mark.parametrize("make", [png, jpeg, heic])
    def test_pictures_of_no_plausible_size(self, make: object) -> None:
        assert callable(make)
        assert "is too small" in refusal(make(31, 400))
        if make is not png:
            assert "too large a picture" in refusal(make(30_001, 400))

    @pytest.mark.parametrize(
        "content",
        [
            b"\xff\xd8\xff" + b"\x01\xff" * (documents.PARTS_MAX + 1) + jpeg()[2:],
            png()[:33] + box_of_png(b"tEXt") * documents.PARTS_MAX + png()[33:],
            heic() + box(b"free", b"") * documents.PARTS_MAX,
            mp4() + box(b"free", b"") * documents.PARTS_MAX,
        ],
        ids=["jpeg", "png", "heic", "mp4"],
    )
    def test_one_of_more_parts_than_any_camera_writes_so_that_the_walk_ends_soon(
        self, content: bytes
    ) -> None:
        assert "damaged" in refusal(content, field="proof_of_liveness")

    def test_boxes_that_claim_more_than_there_is(self) -> None:
        content = box(b"ftyp", b"heic\0\0\0\0") + struct.pack(">I4sQ", 1, b"meta", 2**63)
        assert "damaged" in refusal(content)

    @given(st.sampled_from(list(SOUND.values())), st.binary(max_size=200))
    def test_nothing_is_an_accident(self, head: bytes, tail: bytes) -> None:
        for content in (head[:12] + tail, head[:40] + tail, tail):
            with suppress(Unfit):
                assert recognise(content, field=FRONT, label=None) in MediaType

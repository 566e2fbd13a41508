"""Text files: what is decoded is encoded to the same bytes, whatever they are."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeagent.tools.api import ToolError
from codeagent.tools.text import decode


@settings(max_examples=200, deadline=None)
@given(
    prefix=st.sampled_from([b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE]),
    parts=st.lists(
        st.sampled_from([b"a", b"\n", b"\r\n", b"\r", b"\xff", b"\xe9", "é€😀".encode(), b" "]), max_size=12
    ),
)
@pytest.mark.case(26)
def test_any_text_that_can_be_decoded_is_encoded_to_the_same_bytes(prefix: bytes, parts: list[bytes]) -> None:
    data = prefix + b"".join(parts)
    try:
        file = decode(data, "x")
    except ToolError:
        return
    assert file.encode("x") == data
    assert file.with_text(file.text).encode("x") == data


@settings(max_examples=200, deadline=None)
@given(
    before=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["\n", "\r\n"])), max_size=8),
    after=st.lists(st.sampled_from("abc"), max_size=8),
)
@pytest.mark.case(26)
def test_new_text_has_all_its_lines_and_only_known_line_ends(before: list[tuple[str, str]], after: list[str]) -> None:
    file = decode("".join(line + end for line, end in before).encode(), "x")
    text = "".join(f"{line}\n" for line in after)
    assert file.with_text(text).encode("x").replace(b"\r\n", b"\n").decode() == text

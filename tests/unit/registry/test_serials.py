"""Serial texts are read back whole or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.serials import NotASerial, Serials, parse

SERIALS = st.builds(
    lambda standard, place, project, vintage, batch, first, more: Serials(
        standard, place, project, vintage, batch, first, first + more
    ),
    st.from_regex(r"[A-Z][A-Z0-9]{1,11}", fullmatch=True),
    st.from_regex(r"[A-Z]{2}[0-9]{0,6}", fullmatch=True),
    st.from_regex(r"[A-Z0-9]{1,12}", fullmatch=True),
    st.integers(1000, 2999),
    st.integers(1, 9999),
    st.integers(1, 10**9),
    st.integers(0, 10**9),
)


@given(SERIALS)
def test_what_is_written_is_read_back(serials: Serials) -> None:
    assert parse(str(serials)) == serials


@given(SERIALS, st.data())
def test_a_text_that_is_nearly_a_serial_is_read_whole_or_refused(serials: Serials, data: st.DataObject) -> None:
    text = str(serials)
    place = data.draw(st.integers(0, len(text)))
    other = data.draw(st.sampled_from(["", "0", "1", "-", "A", "a", " ", "\n", "\u0661", "."]))
    edited = text[:place] + other + text[place + data.draw(st.integers(0, 2)) :]
    try:
        read = str(parse(edited))
    except NotASerial:
        return
    assert read == edited


def test_the_text_is_the_one_of_the_domain() -> None:
    assert str(Serials("CDCER", "CN510100", "0042", 2021, 1, 1, 3000)) == "CDCER-CN510100-0042-2021-01-1-3000"
    assert str(Serials("CDCER", "CN510100", "0042", 2021, 1, 413, 413)) == "CDCER-CN510100-0042-2021-01-413"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CDCER-CN510100-0042-2021-01",
        "CDCER-CN510100-0042-2021-01-0",
        "CDCER-CN510100-0042-2021-01-01",
        "CDCER-CN510100-0042-2021-1-5",
        "CDCER-CN510100-0042-2021-01-5-4",
        "CDCER-CN510100-0042-2021-01-5-5",
        "CDCER-CN510100-0042-2021-01-5-6-7",
        " CDCER-CN510100-0042-2021-01-5",
        "cdcer-CN510100-0042-2021-01-5",
        "CDCER-CN510100-0042-2021-01-5\n",
        "CDCER-CN510100-0042-2021-01-٥",
    ],
)
def test_every_other_text_is_refused(text: str) -> None:
    with pytest.raises(NotASerial):
        parse(text)

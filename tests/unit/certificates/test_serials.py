"""The lines of serials together are the grams of the certificate, whatever their number."""

from hypothesis import given
from hypothesis import strategies as st

from services.certificates.domain.serials import SINGLE_SERIALS_MAX, serial_lines
from shared.contracts.registry import Allocation

PREFIX = "CDCER-CN510100-0042-2021-01"
TONNE = 1_000_000


def allocation(from_gram: int, to_gram: int) -> Allocation:
    first, last = from_gram // TONNE + 1, (to_gram - 1) // TONNE + 1
    return Allocation(
        batch_id="bat_3Q401W1FSFP4KCYPCR9YZAW06C",
        from_gram=from_gram,
        to_gram=to_gram,
        first_serial=f"{PREFIX}-{first}",
        last_serial=f"{PREFIX}-{last}",
    )


def test_s4_a_range_across_two_tonnes_gives_a_line_for_each_serial() -> None:
    lines = serial_lines([allocation(412_730_480, 413_263_494)])
    assert [(line.serial, line.from_gram, line.to_gram) for line in lines] == [
        (f"{PREFIX}-413", 412_730_480, 413_000_000),
        (f"{PREFIX}-414", 413_000_000, 413_263_494),
    ]


def test_a_line_for_one_serial_ends_with_its_tonne() -> None:
    assert [line.serial for line in serial_lines([allocation(0, TONNE)])] == [f"{PREFIX}-1"]


def test_more_serials_than_a_page_holds_are_written_as_ranges() -> None:
    tonnes = SINGLE_SERIALS_MAX
    whole, more = serial_lines([allocation(0, tonnes * TONNE)]), serial_lines([allocation(0, tonnes * TONNE + 1)])
    assert len(whole) == tonnes
    assert [line.serial for line in more] == [f"{PREFIX}-1-{tonnes + 1}"]


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(1, 10**9)), min_size=1, max_size=20))
def test_lines_add_up_to_what_was_allocated(ranges: list[tuple[int, int]]) -> None:
    allocations = [allocation(start, start + grams) for start, grams in ranges]
    lines = serial_lines(allocations)
    assert sum(line.to_gram - line.from_gram for line in lines) == sum(grams for _, grams in ranges)
    assert all(line.from_gram < line.to_gram for line in lines)

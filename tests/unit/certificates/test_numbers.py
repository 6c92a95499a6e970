"""A certificate's id, number and codes follow from its order and the secret, and a code is read as people type it."""

from services.certificates.domain.numbers import certificate_id_of, code_of, number_of, read_code

ORDER, OTHER = "ord_2CKZ1DHS2A1NRP9EAR7B5VMKX0", "ord_2CKZ1DHS2A1NRP9EAR7B5VMKX1"


def test_k3_number_and_code_follow_from_order_and_secret_and_reveal_neither() -> None:
    number, code = number_of("secret", ORDER, 2026), code_of("secret", ORDER, 1)
    assert certificate_id_of(ORDER) == "cert_2CKZ1DHS2A1NRP9EAR7B5VMKX0"
    assert (number, code) == (number_of("secret", ORDER, 2026), code_of("secret", ORDER, 1))
    assert len({number, number_of("other", ORDER, 2026), number_of("secret", OTHER, 2026)}) == 3
    assert len({code, code_of("other", ORDER, 1), code_of("secret", OTHER, 1), code_of("secret", ORDER, 2)}) == 4
    # Neighbouring orders have numbers with nothing in common, and the number is no part of the code.
    assert number[8:12] != number_of("secret", OTHER, 2026)[8:12]
    assert number[8:] not in code.replace("-", "")


def test_a_code_is_read_in_any_case_and_grouping_and_by_its_look_alikes() -> None:
    for typed in ("7K3M-9QXD-01B0", "7k3m9qxdolbo", " 7K3M 9QXD OIBO ", "7k3-m9q-xd0-1b0"):
        assert read_code(typed) == "7K3M-9QXD-01B0"


def test_what_cannot_be_a_code_is_none() -> None:
    for typed in ("", "7K3M-9QXD-4TV", "7K3M-9QXD-4TVBB", "7K3M-9QXD-4TVU", "7K3M-9QXD-4TV点", "cert_2CKZ1DHS"):
        assert read_code(typed) is None


def test_a_number_opens_nothing() -> None:
    assert read_code(number_of("secret", ORDER, 2026)) is None

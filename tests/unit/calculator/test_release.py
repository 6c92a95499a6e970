"""What a frozen release holds, and that an altered one is refused."""

from pathlib import Path

import pytest

import services.calculator.factors as releases
from services.calculator.domain.factors import NoFactor, ReleaseAltered, UnknownRelease, release_of
from services.calculator.factors import DIGESTS, LATEST, load_release

FOLDER = Path(releases.__file__).parent / LATEST


def files():
    return {file.name: file.read_bytes() for file in FOLDER.iterdir()}


@pytest.mark.parametrize("name", ["factors.csv", "defaults.csv", "airports.csv", "manifest.json"])
def test_a_release_with_one_altered_byte_is_refused(name):
    altered = files()
    altered[name] = altered[name].replace(b"2", b"3", 1)
    with pytest.raises(ReleaseAltered) as refused:
        release_of(altered, digest=DIGESTS[LATEST])
    assert refused.value.code == "release_altered"


@pytest.mark.parametrize("name", ["factors.csv", "manifest.json"])
def test_a_release_that_lacks_a_file_is_refused(name):
    lacking = files()
    del lacking[name]
    with pytest.raises(ReleaseAltered):
        release_of(lacking, digest=DIGESTS[LATEST])


def test_the_loader_refuses_an_altered_folder(tmp_path):
    (tmp_path / LATEST).mkdir()
    for name, content in files().items():
        (tmp_path / LATEST / name).write_bytes(content.replace(b"0.07435", b"0.07434"))
    with pytest.raises(ReleaseAltered):
        load_release(LATEST, folder=tmp_path)


@pytest.mark.parametrize("name", ["2019.1", "../2026.2", ""])
def test_an_unknown_release_is_refused_without_a_look_at_the_disk(name):
    with pytest.raises(UnknownRelease) as refused:
        load_release(name)
    assert refused.value.code == "unknown_release"


def test_every_row_states_its_pedigree(release):
    for factor in release.factors.values():
        assert factor.value >= 0
        assert factor.grade in {"A", "B", "C"}
        assert all((factor.source, factor.publisher, factor.year, factor.unit, factor.gas_basis, factor.boundary))
        assert factor.half_width_from
        assert 0 <= factor.half_width <= 1


def test_no_row_rests_on_an_unconfirmed_licence(release):
    assert not any("CEDA" in factor.source for factor in release.factors.values())
    assert release.licences


def test_each_row_is_named_by_a_default_and_each_default_names_rows(release):
    named = {term for lines in release.defaults.values() for _, product, _ in lines for term in product.split()}

    assert {term for term in named if not term.startswith("@")} == set(release.factors)
    notes = {note for lines in release.defaults.values() for *_, basis in lines for note in basis.split()}
    assert notes == set(release.notes)


def test_values_are_the_texts_of_the_source(release):
    published = {
        "flight.short-haul-economy-class-without-rf.gb.2025": "0.07435",
        "flight.short-haul-economy-class-non-co2.gb.2025": "0.05141",
        "flight.wtt-of-long-haul-economy-class.gb.2025": "0.02461",
        "flight.long-haul-economy-class-non-co2.gb.2025": "0.04778",
        "rail.high-speed-rail-whole-operation.cn.2019": "0.03048",
        "hotel.night-average-class-china.cn.2025": "53.5",
        "meal.red-meat-meal.fr.2025": "5.01",
        "grid.cn-sc.2023": "0.1564",
        "grid.in.2024": "0.7117",
    }
    assert {name: str(release.factors[name].value) for name in published} == published


def test_thirty_eight_countries_and_london_have_their_own_hotel_row(release):
    hotels = {region: lines for (activity, region), lines in release.defaults.items() if activity == "hotel"}
    own = {region for region, lines in hotels.items() if region != "world" and "region_mean" not in lines[0][2]}

    assert len(own) == 39
    assert {"CN", "IN", "FR", "GB-LND"} <= own
    assert "KZ" not in own


def test_an_activity_without_any_factor_is_refused(release):
    with pytest.raises(NoFactor) as refused:
        release.terms("yacht", ("CN",))
    assert refused.value.code == "no_factor"

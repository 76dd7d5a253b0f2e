"""Links of the catalogue: both directions, round trip, radio power, pieces that can be pasted."""

import pytest

from models import InvalidInput, Link
from models.catalogue import LinkEntry
from placement import catalogue

LINKS = catalogue.links()
WITH_LINK = [entry for entry in LINKS if entry.link is not None]


@pytest.mark.parametrize("entry", WITH_LINK, ids=lambda entry: entry.id)
def test_a_link_can_be_pasted_once_its_ends_are_named(entry: LinkEntry):
    for piece in (entry.link, entry.link_cautious, entry.link_near_server):
        if piece is not None:
            pasted = Link.model_validate({"source": "phone", "target": "edge", **piece.model_dump(mode="json")})
            assert pasted == piece.as_link("phone", "edge")


def test_the_terminal_is_the_source_so_the_uplink_is_the_forward_direction():
    lte = catalogue.link("lte")
    assert lte.link.bandwidth_bits_per_s == 31e6
    assert lte.link.reverse_bandwidth_bits_per_s == 117e6
    assert lte.link.latency_s == 0.089 / 2


@pytest.mark.parametrize(
    ("name", "transmit", "receive"),
    [("lte", 3.003, 1.889), ("5g-nsa-low", 2.958, 1.659), ("5g-mmwave", 4.048, 4.570)],
)
def test_radio_power_is_the_regression_without_the_phone(name: str, transmit: float, receive: float):
    """slope x median rate + (intercept - base), e.g. LTE uplink 0.07668 x 31 + 0.626 = 3.003 W."""
    piece = catalogue.link(name).link
    assert (piece.transmit_power_w, piece.receive_power_w) == pytest.approx((transmit, receive), abs=5e-4)


def test_regressions_that_fit_badly_or_are_stretched_are_called_weak():
    lte, mmwave = catalogue.link("lte"), catalogue.link("5g-mmwave")
    assert "55% of the variance" in lte.power_provenance.weak
    assert "beyond 28 Mbit/s" in lte.power_provenance.weak
    assert mmwave.weak == ()


def test_borrowed_power_says_whose_it_is():
    assert "5g-nsa-low stands in" in catalogue.link("5g-sa-low").power_provenance.weak


def test_wireless_lan_is_half_duplex_and_shares_its_channel():
    wifi = catalogue.link("wifi6")
    assert wifi.link.duplex == "half"
    assert any("same medium" in note for note in wifi.notes)
    assert catalogue.link("ethernet-1g").link.duplex == "full"


def test_servers_nearby_and_bad_days_have_pieces_of_their_own():
    nsa = catalogue.link("5g-nsa-low")
    assert nsa.link_near_server.latency_s == 0.015 / 2
    assert nsa.link_cautious.bandwidth_bits_per_s == 35e6
    assert nsa.link_cautious.reverse_bandwidth_bits_per_s == 10e6
    assert catalogue.link("wifi6").link_cautious is None


def test_links_without_enough_figures_say_what_is_missing():
    missing = {entry.id: entry.link_missing for entry in LINKS if entry.link is None}
    assert missing["5g-median-world"] == "not known: round trip"
    assert set(missing) == {"lte-2012", "5g-median-world", "edgeshard-sweep", "uav-cpsfl"}


def test_an_unknown_link_is_answered_with_near_ones():
    with pytest.raises(InvalidInput, match="did you mean wifi6"):
        catalogue.link("wifi-6")

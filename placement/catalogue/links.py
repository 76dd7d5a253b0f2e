"""Links: measured percentiles, and pieces of a cluster made of them. The terminal is the source of a link."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from models.catalogue import LinkEntry, LinkPiece, NearServer, Percentiles, Provenance, RadioPower
from models.cluster import Duplex
from placement.catalogue.reading import Facts, joined, measurements, packaged, provenance


def build_links() -> tuple[LinkEntry, ...]:
    """All links of the catalogue."""
    links = packaged("links.json")["links"]
    return tuple(_link(link, {other["id"]: other for other in links}) for link in links)


def _percentiles(facts: Facts | None) -> Percentiles | None:
    if facts is None:
        return None
    values = {name: facts[name] for name in ("p5", "p50", "p95", "best") if name in facts}
    return Percentiles(**values, **dict(provenance(facts)))


def _near_server(facts: Facts | None) -> NearServer | None:
    if facts is None:
        return None
    return NearServer(
        downlink_bits_per_s=facts["downlink"],
        uplink_bits_per_s=facts["uplink"],
        round_trip_s=facts["round_trip"],
        **dict(provenance(facts)),
    )


def _power(link: Facts, by_id: dict[str, Facts]) -> tuple[RadioPower | None, RadioPower | None, Provenance | None]:
    """Transmit and receive power of the terminal: the link's own, or that of a similar one."""
    borrowed = link.get("radio_power_of")
    facts = by_id[borrowed]["radio_power"] if borrowed else link.get("radio_power")
    if facts is None:
        return None, None, None
    weak = f"no power was measured on this network; that of {borrowed} stands in" if borrowed else None
    origin = Provenance(**joined(provenance(facts), weak=weak))
    return RadioPower(**facts["transmit"]), RadioPower(**facts["receive"]), origin


def _link(link: Facts, by_id: dict[str, Facts]) -> LinkEntry:
    uplink, downlink = _percentiles(link.get("uplink")), _percentiles(link.get("downlink"))
    round_trip, near = _percentiles(link.get("round_trip")), _near_server(link.get("near_server"))
    transmit, receive, origin = _power(link, by_id)
    duplex = Duplex(link["duplex"])
    missing = _missing(uplink, downlink, round_trip, origin)
    origins = {
        "uplink_bits_per_s": uplink,
        "downlink_bits_per_s": downlink,
        "round_trip_s": round_trip,
        "power": _with_fit(origin, (("sending", transmit, uplink), ("receiving", receive, downlink))),
    }
    return LinkEntry(
        id=link["id"],
        name=link["name"],
        uplink_bits_per_s=uplink,
        downlink_bits_per_s=downlink,
        round_trip_s=round_trip,
        near_server=near,
        duplex=duplex,
        transmit_power=transmit,
        receive_power=receive,
        power_provenance=origins["power"],
        measurements=measurements(link["measurements"]),
        notes=(*link["notes"], *_far_end_note(link)),
        link_missing=missing,
        weak=tuple(f"{name}: {given.weak}" for name, given in origins.items() if given is not None and given.weak),
        **({} if missing else _pieces(link, transmit, receive, duplex)),
    )


def _pieces(
    link: Facts, transmit: RadioPower | None, receive: RadioPower | None, duplex: Duplex
) -> dict[str, LinkPiece]:
    """Links at the medians, at the 5th percentiles, and at the medians towards servers nearby, as far as known."""
    round_trip = link["round_trip"]["p50"]
    near = link.get("near_server", {})
    rates = {
        "link": (link["uplink"]["p50"], link["downlink"]["p50"], round_trip),
        "link_cautious": (link["uplink"].get("p5"), link["downlink"].get("p5"), round_trip),
        "link_near_server": (near.get("uplink"), near.get("downlink"), near.get("round_trip")),
    }
    return {
        name: LinkPiece(
            bandwidth_bits_per_s=up,
            reverse_bandwidth_bits_per_s=down,
            latency_s=seconds / 2,
            transmit_power_w=0.0 if transmit is None else round(transmit.at(up), 6),
            receive_power_w=0.0 if receive is None else round(receive.at(down), 6),
            duplex=duplex,
        )
        for name, (up, down, seconds) in rates.items()
        if up is not None and down is not None
    }


def _missing(
    uplink: Percentiles | None, downlink: Percentiles | None, round_trip: Percentiles | None, power: Provenance | None
) -> str | None:
    known: dict[str, Any] = {
        "uplink rate": uplink and uplink.p50,
        "downlink rate": downlink and downlink.p50,
        "round trip": round_trip and round_trip.p50,
        "power": power,
    }
    absent = [name for name, value in known.items() if value is None]
    return f"not known: {', '.join(absent)}" if absent else None


def _with_fit(
    origin: Provenance | None, directions: Iterable[tuple[str, RadioPower | None, Percentiles | None]]
) -> Provenance | None:
    """Adds what the regression itself says about its reach: the fit, and rates beyond its data."""
    if origin is None:
        return None
    remarks = []
    for called, power, rates in directions:
        if power is None or power.r_squared is None:
            continue
        if power.r_squared < 0.7:
            remarks.append(f"regression for {called} explains {power.r_squared:.0%} of the variance")
        limit = power.measured_up_to_bits_per_s
        if limit is not None and rates is not None and rates.p50 is not None and rates.p50 > limit:
            remarks.append(f"for {called} extrapolated beyond {limit / 1e6:g} Mbit/s")
    return Provenance(**joined(origin, weak="; ".join(remarks) or None))


def _far_end_note(link: Facts) -> tuple[str, ...]:
    if link["medium"] == "wired" or ("radio_power" not in link and "radio_power_of" not in link):
        return ()
    return (
        "Powers are the terminal's radio above idle. A plan charges the far end the same figures; give a mains-powered "
        "node energy_weight 0 to leave it out.",
    )

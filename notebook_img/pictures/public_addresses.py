"""Which addresses are of the public internet: every reserved range of IPv4 and IPv6, with where it is written down.

Made from IANA's special-purpose registries (https://www.iana.org/assignments/iana-ipv4-special-registry and
iana-ipv6-special-registry) and address spaces (ipv6-address-space, multicast-addresses), read in November 2026. Ranges that the
registries call reachable but that no picture is served from (AS112, AMT, relays) are among them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

IPV4: Mapping[str, str] = {
    "0.0.0.0/8": "RFC 791, this network",
    "10.0.0.0/8": "RFC 1918, private",
    "100.64.0.0/10": "RFC 6598, shared by providers",
    "127.0.0.0/8": "RFC 1122, loopback",
    "169.254.0.0/16": "RFC 3927, link local; metadata of clouds",
    "172.16.0.0/12": "RFC 1918, private",
    "192.0.0.0/24": "RFC 6890, protocol assignments",
    "192.0.2.0/24": "RFC 5737, documentation",
    "192.31.196.0/24": "RFC 7535, AS112",
    "192.52.193.0/24": "RFC 7450, AMT",
    "192.88.99.0/24": "RFC 7526, relays of 6to4, withdrawn",
    "192.168.0.0/16": "RFC 1918, private",
    "192.175.48.0/24": "RFC 7534, AS112",
    "198.18.0.0/15": "RFC 2544, benchmarks",
    "198.51.100.0/24": "RFC 5737, documentation",
    "203.0.113.0/24": "RFC 5737, documentation",
    "224.0.0.0/4": "RFC 5771, multicast",
    "240.0.0.0/4": "RFC 1112, reserved; RFC 8190, broadcast",
}

IPV6: Mapping[str, str] = {
    "::/96": "RFC 4291, unspecified, loopback, and IPv4-compatible, withdrawn",
    "::ffff:0:0/96": "RFC 4291, IPv4-mapped",
    "::ffff:0:0:0/96": "RFC 2765, IPv4-translated, withdrawn",
    "64:ff9b:1::/48": "RFC 8215, translation within a network",
    "100::/64": "RFC 6666, discarded",
    "100:0:0:1::/64": "RFC 9780, dummy prefix",
    "2001::/23": "RFC 2928, protocol assignments: Teredo (RFC 4380), benchmarks (RFC 5180), ORCHID (RFC 7343), AMT (RFC 7450)",
    "2001:db8::/32": "RFC 3849, documentation",
    "2002::/16": "RFC 3056, 6to4, which carries an IPv4 address; RFC 7526",
    "2620:4f:8000::/48": "RFC 7534, AS112",
    "3ffe::/16": "RFC 3701, 6bone, returned",
    "3fff::/20": "RFC 9637, documentation",
    "5f00::/16": "RFC 9602, segment routing",
    "fc00::/7": "RFC 4193, unique local",
    "fe80::/10": "RFC 4291, link local",
    "fec0::/10": "RFC 3879, site local, withdrawn",
    "ff00::/8": "RFC 4291, multicast",
}

_UNICAST = ipaddress.ip_network("2000::/3")
"""The only part of IPv6 that addresses of the public internet are given out of (RFC 4291, RFC 3587)."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""Carries the address of an IPv4 host in its last four bytes, for networks without IPv4 (RFC 6052)."""
_RESERVED = tuple(ipaddress.ip_network(text) for text in (*IPV4, *IPV6))


def is_public(address: str) -> bool:
    """Return whether an address is one of the public internet.

    Parameters
    ----------
    address : str
        Of IPv4 or IPv6, with or without a zone.
    """
    plain: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(plain, ipaddress.IPv6Address) and plain in _NAT64:
        plain = ipaddress.IPv4Address(int(plain) & 0xFFFFFFFF)
    if isinstance(plain, ipaddress.IPv6Address) and plain not in _UNICAST:
        return False
    return not any(plain in network for network in _RESERVED)

//! Which addresses the server may be sent to by somebody's URL.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses may be connected to for a URL that a stranger chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Addresses of the public internet alone.
    PublicOnly,
    /// Those, and this machine: for local development.
    LoopbackToo,
}

/// IPv4 blocks that are not the public internet: network, prefix length,
/// what it is. The IANA IPv4 Special-Purpose Address Registry (RFC 6890),
/// whole, with multicast and the reserved class E, which hold the documentation
/// block 233.252.0.0/24 and the limited broadcast address.
const IPV4: [(Ipv4Addr, u32, &str); 19] = [
    (Ipv4Addr::UNSPECIFIED, 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private use"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared address space"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    // The platform's own services (Microsoft: "What is IP address
    // 168.63.129.16?"), reachable from every Azure instance.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "Azure platform"),
    // With 169.254.169.254, the instance metadata service.
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private use"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "IETF protocol assignments"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "AS112"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "AMT"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relay anycast"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private use"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "AS112"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarking"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// The one block of IPv6 that is assigned for global unicast: everything
/// outside is loopback, local, multicast, an embedded IPv4 address or not
/// assigned (IANA, Internet Protocol Version 6 Address Space).
const GLOBAL_UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// IPv6 blocks that are not the public internet. Those within global unicast
/// decide; the others only give the refusal its name.
const IPV6: [(Ipv6Addr, u32, &str); 20] = [
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (
        Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0),
        96,
        "IPv4-mapped",
    ),
    (Ipv6Addr::UNSPECIFIED, 96, "IPv4-compatible"),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, "NAT64"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "NAT64"),
    (
        Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0),
        64,
        "discard only",
    ),
    (
        Ipv6Addr::new(0x100, 0, 0, 1, 0, 0, 0, 0),
        64,
        "dummy prefix",
    ),
    (
        Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0),
        16,
        "segment routing",
    ),
    (
        Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0),
        7,
        "unique local",
    ),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "site-local"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, "Teredo"),
    // Benchmarking, ORCHID, AS112 and the like.
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        23,
        "IETF protocol assignments",
    ),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        "documentation",
    ),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (
        Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0),
        48,
        "AS112",
    ),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, "6bone"),
    (
        Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0),
        20,
        "documentation",
    ),
];

impl AddressPolicy {
    /// What `address` is, when it must not be connected to; `None` when it
    /// may be.
    #[must_use]
    pub fn objection(self, address: IpAddr) -> Option<&'static str> {
        if self == Self::LoopbackToo && address.is_loopback() {
            return None;
        }
        match address {
            IpAddr::V4(address) => ipv4(address),
            IpAddr::V6(address) => ipv6(address),
        }
    }
}

fn ipv4(address: Ipv4Addr) -> Option<&'static str> {
    IPV4.into_iter()
        .find(|(network, length, _)| {
            let differing = address.to_bits() ^ network.to_bits();
            differing.leading_zeros() >= *length
        })
        .map(|(_, _, what)| what)
}

fn ipv6(address: Ipv6Addr) -> Option<&'static str> {
    let within = |network: Ipv6Addr, length: u32| {
        (address.to_bits() ^ network.to_bits()).leading_zeros() >= length
    };
    let named = IPV6
        .into_iter()
        .find(|(network, length, _)| within(*network, *length))
        .map(|(_, _, what)| what);
    let (global, length) = GLOBAL_UNICAST;
    named.or_else(|| (!within(global, length)).then_some("not assigned"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: [(&str, &str); 68] = [
        ("0.0.0.0", "this network"),
        ("0.255.255.255", "this network"),
        ("10.0.0.1", "private use"),
        ("10.255.255.255", "private use"),
        ("100.64.0.1", "shared address space"),
        ("100.127.255.255", "shared address space"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("168.63.129.16", "Azure platform"),
        ("169.254.0.1", "link-local"),
        ("169.254.169.254", "link-local"),
        ("169.254.255.255", "link-local"),
        ("172.16.0.1", "private use"),
        ("172.31.255.255", "private use"),
        ("192.0.0.1", "IETF protocol assignments"),
        ("192.0.0.8", "IETF protocol assignments"),
        ("192.0.0.170", "IETF protocol assignments"),
        ("192.0.2.1", "documentation"),
        ("192.31.196.1", "AS112"),
        ("192.52.193.1", "AMT"),
        ("192.88.99.1", "6to4 relay anycast"),
        ("192.168.0.1", "private use"),
        ("192.168.255.255", "private use"),
        ("192.175.48.1", "AS112"),
        ("198.18.0.1", "benchmarking"),
        ("198.19.255.255", "benchmarking"),
        ("198.51.100.7", "documentation"),
        ("203.0.113.9", "documentation"),
        ("224.0.0.1", "multicast"),
        ("233.252.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.254", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::2", "IPv4-compatible"),
        ("::7f00:1", "IPv4-compatible"),
        ("::8.8.8.8", "IPv4-compatible"),
        ("::ffff:127.0.0.1", "IPv4-mapped"),
        ("::ffff:10.0.0.1", "IPv4-mapped"),
        ("::ffff:8.8.8.8", "IPv4-mapped"),
        ("::ffff:a83f:8110", "IPv4-mapped"),
        ("64:ff9b::7f00:1", "NAT64"),
        ("64:ff9b::a9fe:a9fe", "NAT64"),
        ("64:ff9b:1::1", "NAT64"),
        ("64:ff9b:1:ffff::a00:1", "NAT64"),
        ("100::1", "discard only"),
        ("100:0:0:1::1", "dummy prefix"),
        ("2001::1", "Teredo"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
        ("2001:2::1", "IETF protocol assignments"),
        ("2001:10::1", "IETF protocol assignments"),
        ("2001:1ff:ffff::1", "IETF protocol assignments"),
        ("2001:db8::1", "documentation"),
        ("2002:7f00:1::1", "6to4"),
        ("2002:a9fe:a9fe::", "6to4"),
        ("2620:4f:8000::1", "AS112"),
        ("3ffe::1", "6bone"),
        ("3fff::1", "documentation"),
        ("3fff:fff:ffff::1", "documentation"),
        ("4000::1", "not assigned"),
        ("5f00::1", "segment routing"),
        ("fc00::1", "unique local"),
        ("fd12:3456:789a::1", "unique local"),
        ("fe80::1", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
    ];

    const TAKEN: [&str; 18] = [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "168.63.129.15",
        "168.63.129.17",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2606:4700:4700::1111",
        "2a00:1450:4001:80b::200e",
        "3fff:1000::1",
    ];

    #[test]
    fn every_special_block_is_refused_by_its_name() {
        for (text, what) in REFUSED {
            let address = text.parse().unwrap();
            let objection = AddressPolicy::PublicOnly.objection(address);
            assert_eq!(objection, Some(what), "{text}");
        }
    }

    #[test]
    fn the_public_internet_is_taken_up_to_the_edges_of_special_blocks() {
        for text in TAKEN {
            let address = text.parse().unwrap();
            for policy in [AddressPolicy::PublicOnly, AddressPolicy::LoopbackToo] {
                assert_eq!(policy.objection(address), None, "{text}");
            }
        }
    }

    #[test]
    fn in_development_this_machine_is_taken_too_and_nothing_else() {
        for (text, _) in REFUSED {
            let address: IpAddr = text.parse().unwrap();
            let objection = AddressPolicy::LoopbackToo.objection(address);
            assert_eq!(objection.is_none(), address.is_loopback(), "{text}");
        }
    }
}

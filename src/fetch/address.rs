//! Which addresses of the network may be asked: none but public ones, unless an
//! allow-list names them.
//!
//! A server that fetches what strangers name is a way into the network that it
//! stands in: to the machine itself, to its neighbours, to the metadata of the
//! cloud it runs in. So every address is judged after its name was resolved, and
//! the connection goes to the address that was judged.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What the IPv4 networks are that nothing public is in (IANA's registry of special
/// purposes). The first that holds an address counts.
const SPECIAL_V4: [(Ipv4Net, &str); 17] = [
    (v4([0, 0, 0, 0], 8), "this very machine"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared by a carrier"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "for protocols"),
    (v4([192, 0, 2, 0], 24), "for documentation"),
    (v4([192, 88, 99, 0], 24), "a relay"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "for benchmarks"),
    (v4([198, 51, 100, 0], 24), "for documentation"),
    (v4([203, 0, 113, 0], 24), "for documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([255, 255, 255, 255], 32), "broadcast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
    (v4([168, 63, 129, 16], 32), "a cloud's own"),
];

/// The same for IPv6, as far as it is within [`GLOBAL_V6`].
const SPECIAL_V6: [(Ipv6Net, &str); 3] = [
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "for protocols"),
    (
        v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
        "for documentation",
    ),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "for documentation"),
];

/// All that is handed out to the public.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// What the others are called, where they have a name.
const NAMED_V6: [(Ipv6Net, &str); 5] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "this very machine"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "private"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

/// Networks whose addresses carry an IPv4 address, and the byte at which it begins:
/// mapped ones, those translated by NAT64 and those tunnelled by 6to4.
const CARRIERS: [(Ipv6Net, usize); 3] = [
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), 12),
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), 12),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), 2),
];

const fn v4(address: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(address: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = address;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// Why nothing is fetched from `address`; `None` for a public one.
pub fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let found = SPECIAL_V4.iter().find(|(net, _)| net.contains(&address));
    found.map(|(_, what)| *what)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    if let Some((_, at)) = CARRIERS.iter().find(|(net, _)| net.contains(&address)) {
        let carried = address.octets().get(*at..at + 4).map(|bytes| {
            let [a, b, c, d] = [bytes[0], bytes[1], bytes[2], bytes[3]];
            Ipv4Addr::new(a, b, c, d)
        });
        return carried.map_or(Some("reserved"), special_v4);
    }
    let named = SPECIAL_V6.iter().chain(&NAMED_V6);
    let found = named.clone().find(|(net, _)| net.contains(&address));
    let outside = || (!GLOBAL_V6.contains(&address)).then_some("reserved");
    found.map(|(_, what)| *what).or_else(outside)
}

/// What an allow-list names: a host, or a network of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A host by its name, whatever address it has.
    Host(String),
    /// Addresses.
    Net(IpNet),
}

impl Allowed {
    /// Whether `host`, which is at `address`, is meant.
    pub fn holds(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Host(name) => name.eq_ignore_ascii_case(host.trim_end_matches('.')),
            Self::Net(net) => net.contains(&address.to_canonical()),
        }
    }
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(net) = text.parse() {
            return Ok(Self::Net(net));
        }
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self::Net(IpNet::from(address)));
        }
        // As an address would name it: lower case, Punycode.
        match url::Host::parse(text) {
            Ok(url::Host::Domain(name)) if !text.contains(['/', '*', ':']) => {
                Ok(Self::Host(name.trim_end_matches('.').to_owned()))
            }
            _ => Err("expected a host, an address or a network, as media.example, 10.0.0.5 or 10.0.0.0/8".into()),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::Net(net) => net.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for (address, expected) in [
            ("0.0.0.0", Some("this very machine")),
            ("0.1.2.3", Some("this very machine")),
            ("9.255.255.255", None),
            ("10.0.0.1", Some("private")),
            ("10.255.255.255", Some("private")),
            ("11.0.0.0", None),
            ("100.63.255.255", None),
            ("100.64.0.1", Some("shared by a carrier")),
            ("100.127.255.255", Some("shared by a carrier")),
            ("100.128.0.0", None),
            ("127.0.0.1", Some("loopback")),
            ("127.255.255.255", Some("loopback")),
            ("168.63.129.16", Some("a cloud's own")),
            ("169.254.169.254", Some("link-local")),
            ("172.15.255.255", None),
            ("172.16.0.1", Some("private")),
            ("172.31.255.255", Some("private")),
            ("172.32.0.0", None),
            ("192.0.0.8", Some("for protocols")),
            ("192.0.2.1", Some("for documentation")),
            ("192.88.99.1", Some("a relay")),
            ("192.167.255.255", None),
            ("192.168.1.1", Some("private")),
            ("198.17.255.255", None),
            ("198.18.0.1", Some("for benchmarks")),
            ("198.19.255.255", Some("for benchmarks")),
            ("198.51.100.7", Some("for documentation")),
            ("203.0.113.7", Some("for documentation")),
            ("223.255.255.255", None),
            ("224.0.0.1", Some("multicast")),
            ("239.255.255.255", Some("multicast")),
            ("240.0.0.1", Some("reserved")),
            ("255.255.255.255", Some("broadcast")),
            ("8.8.8.8", None),
            ("::", Some("this very machine")),
            ("::1", Some("loopback")),
            ("::2", Some("reserved")),
            // An old way to write 127.0.0.1.
            ("::7f00:1", Some("reserved")),
            ("::ffff:127.0.0.1", Some("loopback")),
            ("::ffff:10.1.2.3", Some("private")),
            ("::ffff:169.254.169.254", Some("link-local")),
            ("::ffff:8.8.8.8", None),
            ("64:ff9b::7f00:1", Some("loopback")),
            ("64:ff9b::a9fe:a9fe", Some("link-local")),
            ("64:ff9b::808:808", None),
            ("64:ff9b:1::808:808", Some("reserved")),
            ("100::1", Some("reserved")),
            ("2001::1", Some("for protocols")),
            ("2001:0:7f00:1::", Some("for protocols")),
            ("2001:20::1", Some("for protocols")),
            ("2001:200::1", None),
            ("2001:db8::1", Some("for documentation")),
            ("2002:7f00:1::", Some("loopback")),
            ("2002:c0a8:101::1", Some("private")),
            ("2002:808:808::1", None),
            ("2606:4700::1111", None),
            ("3fff::1", Some("for documentation")),
            ("4000::1", Some("reserved")),
            ("5f00::1", Some("reserved")),
            ("fc00::1", Some("private")),
            ("fd12:3456::1", Some("private")),
            ("fe80::1", Some("link-local")),
            ("fec0::1", Some("reserved")),
            ("ff02::1", Some("multicast")),
        ] {
            let parsed = address.parse().expect(address);
            assert_eq!(special(parsed), expected, "{address}");
        }
    }

    #[test]
    fn an_allow_list_names_hosts_addresses_and_networks() {
        for (allowed, host, address, expected) in [
            ("media.internal", "media.internal", "10.0.0.1", true),
            ("Media.Internal.", "media.internal", "10.0.0.1", true),
            ("media.internal", "MEDIA.internal.", "10.0.0.1", true),
            ("media.internal", "evil.media.internal", "10.0.0.1", false),
            ("10.0.0.5", "any", "10.0.0.5", true),
            ("10.0.0.5", "any", "10.0.0.6", false),
            ("10.0.0.5", "any", "::ffff:10.0.0.5", true),
            ("10.0.0.0/8", "any", "10.200.0.6", true),
            ("10.0.0.0/8", "any", "11.0.0.1", false),
            ("::1", "any", "::1", true),
            ("[::1]", "any", "::1", true),
            ("fd00::/8", "any", "fd12::1", true),
            ("127.0.0.1", "localhost", "127.0.0.1", true),
        ] {
            let list: Allowed = allowed.parse().expect(allowed);
            let address = address.parse().expect(address);
            assert_eq!(list.holds(host, address), expected, "{allowed} {host}");
        }
        for text in [
            "",
            "10.0.0.0/40",
            "http://x/",
            "*.example.com",
            "a b",
            "x:80",
        ] {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }
}

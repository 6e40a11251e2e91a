//! Which addresses the service calls for a partner. A URL that a partner chooses must not reach into the network in
//! which the service runs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// The addresses that deliveries may go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRule {
    /// Whether loopback addresses may be called, also by `http`. For development.
    pub allow_loopback: bool,
}

impl AddressRule {
    /// Whether a connection to this address may be made.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        is_public(address) || (self.allow_loopback && address.is_loopback())
    }

    /// Checks a URL as far as that is possible without looking up its host.
    ///
    /// # Errors
    /// The rule that it breaks: "must …".
    pub fn check(self, url: &Url) -> Result<(), &'static str> {
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err("must name a host"),
        };
        let is_plain = url.scheme() == "http" && is_loopback && self.allow_loopback;
        if url.scheme() != "https" && !is_plain {
            return Err("must begin with https://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must have no user name and no password");
        }
        if url.fragment().is_some() {
            return Err("must have no fragment");
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        let is_refused = match address {
            Some(address) => !self.allows(address),
            None => is_loopback && !self.allow_loopback,
        };
        if is_refused { Err("must have a public address") } else { Ok(()) }
    }
}

/// Whether an address belongs to a host of the internet: not private, loopback, link-local, shared, reserved or a
/// multicast, and no address at which clouds give their machines secrets.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let is_special = match a {
        0 | 10 | 127 => true,
        100 => (64..128).contains(&b),
        // A service of Azure's hosts, in a public range.
        168 => (b, c, d) == (63, 129, 16),
        169 => b == 254,
        172 => (16..32).contains(&b),
        192 => b == 168 || (b == 0 && (c == 0 || c == 2)) || (b == 88 && c == 99),
        198 => b == 18 || b == 19 || (b == 51 && c == 100),
        203 => b == 0 && c == 113,
        _ => a >= 224,
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [first, second, third, fourth, fifth, sixth, ..] = address.segments();
    // NAT64: a network without IPv4 reaches IPv4 hosts by these addresses.
    if (first, second, third, fourth, fifth, sixth) == (0x64, 0xff9b, 0, 0, 0, 0) {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    // Of the global unicast addresses all but special ones (Teredo and others), documentation, and 6to4.
    let is_special = (first == 0x2001 && (second < 0x200 || second == 0xdb8))
        || first == 0x2002
        || (first == 0x3fff && second < 0x1000);
    first & 0xe000 == 0x2000 && !is_special
}

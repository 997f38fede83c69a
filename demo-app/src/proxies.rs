//! Which address a request comes from when proxies stand before the service. A client can write any address into a
//! header, so a header counts only as far as trusted proxies wrote it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use actix_web::HttpRequest;
use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR};
use actix_web::web::Data;
use ipnet::IpNet;

/// The networks of the proxies that are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl FromStr for Proxies {
    type Err = NotNetworks;

    /// Networks such as `10.0.0.0/8`, or addresses, with commas between them.
    fn from_str(text: &str) -> Result<Proxies, NotNetworks> {
        let network = |text: &str| {
            let text = text.trim();
            text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| NotNetworks)
        };
        text.split(',').map(network).collect::<Result<_, _>>().map(Proxies)
    }
}

/// A text that is not a list of networks.
#[derive(Clone, Copy, Debug)]
pub struct NotNetworks;

impl fmt::Display for NotNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("give networks or addresses, such as 10.0.0.0/8,::1")
    }
}

impl std::error::Error for NotNetworks {}

impl Proxies {
    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address of the client: the first from the right, the connection's own included, that is not a trusted
    /// proxy's. Where a proxy does not say whom it serves, the proxy is the client.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        match (self.by(peer, headers, &X_FORWARDED_FOR, hop), self.by(peer, headers, &FORWARDED, forwarded_hop)) {
            (Some(client), None) | (None, Some(client)) => client,
            // The proxy writes one of the two, and the client may have sent the other.
            (Some(one), Some(other)) if one == other => one,
            _ => peer,
        }
    }

    /// By one header; None where it is missing.
    fn by(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        name: &HeaderName,
        hop: fn(&str) -> Option<IpAddr>,
    ) -> Option<IpAddr> {
        let mut lines = headers.get_all(name).peekable();
        lines.peek()?;
        let lines: Vec<&[u8]> = lines.map(|line| line.as_bytes()).collect();
        let mut client = peer;
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
        for text in hops {
            // What cannot be read was not written by a proxy that is trusted.
            let Some(address) = std::str::from_utf8(text).ok().and_then(|text| hop(text.trim())) else { break };
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        Some(client)
    }

    /// Whether the connection is a trusted proxy's.
    pub(crate) fn is_before(request: &HttpRequest) -> bool {
        let proxies = request.app_data::<Data<Proxies>>();
        proxies.is_some_and(|proxies| request.peer_addr().is_some_and(|peer| proxies.trusts(peer.ip())))
    }
}

/// The address that a request comes from.
pub(crate) fn client(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    Some(request.app_data::<Data<Proxies>>().map_or(peer, |proxies| proxies.client(peer, request.headers())))
}

/// An address, with or without a port: `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn hop(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip().to_canonical());
    }
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// The address in `for=..` of one element of Forwarded (RFC 7239).
fn forwarded_hop(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in element.split(';') {
        let (name, value) = pair.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("for") {
            let value = value.trim();
            let value = value.strip_prefix('"').map_or(Some(value), |value| value.strip_suffix('"'))?;
            if found.replace(hop(value)?).is_some() {
                return None;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn client(peer: &str, lines: &[(&HeaderName, &str)]) -> String {
        let proxies: Proxies = "10.0.0.0/8, ::1".parse().expect("networks");
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append((*name).clone(), HeaderValue::from_str(value).expect("a header"));
        }
        proxies.client(peer.parse().expect("an address"), &headers).to_string()
    }

    #[test]
    fn a_header_counts_as_far_as_trusted_proxies_wrote_it() {
        let x = &X_FORWARDED_FOR;
        let proxy = "10.0.0.1";
        for (peer, lines, wanted) in [
            ("192.0.2.9", &[(x, "203.0.113.1")][..], "192.0.2.9"),
            (proxy, &[], proxy),
            (proxy, &[(x, "203.0.113.1")], "203.0.113.1"),
            ("::ffff:10.0.0.1", &[(x, "203.0.113.1")], "203.0.113.1"),
            // What the client wrote is on the left.
            (proxy, &[(x, "198.51.100.7, 203.0.113.1")], "203.0.113.1"),
            (proxy, &[(x, "10.9.9.9, 203.0.113.1, 10.0.0.2")], "203.0.113.1"),
            (proxy, &[(x, "198.51.100.7"), (x, "203.0.113.1")], "203.0.113.1"),
            (proxy, &[(x, "203.0.113.1:8080")], "203.0.113.1"),
            (proxy, &[(x, "2001:db8::1")], "2001:db8::1"),
            (proxy, &[(x, "[2001:db8::1]:80")], "2001:db8::1"),
            ("::1", &[(x, "203.0.113.1")], "203.0.113.1"),
            // The proxy does not say whom it serves: the last address that is known.
            (proxy, &[(x, "203.0.113.1, unknown")], proxy),
            (proxy, &[(x, "")], proxy),
            (proxy, &[(x, "203.0.113.1, garbage, 10.0.0.2")], "10.0.0.2"),
            (proxy, &[(x, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        ] {
            assert_eq!(client(peer, lines), wanted, "{peer} {lines:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_too_and_both_must_agree() {
        let (f, x) = (&FORWARDED, &X_FORWARDED_FOR);
        let proxy = "10.0.0.1";
        for (lines, wanted) in [
            (&[(f, "for=203.0.113.1")][..], "203.0.113.1"),
            (&[(f, r#"For="[2001:db8::1]:4711";proto=https"#)], "2001:db8::1"),
            (&[(f, "for=198.51.100.7, by=10.0.0.1; for=203.0.113.1")], "203.0.113.1"),
            (&[(f, "for=_hidden")], proxy),
            (&[(f, "proto=https")], proxy),
            (&[(f, "for=203.0.113.1"), (x, "203.0.113.1")], "203.0.113.1"),
            (&[(f, "for=198.51.100.7"), (x, "203.0.113.1")], proxy),
        ] {
            assert_eq!(client(proxy, lines), wanted, "{lines:?}");
        }
    }

    #[test]
    fn networks_are_read_with_commas_between_them() {
        assert!("10.0.0.0/8,192.0.2.1, fd00::/8".parse::<Proxies>().is_ok());
        for wrong in ["", "10.0.0.0/33", "proxy.local", "10.0.0.1,,::1"] {
            assert!(wrong.parse::<Proxies>().is_err(), "{wrong}");
        }
    }
}

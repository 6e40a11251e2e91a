//! Which addresses are called, and when a delivery is tried again.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

use chrono::TimeDelta;
use url::Url;

use super::address::{AddressRule, is_public};
use super::{JITTER, pause_after};

#[test]
fn case_52_only_addresses_of_the_internet_are_public() {
    let private = [
        "0.0.0.0",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.8.8.8",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::c0a8:101",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:2::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "5f00::1",
    ];
    for address in private {
        assert!(!is_public(address.parse::<IpAddr>().unwrap()), "{address}");
    }
    let public = [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "128.0.0.1",
        "168.63.129.17",
        "169.253.1.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "192.167.1.1",
        "198.17.1.1",
        "198.20.0.1",
        "203.0.112.1",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "2a00:1450::1",
    ];
    for address in public {
        assert!(is_public(address.parse::<IpAddr>().unwrap()), "{address}");
    }
}

#[test]
fn case_52_a_url_names_a_public_host_by_https() {
    let (strict, development) = (AddressRule { allow_loopback: false }, AddressRule { allow_loopback: true });
    let check = |rule: AddressRule, url: &str| rule.check(&Url::parse(url).unwrap());
    for url in
        ["https://example.com/hooks?a=1", "https://example.com:8443", "https://1.1.1.1/", "https://[2606:4700::1]/"]
    {
        assert_eq!(check(strict, url), Ok(()), "{url}");
        assert_eq!(check(development, url), Ok(()), "{url}");
    }
    let refused = [
        "http://example.com/",
        "ftp://example.com/",
        "https://user@example.com/",
        "https://:secret@example.com/",
        "https://example.com/#a",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[fd00::1]/",
        "https://0x0a000001/",
        "https://[::ffff:10.0.0.1]/",
        "http://10.0.0.1/",
        "data:text/plain,a",
    ];
    for url in refused {
        assert!(check(strict, url).is_err() && check(development, url).is_err(), "{url}");
    }
    for url in [
        "http://localhost:9000/",
        "http://127.0.0.1:9000/",
        "https://localhost/",
        "http://[::1]/",
        "http://2130706433/",
    ] {
        assert!(check(strict, url).is_err(), "{url}");
        assert_eq!(check(development, url), Ok(()), "{url}");
    }
}

#[test]
fn a_delivery_is_tried_ten_times_within_four_days() {
    let pauses: Vec<TimeDelta> = (1..10).map(|tries| pause_after(tries, 0).unwrap()).collect();
    assert!(pauses.is_sorted());
    assert_eq!((pauses.first(), pauses.get(8)), (Some(&TimeDelta::seconds(5)), Some(&TimeDelta::hours(24))));
    assert_eq!(pause_after(10, 0), None);
    assert_eq!(pause_after(0, 0), None, "nothing was tried");
    assert_eq!(pause_after(1, JITTER), Some(TimeDelta::seconds(6)));
    let longest: TimeDelta = (1..10).filter_map(|tries| pause_after(tries, JITTER)).sum();
    assert!(longest < TimeDelta::days(4), "{longest}");
}

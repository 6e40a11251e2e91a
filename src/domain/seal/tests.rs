#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use chrono::Duration;
use serde_json::json;

use super::form::{NO_TEXTS, Texts, digests};
use super::heads::Head;
use super::*;

/// RFC 8032, test 1.
const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const SEED_PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----";
const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn line() -> SealLine {
    SealLine {
        seq: 1,
        kind: 2,
        key: "a,b\n2:x".to_owned(),
        fingerprint: -7,
        amount: "-12.50000000".parse().unwrap(),
        granted: None,
        debt: Some("0.00000001".parse().unwrap()),
        balance_after: "100.00000000".parse().unwrap(),
        paid_in: "112.5".parse().unwrap(),
        paid_out: "12.5".parse().unwrap(),
        counterpart: "usage".to_owned(),
        reference: None,
        occurred_at: None,
        created_at: at("2026-11-21T08:00:00.000001Z"),
        texts: NO_TEXTS.to_owned(),
        grant_uses: vec![(Uuid::from_u128(5), "-2.50".parse().unwrap())],
    }
}

fn stretch(customer: &CustomerId) -> Stretch<'_> {
    Stretch {
        customer,
        wallet_id: Uuid::from_u128(9),
        currency: "USD",
        product: "",
        from_seq: 1,
        to_seq: 1,
        previous_hash: NO_SEAL,
    }
}

#[test]
fn keys_are_read_from_pem_and_base64_and_keep_their_secret() {
    for text in [SEED.to_owned(), SEED_PEM.to_owned(), SEED_PEM.replace('\n', "\\n")] {
        let key = SealKey::read(&text).unwrap();
        assert_eq!(hex::encode(key.public()), PUBLIC);
        assert_eq!(key.id(), "21fe31dfa154a261");
        assert_eq!(format!("{key:?}"), "SealKey { id: \"21fe31dfa154a261\", .. }");
    }
    for bad in ["", "secret", "AAAA", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
        assert!(SealKey::read(bad).is_err(), "{bad}");
    }
}

/// Seals must be verifiable for years: these texts must never change for form 1.
#[test]
fn the_form_is_fixed() {
    let records = String::from_utf8(line().records()).unwrap();
    assert_eq!(
        records,
        "E1:1,1:2,7:a,b\n2:x,2:-7,5:-12.5,-,10:0.00000001,3:100,5:112.5,4:12.5,5:usage,-,-,\
         27:2026-11-21T08:00:00.000001Z,3:-:-,\nG36:00000000-0000-0000-0000-000000000005,4:-2.5,\n"
    );
    let alice = CustomerId::new("alice").unwrap();
    let head =
        format!("S1:1,5:alice,36:00000000-0000-0000-0000-000000000009,3:USD,0:,1:1,1:1,64:{},\n", "0".repeat(64));
    let expected: Hash = sha2::Digest::finalize(sha2::Digest::chain_update(
        <sha2::Sha256 as sha2::Digest>::new_with_prefix(head),
        records,
    ))
    .into();
    assert_eq!(stretch(&alice).hash(&[line()]), expected);

    let key = SealKey::read(SEED).unwrap();
    let seal = Seal::new(&stretch(&alice), &[line()], &key, at("2026-11-21T09:00:00Z"));
    let signed = format!(
        "T1:1,36:00000000-0000-0000-0000-000000000009,1:1,1:1,64:{},27:2026-11-21T09:00:00.000000Z,\n",
        hex::encode(expected)
    );
    assert_eq!(String::from_utf8(seal.signed()).unwrap(), signed);
}

#[test]
fn digests_are_keyed_and_differ_from_entry_to_entry() {
    let texts = Texts {
        description: Some("a call".to_owned()),
        metadata: Some(json!({ "to": "+84", "from": "Hà Nội", "n": 1 })),
    };
    let wallet = Uuid::from_u128(9);
    let of = |secret: &[u8], seq| digests(&texts, secret, wallet, seq);
    assert_eq!(of(&[1; 32], 3), DIGESTS);
    assert_ne!(of(&[1; 32], 3), of(&[2; 32], 3));
    assert_ne!(of(&[1; 32], 3), of(&[1; 32], 4));
    assert_eq!(digests(&Texts::default(), &[1; 32], wallet, 3), NO_TEXTS);
    let only = Texts { description: None, ..texts };
    let (_, metadata) = DIGESTS.split_once(':').unwrap();
    assert_eq!(digests(&only, &[1; 32], wallet, 3), format!("-:{metadata}"));
}

/// By Python's `hmac`, of `D11:description,36:…,1:3,6:a call,\n` and `D8:metadata,36:…,1:3,…:<fields>,\n`.
const DIGESTS: &str = "4934aaeaae5d57765dd3d5c26fa762f3ed63ca5de175d5e04be8fc0d76b90e7a:\
    e08a51d30a107bd992604d7fd9bcad70e61552260592ab1a1f96a6713836bdd6";

#[test]
fn a_signature_is_of_one_seal_and_one_key() {
    let alice = CustomerId::new("alice").unwrap();
    let key = SealKey::read(SEED).unwrap();
    let seal = Seal::new(&stretch(&alice), &[line()], &key, at("2026-11-21T09:00:00Z"));
    let public = SealPublicKey {
        id: key.id().to_owned(),
        public_key: key.public().to_vec(),
        first_used_at: at("2026-11-21T09:00:00Z"),
    };
    assert!(public.has_its_id() && seal.is_signed_by(&public));
    let other = SealPublicKey { public_key: vec![7; 32], ..public.clone() };
    assert!(!other.has_its_id() && !seal.is_signed_by(&other));
    for changed in [
        Seal { to_seq: 2, ..seal.clone() },
        Seal { hash: NO_SEAL, ..seal.clone() },
        Seal { wallet_id: Uuid::from_u128(1), ..seal.clone() },
        Seal { sealed_at: at("2026-11-21T09:00:01Z"), ..seal.clone() },
    ] {
        assert!(!changed.is_signed_by(&public), "{changed:?}");
    }
}

#[test]
fn a_seal_follows_the_one_before() {
    let alice = CustomerId::new("alice").unwrap();
    let key = SealKey::read(SEED).unwrap();
    let first = Seal::new(&stretch(&alice), &[line()], &key, at("2026-11-21T09:00:00Z"));
    let second = Seal { from_seq: 2, to_seq: 4, previous_hash: first.hash, ..first.clone() };
    assert!(first.follows(None) && second.follows(Some(&first)));
    assert!(!second.follows(None) && !first.follows(Some(&second)));
    assert!(!Seal { from_seq: 3, ..second.clone() }.follows(Some(&first)));
    assert!(!Seal { previous_hash: NO_SEAL, ..second }.follows(Some(&first)));
}

#[test]
fn a_wallet_is_sealed_by_the_thousand_or_the_hour() {
    let ripeness = Ripeness { entries: 10, age: Duration::hours(1) };
    let now = at("2026-11-21T09:00:00Z");
    let (young, old) = (now - Duration::minutes(59), now - Duration::hours(1));
    assert_eq!(ripeness.stretches(5, 5, old, now), []);
    assert_eq!(ripeness.stretches(5, 14, young, now), []);
    assert_eq!(ripeness.stretches(5, 14, old, now), [(6, 14)]);
    assert_eq!(ripeness.stretches(5, 15, young, now), [(6, 15)]);
    assert_eq!(ripeness.stretches(0, 25, old, now), [(1, 10), (11, 20)]);
}

#[test]
fn a_head_is_a_line() {
    let head = Head {
        customer: CustomerId::new("auth0|7").unwrap(),
        wallet_id: Uuid::from_u128(9),
        to_seq: 41,
        hash: [0xab; 32],
    };
    assert_eq!(Head::read(&head.line()), Some(head.clone()));
    for bad in ["", "a", &format!("{} x", head.line()), &head.line().replace("41", "x")] {
        assert_eq!(Head::read(bad), None, "{bad}");
    }
}

//! Signs notifications as PayPal does: RSA-SHA256 with the key of a certificate.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SigningKey,
};

use crate::sandbox::tools::lock;

/// The simulated certificate authority, and the certificate that signs notifications.
pub(super) struct Seal {
    key: KeyPair,
    pub leaf_pem: String,
    pub root_pem: String,
}

/// Two RSA keys take up to a second, so a process creates them once.
static MADE: Mutex<Option<Arc<Seal>>> = Mutex::new(None);

impl Seal {
    /// The seal of this process.
    pub fn shared() -> Result<Arc<Self>, rcgen::Error> {
        let mut made = lock(&MADE);
        if let Some(seal) = made.as_ref() {
            return Ok(Arc::clone(seal));
        }
        let seal = Arc::new(Self::new()?);
        *made = Some(Arc::clone(&seal));
        Ok(seal)
    }

    /// Creates both keys: RSA with 2048 bits.
    fn new() -> Result<Self, rcgen::Error> {
        let mut root = CertificateParams::new(Vec::new())?;
        root.distinguished_name.push(DnType::CommonName, "Payment sandbox root (not a real one)");
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root_key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let root = CertifiedIssuer::self_signed(root, root_key)?;

        let name = "messageverificationcerts.paypal.com";
        let mut leaf = CertificateParams::new(vec![name.to_owned()])?;
        leaf.distinguished_name.push(DnType::CommonName, name);
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        leaf.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let leaf = leaf.signed_by(&key, &root)?;
        Ok(Self { key, leaf_pem: leaf.pem(), root_pem: root.pem() })
    }

    /// The `PAYPAL-TRANSMISSION-SIG` of a notification: the PKCS#1 v1.5 signature of
    /// `id|time|webhook id|crc32 of the body in decimal` in base64.
    pub fn sign(&self, id: &str, time: &str, webhook_id: &str, body: &[u8]) -> String {
        let message = format!("{id}|{time}|{webhook_id}|{}", crc32fast::hash(body));
        // Signing fails only when memory is short. The signature is then empty, and every verification refuses it.
        STANDARD.encode(self.key.sign(message.as_bytes()).unwrap_or_default())
    }
}

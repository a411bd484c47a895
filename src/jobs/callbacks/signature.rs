//! Who a message is from: a keyed digest over its time and its body.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The header that it comes in.
pub const SIGNATURE_HEADER: &str = "loomcast-signature";

/// The shortest secret, in bytes.
pub const MIN_SECRET_BYTES: usize = 16;

/// What sender and receiver share. Shown nowhere.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A secret that is not soon guessed; else how many bytes it has.
    pub fn new(text: &str) -> Result<Self, usize> {
        match text.len() {
            short if short < MIN_SECRET_BYTES => Err(short),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The signature of `body` as sent at `time`, in seconds since 1970:
    /// `t=TIME,v1=HEX`, HEX being the HMAC-SHA256 of `TIME.BODY`. The time is in it
    /// so that a message overheard is of no use later.
    pub fn sign(&self, time: u64, body: &[u8]) -> Option<String> {
        // A key of any length will do.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).ok()?;
        mac.update(format!("{time}.").as_bytes());
        mac.update(body);
        let digest = mac.finalize().into_bytes();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(format!("t={time},v1={hex}"))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_other_tools() {
        let secret = Secret::new("a secret of the two").unwrap();
        // printf '1700000000.{"id":1}' | openssl dgst -sha256 -hmac 'a secret of the two'
        let expected =
            "t=1700000000,v1=8eefaafd815d64de47626701f03fc81e5acad3921c948bc250025e23a8fd295e";
        let signed = secret.sign(1_700_000_000, br#"{"id":1}"#).unwrap();
        assert_eq!(signed, expected);
        assert_ne!(secret.sign(1_700_000_001, br#"{"id":1}"#).unwrap(), signed);
        assert_eq!(Secret::new("short").err(), Some(5));
        assert!(!format!("{secret:?}").contains("two"));
    }
}

//! `Repr-Digest` with SHA-256 (RFC 9530): by which an edge knows that what it was given
//! is what the origin has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

/// In an answer, its head or its trailer.
pub const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// In a request: that the answer is to have one.
pub const WANT_REPR_DIGEST: HeaderName = HeaderName::from_static("want-repr-digest");

/// What whoever wants one says.
pub const WANTED: HeaderValue = HeaderValue::from_static("sha-256=10");

const NAME: &str = "sha-256";

/// The SHA-256 of a representation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReprDigest([u8; 32]);

/// Takes the bytes of a representation one piece after the other.
#[derive(Clone, Debug, Default)]
pub struct ReprHasher(Sha256);

impl ReprHasher {
    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of them.
    pub fn finish(self) -> ReprDigest {
        ReprDigest(self.0.finalize().into())
    }
}

impl ReprDigest {
    /// The one that `headers` tell; `None` if they tell none, or none that can be read.
    pub fn told(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(REPR_DIGEST).iter();
        let members = lines.filter_map(|line| line.to_str().ok());
        let mut members = members.flat_map(|line| line.split(','));
        members.find_map(|member| {
            let (name, value) = member.split_once('=')?;
            let value = value.trim().strip_prefix(':')?.strip_suffix(':')?;
            let bytes = STANDARD.decode(value).ok()?;
            (name.trim() == NAME).then(|| bytes.try_into().ok().map(Self))?
        })
    }

    /// As a header has it.
    pub fn value(&self) -> HeaderValue {
        let text = format!("{NAME}=:{}:", STANDARD.encode(self.0));
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// Whether whoever sends `headers` wants a digest that can be given.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(WANT_REPR_DIGEST).iter();
    let members = lines.filter_map(|line| line.to_str().ok());
    members.flat_map(|line| line.split(',')).any(|member| {
        let (name, weight) = member.split_once('=').unwrap_or((member, "1"));
        name.trim() == NAME && weight.trim() != "0"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_digest_reads_back_as_it_was_told() {
        let mut hasher = ReprHasher::default();
        hasher.update(b"{\"hello\": ");
        hasher.update(b"\"world\"}\n");
        let digest = hasher.finish();
        // RFC 9530, Appendix B.1.
        let told = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
        assert_eq!(digest.value(), told);
        assert_eq!(ReprDigest::told(&with(REPR_DIGEST, told)), Some(digest));
        let among = "md5=:AAAA:, sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
        assert_eq!(ReprDigest::told(&with(REPR_DIGEST, among)), Some(digest));
    }

    #[test]
    fn what_cannot_be_read_is_no_digest() {
        for bad in [
            "",
            "sha-256",
            "sha-256=RK/0",
            "sha-256=:RK/0:",
            "sha-512=:AAAA:",
        ] {
            assert_eq!(ReprDigest::told(&with(REPR_DIGEST, bad)), None, "{bad}");
        }
    }

    #[test]
    fn a_digest_is_wanted_by_name_and_not_with_weight_zero() {
        for (said, wanted) in [
            ("sha-256=10", true),
            ("sha-512=3, sha-256=10", true),
            ("sha-256", true),
            ("sha-256=0", false),
            ("sha-512=1", false),
            ("", false),
        ] {
            assert_eq!(is_wanted(&with(WANT_REPR_DIGEST, said)), wanted, "{said}");
        }
        assert!(is_wanted(&HeaderMap::from_iter([(
            WANT_REPR_DIGEST,
            WANTED
        )])));
    }
}

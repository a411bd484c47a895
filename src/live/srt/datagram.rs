//! Datagrams of SRT, as far as they are looked at before it is known whose they are
//! (draft-sharabayko-srt, 3).
//!
//! Who sends its first is a stranger at an address that need not be its own. It is
//! answered with a cookie, out of its own datagram, and nothing is kept of it; only who
//! brings the cookie back is at that address.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// Bytes of the head of a packet, and of a handshake behind it, without extensions.
const HEAD: usize = 16;
const HANDSHAKE: usize = 48;

/// Types of control packets, with the bit that says that they are some.
const CONTROL: u16 = 1 << 15;
const SHAKE: u16 = CONTROL;
const KEEP_ALIVE: u16 = CONTROL | 1;
const SHUTDOWN: u16 = CONTROL | 5;
const ACK_ACK: u16 = CONTROL | 6;
const DROP_REQUEST: u16 = CONTROL | 7;
const USER_DEFINED: u16 = CONTROL | 0x7fff;

/// Extensions that an encoder's handshake may have: what it can do, its keys, the
/// stream id. They stand alone, too, but the last.
const HANDSHAKE_REQUEST: u16 = 1;
const KEY_REQUEST: u16 = 3;
const STREAM_ID: u16 = 5;

/// Where in a datagram the fields of a handshake are.
const VERSION: usize = HEAD;
const ENCRYPTION: usize = HEAD + 4;
const EXTENSION: usize = HEAD + 6;
const SHAKE_TYPE: usize = HEAD + 20;
const SOCKET: usize = HEAD + 24;
const COOKIE: usize = HEAD + 28;
/// Where in its head the socket is that a packet is for.
const DESTINATION: usize = 12;

/// Types of handshakes.
const INDUCTION: u32 = 1;
const CONCLUSION: u32 = u32::MAX;

/// The version from which on there is SRT, and what says so in an answer.
const SRT_VERSION: u32 = 5;
const SRT_MAGIC: u16 = 0x4a17;

/// What a stranger's datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knock {
    /// The first: it asks for a cookie.
    Induction,
    /// The second, with a cookie.
    Conclusion(u32),
}

impl Knock {
    /// What `datagram` is, if it is one of both.
    pub fn read(datagram: &[u8]) -> Option<Self> {
        if datagram.len() < HEAD + HANDSHAKE || u16_at(datagram, 0) != Some(SHAKE) {
            return None;
        }
        match u32_at(datagram, SHAKE_TYPE)? {
            INDUCTION => Some(Self::Induction),
            CONCLUSION => Some(Self::Conclusion(u32_at(datagram, COOKIE)?)),
            _ => None,
        }
    }
}

/// The answer to the first datagram of a peer: as long as that one is at least, and made
/// of nothing else. `None` if that is no such datagram.
pub fn induction_answer(datagram: &[u8], cookie: u32) -> Option<[u8; HEAD + HANDSHAKE]> {
    if Knock::read(datagram) != Some(Knock::Induction) {
        return None;
    }
    let mut answer = *datagram.first_chunk::<{ HEAD + HANDSHAKE }>()?;
    let mut put = |at: usize, bytes: &[u8]| answer[at..at + bytes.len()].copy_from_slice(bytes);
    put(DESTINATION, datagram.get(SOCKET..SOCKET + 4)?);
    put(VERSION, &SRT_VERSION.to_be_bytes());
    // How long keys are is the encoder's to say.
    put(ENCRYPTION, &[0; 2]);
    put(EXTENSION, &SRT_MAGIC.to_be_bytes());
    put(COOKIE, &cookie.to_be_bytes());
    Some(answer)
}

/// What is known of a peer's datagram, without that which its reader does not know and
/// would fail at: extensions of a handshake that are none of an encoder's that publishes
/// media. `None` of a packet that no encoder sends.
pub fn known_of(datagram: &[u8]) -> Option<Cow<'_, [u8]>> {
    if datagram.len() < HEAD {
        return None;
    }
    let kind = u16_at(datagram, 0)?;
    let known = match kind {
        SHAKE => return known_extensions(datagram).map(Cow::Owned),
        KEEP_ALIVE | SHUTDOWN | ACK_ACK | DROP_REQUEST => true,
        USER_DEFINED => {
            let which = u16_at(datagram, 2)?;
            matches!(which, HANDSHAKE_REQUEST | KEY_REQUEST)
        }
        // Media.
        _ => kind & CONTROL == 0,
    };
    known.then_some(Cow::Borrowed(datagram))
}

fn known_extensions(datagram: &[u8]) -> Option<Vec<u8>> {
    let (fixed, mut rest) = datagram.split_at_checked(HEAD + HANDSHAKE)?;
    let mut known = fixed.to_vec();
    while let (Some(kind), Some(words)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let (extension, behind) = rest.split_at_checked(4 + 4 * usize::from(words))?;
        if matches!(kind, HANDSHAKE_REQUEST | KEY_REQUEST | STREAM_ID) {
            known.extend_from_slice(extension);
        }
        rest = behind;
    }
    Some(known)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*field))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*field))
}

/// Cookies of one server: nobody else can make one, and none is of another address or of
/// long ago.
#[derive(Clone)]
pub struct Cookies([u8; 32]);

impl Cookies {
    /// Made with `key`, which nobody may know.
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The cookie of `peer` in the minute `minute` of the server.
    pub fn cookie(&self, peer: SocketAddr, minute: u64) -> u32 {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        match peer.ip() {
            IpAddr::V4(ip) => hasher.update(&ip.octets()),
            IpAddr::V6(ip) => hasher.update(&ip.octets()),
        };
        hasher.update(&peer.port().to_be_bytes());
        hasher.update(&minute.to_be_bytes());
        let digest = hasher.finalize();
        digest
            .as_bytes()
            .first_chunk()
            .map_or(0, |four| u32::from_be_bytes(*four))
    }

    /// Whether `cookie` was made for `peer` in this minute or the one before.
    pub fn are_of(&self, peer: SocketAddr, minute: u64, cookie: u32) -> bool {
        let minutes = [Some(minute), minute.checked_sub(1)];
        let mut minutes = minutes.into_iter().flatten();
        minutes.any(|minute| self.cookie(peer, minute) == cookie)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As libsrt 1.5 begins: a handshake of UDT 4 from socket 7.
    fn induction() -> Vec<u8> {
        let mut datagram = vec![0; HEAD + HANDSHAKE];
        datagram[0] = 0x80;
        datagram[VERSION + 3] = 4;
        datagram[EXTENSION + 1] = 2;
        datagram[SHAKE_TYPE + 3] = 1;
        datagram[SOCKET + 3] = 7;
        datagram
    }

    fn conclusion(extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let mut datagram = induction();
        datagram[SHAKE_TYPE..SHAKE_TYPE + 4].fill(0xff);
        datagram[COOKIE..COOKIE + 4].copy_from_slice(&0xc00c_1e00_u32.to_be_bytes());
        for (kind, said) in extensions {
            datagram.extend(kind.to_be_bytes());
            datagram.extend((said.len() as u16 / 4).to_be_bytes());
            datagram.extend(*said);
        }
        datagram
    }

    #[test]
    fn who_knocks_is_answered_with_a_cookie_out_of_its_own_datagram() {
        let first = induction();
        assert_eq!(Knock::read(&first), Some(Knock::Induction));
        let answer = induction_answer(&first, 0xc00c_1e00).expect("an answer");
        assert!(
            answer.len() <= first.len(),
            "no more comes back than was sent"
        );
        assert_eq!(answer[DESTINATION..][..4], [0, 0, 0, 7]);
        assert_eq!(answer[VERSION..][..4], [0, 0, 0, 5]);
        assert_eq!(answer[EXTENSION..][..2], [0x4a, 0x17]);
        assert_eq!(answer[COOKIE..][..4], [0xc0, 0x0c, 0x1e, 0]);
        assert_eq!(
            Knock::read(&conclusion(&[])),
            Some(Knock::Conclusion(0xc00c_1e00))
        );
        for none in [&first[..first.len() - 1], &[], &[0x80, 1], &[0; 64]] {
            assert_eq!(Knock::read(none), None);
            assert_eq!(induction_answer(none, 1), None);
        }
    }

    #[test]
    fn a_cookie_is_of_one_address_and_of_a_minute_or_two() {
        let cookies = Cookies::new([7; 32]);
        let one: SocketAddr = "192.0.2.1:5000".parse().expect("an address");
        let six: SocketAddr = "[2001:db8::1]:5000".parse().expect("an address");
        for peer in [one, six] {
            let cookie = cookies.cookie(peer, 9);
            assert!(cookies.are_of(peer, 9, cookie) && cookies.are_of(peer, 10, cookie));
            assert!(!cookies.are_of(peer, 11, cookie) && !cookies.are_of(peer, 8, cookie));
            let (mut port, mut ip) = (peer, peer);
            port.set_port(5001);
            ip.set_ip("192.0.2.2".parse().expect("an address"));
            assert!(!cookies.are_of(port, 9, cookie) && !cookies.are_of(ip, 9, cookie));
            assert!(!Cookies::new([8; 32]).are_of(peer, 9, cookie));
        }
        assert!(cookies.are_of(one, 0, cookies.cookie(one, 0)));
    }

    #[test]
    fn what_no_encoder_sends_is_not_read() {
        let of = |kind: u16, which: u16| {
            let mut packet = vec![0; HEAD];
            packet[..2].copy_from_slice(&kind.to_be_bytes());
            packet[2..4].copy_from_slice(&which.to_be_bytes());
            packet
        };
        for sent in [
            of(0, 0),
            of(KEEP_ALIVE, 0),
            of(SHUTDOWN, 0),
            of(USER_DEFINED, 3),
        ] {
            assert_eq!(known_of(&sent).as_deref(), Some(&sent[..]));
        }
        // Lists of what was lost, of who sends nothing; groups; and what there is not.
        for other in [
            of(CONTROL | 2, 0),
            of(CONTROL | 3, 0),
            of(USER_DEFINED, 8),
            of(CONTROL | 99, 0),
        ] {
            assert_eq!(known_of(&other), None);
        }
        assert_eq!(known_of(&of(0, 0)[..HEAD - 1]), None);
    }

    #[test]
    fn a_handshake_is_read_without_the_extensions_that_are_not_known() {
        let all = conclusion(&[
            (1, b"what it can do.."),
            (7, b"fec,"),
            (5, b"show"),
            (8, b""),
        ]);
        let known = conclusion(&[(1, b"what it can do.."), (5, b"show")]);
        assert_eq!(known_of(&all).as_deref(), Some(&known[..]));
        assert_eq!(known_of(&known[..known.len() - 1]), None, "it is cut");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            handshake: bool,
            mut bytes in prop::collection::vec(any::<u8>(), 0..120),
        ) {
            if handshake {
                bytes.splice(..0, conclusion(&[]));
            }
            let _ = Knock::read(&bytes);
            let _ = induction_answer(&bytes, 1);
            if let Some(known) = known_of(&bytes) {
                prop_assert!(known.len() <= bytes.len());
            }
        }
    }
}

//! The server name in a TLS hello, read from the first bytes of a tunnel. Reads nothing else of TLS.

/// What the first bytes of a tunnel say about the server that they want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hello {
    /// The bytes are not TLS.
    NotTls,
    /// The hello has not arrived whole, and will not have before there are this many bytes.
    Incomplete(usize),
    /// A whole hello that names no server.
    Nameless,
    /// A whole hello that names this server.
    Named(String),
    /// TLS, but no hello that a server would take.
    Malformed,
}

impl Hello {
    /// Reads the hello at the start of `bytes`, which may be cut anywhere (RFC 8446, sections 4.1.2 and 5.1; RFC 6066, section 3).
    pub(super) fn read(bytes: &[u8]) -> Self {
        match bytes.first() {
            None => return Self::Incomplete(1),
            Some(&HANDSHAKE_RECORD) => {}
            Some(_) => return Self::NotTls,
        }
        let Some(message) = handshake(bytes) else {
            return Self::Malformed;
        };
        let Some(&[kind, a, b, c]) = message.first_chunk::<4>() else {
            return Self::pending(bytes, 1);
        };
        let length = u32::from_be_bytes([0, a, b, c]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if kind != CLIENT_HELLO || length > HELLO_BYTES {
            return Self::Malformed;
        }
        let Some(body) = message.get(4..4 + length) else {
            return Self::pending(bytes, 4 + length - message.len());
        };
        match server_name(body) {
            Some(Some(name)) => match std::str::from_utf8(name) {
                Ok(name) => Self::Named(name.to_owned()),
                Err(_) => Self::Malformed,
            },
            Some(None) => Self::Nameless,
            None => Self::Malformed,
        }
    }

    /// A hello that is not whole is one to wait for, within bounds.
    fn pending(bytes: &[u8], missing: usize) -> Self {
        if bytes.len() > HELLO_BYTES {
            Self::Malformed
        } else {
            Self::Incomplete(bytes.len() + missing)
        }
    }
}

/// The handshake bytes of all records so far, the last of which may be cut; `None` if a record is not of a handshake.
fn handshake(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    while let Some((&[kind, major, _, high, low], rest)) = bytes.split_first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if kind != HANDSHAKE_RECORD || major != 3 || length == 0 || length > RECORD_BYTES {
            // What follows a whole hello is no concern of ours.
            return if message.is_empty() {
                None
            } else {
                Some(message)
            };
        }
        let (record, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        message.extend_from_slice(record);
        bytes = after;
    }
    Some(message)
}

/// The name in a hello's body, if it has one; the outer `None` means that the body is malformed.
fn server_name(body: &[u8]) -> Option<Option<&[u8]>> {
    let rest = body.get(34..)?;
    let (_session, rest) = counted_u8(rest)?;
    let (_suites, rest) = counted_u16(rest)?;
    let (_compression, rest) = counted_u8(rest)?;
    if rest.is_empty() {
        return Some(None);
    }
    let (mut extensions, rest) = counted_u16(rest)?;
    if !rest.is_empty() {
        return None;
    }
    let mut found = None;
    while !extensions.is_empty() {
        let (&kind, rest) = extensions.split_first_chunk::<2>()?;
        let (content, rest) = counted_u16(rest)?;
        extensions = rest;
        if u16::from_be_bytes(kind) != SERVER_NAME {
            continue;
        }
        // Two extensions or two names could be read differently by us and by the server.
        let (list, after) = counted_u16(content)?;
        let (&kind, entry) = list.split_first()?;
        let (name, others) = counted_u16(entry)?;
        if kind != 0 || !after.is_empty() || !others.is_empty() || found.is_some() {
            return None;
        }
        found = Some(name);
    }
    Some(found)
}

fn counted_u8(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}

fn counted_u16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(length)))
}

/// The alert that tells a client that its server name is not known here: fatal, `unrecognized_name` (RFC 6066, section 3).
pub(super) const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Hellos with post-quantum key shares have about 2 KiB.
const HELLO_BYTES: usize = 16 * 1024;
/// RFC 5246, section 6.2: the most that a record may hold.
const RECORD_BYTES: usize = 16 * 1024 + 2048;
const HANDSHAKE_RECORD: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn u16_of(length: usize) -> [u8; 2] {
        u16::try_from(length).unwrap().to_be_bytes()
    }

    /// A hello for `name`, in records of at most `record` bytes.
    pub(in crate::gateway) fn hello(name: Option<&str>, record: usize) -> Vec<u8> {
        let mut extensions = vec![0, 43, 0, 3, 2, 3, 4];
        if let Some(name) = name {
            extensions.extend(SERVER_NAME.to_be_bytes());
            extensions.extend(u16_of(name.len() + 5));
            extensions.extend(u16_of(name.len() + 3));
            extensions.push(0);
            extensions.extend(u16_of(name.len()));
            extensions.extend(name.as_bytes());
        }
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
        body.extend(u16_of(extensions.len()));
        body.extend(extensions);
        let mut message = vec![CLIENT_HELLO, 0];
        message.extend(u16_of(body.len()));
        message.extend(body);
        let mut bytes = Vec::new();
        for chunk in message.chunks(record) {
            bytes.extend([HANDSHAKE_RECORD, 3, 1]);
            bytes.extend(u16_of(chunk.len()));
            bytes.extend(chunk);
        }
        bytes
    }

    #[test]
    fn names_are_read_whatever_the_records() {
        for record in [1, 3, 50, 16_000] {
            assert_eq!(
                Hello::read(&hello(Some("a.example"), record)),
                Hello::Named("a.example".into())
            );
            assert_eq!(Hello::read(&hello(None, record)), Hello::Nameless);
        }
        let mut with_more = hello(Some("a.example"), 16_000);
        with_more.extend([23, 3, 3, 0, 1, 0]);
        assert_eq!(Hello::read(&with_more), Hello::Named("a.example".into()));
    }

    #[test]
    fn every_cut_is_waited_for() {
        let whole = hello(Some("a.example"), 40);
        for cut in 0..whole.len() {
            let Hello::Incomplete(needed) = Hello::read(&whole[..cut]) else {
                panic!("{cut}")
            };
            assert!(cut < needed && needed <= whole.len(), "{cut} {needed}");
        }
    }

    #[test]
    fn what_is_no_hello_is_told_apart() {
        assert_eq!(Hello::read(b"GET / HTTP/1.1"), Hello::NotTls);
        assert_eq!(Hello::read(b"SSH-2.0-x"), Hello::NotTls);
        assert_eq!(Hello::read(&[22, 9, 9, 0, 1, 1]), Hello::Malformed);
        assert_eq!(Hello::read(&[22, 3, 1, 0, 4, 2, 0, 0, 0]), Hello::Malformed);
        assert_eq!(
            Hello::read(&[22, 3, 1, 0, 4, 1, 255, 0, 0]),
            Hello::Malformed
        );
        let mut long = hello(Some("a.example"), 16_000);
        let last = long.len() - 1;
        long[last] = 0xff;
        assert_eq!(Hello::read(&long), Hello::Malformed);
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Hello::read(&bytes);
            let _ = Hello::read(&[&[22, 3, 1, 1, 0, 1, 0, 0, 252], bytes.as_slice()].concat());
        }

        #[test]
        fn a_changed_byte_never_grows_the_answer(index in 0usize..100, byte in any::<u8>()) {
            let mut bytes = hello(Some("a.example"), 30);
            let index = index % bytes.len();
            bytes[index] = byte;
            if let Hello::Named(name) = Hello::read(&bytes) {
                prop_assert!(name.len() <= bytes.len());
            }
        }
    }
}

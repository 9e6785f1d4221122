//! The codec: whatever goes in comes out, however it is split, and nothing panics.

use bytes::{BufMut as _, Bytes, BytesMut};
use proptest::prelude::*;

use crate::stream::error::StreamError;
use crate::stream::frame::{Decoder, Frame, HEADER, MAX_CONTROL, MAX_DATA, Side};

fn frames() -> impl Strategy<Value = Frame> {
    let payload =
        |least, most| prop::collection::vec(any::<u8>(), least..most).prop_map(Bytes::from);
    prop_oneof![
        payload(2, 300).prop_map(Frame::Ready),
        payload(2, 300).prop_map(Frame::Started),
        payload(2, 300).prop_map(Frame::Done),
        any::<u64>().prop_map(Frame::Pong),
        any::<u32>().prop_map(|channel| Frame::Open { channel }),
        (any::<u32>(), payload(1, 300))
            .prop_map(|(channel, payload)| Frame::Data { channel, payload }),
        any::<u32>().prop_map(|channel| Frame::End { channel }),
        any::<u32>().prop_map(|channel| Frame::Reset { channel }),
        (any::<u32>(), any::<u32>()).prop_map(|(channel, bytes)| Frame::Credit { channel, bytes }),
    ]
}

/// All frames of `bytes`, pushed in pieces that end at `cuts`, and the error that ended it.
fn decode(from: Side, bytes: &[u8], cuts: &[usize]) -> (Vec<Frame>, Option<StreamError>) {
    let mut decoder = Decoder::new(from);
    let mut found = Vec::new();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    for piece in cuts.windows(2) {
        decoder.space().put_slice(&bytes[piece[0]..piece[1]]);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

proptest! {
    #[test]
    fn frames_survive_any_split(
        frames in prop::collection::vec(frames(), 0..12),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes));
        prop_assert_eq!(decode(Side::Runner, &bytes, &cuts), (frames, None));
    }

    #[test]
    fn any_bytes_give_the_same_frames_and_error_however_split(
        bytes in prop::collection::vec(prop_oneof![0_u8..0x30, any::<u8>()], 0..400),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        for side in [Side::Host, Side::Runner] {
            prop_assert_eq!(decode(side, &bytes, &cuts), decode(side, &bytes, &[]));
        }
    }
}

#[test]
fn headers_are_refused_before_their_payload_is_there() {
    #[track_caller]
    fn check(kind: u8, length: u32, expected: Result<(), &str>) {
        let mut header = vec![kind];
        header.extend(length.to_be_bytes());
        let (found, error) = decode(Side::Runner, &header, &[]);
        assert_eq!(found, []);
        assert_eq!(error.map(|e| e.to_string()).as_deref(), expected.err());
    }
    let u32 = |size: usize| u32::try_from(size).unwrap();
    check(0x21, u32(MAX_DATA) + 4, Ok(()));
    check(
        0x21,
        u32(MAX_DATA) + 5,
        Err("frame `Data` claims a length of 65541"),
    );
    check(0x21, 4, Err("frame `Data` claims a length of 4"));
    check(0x13, u32(MAX_CONTROL), Ok(()));
    check(
        0x13,
        u32(MAX_CONTROL) + 1,
        Err("frame `Done` claims a length of 1048577"),
    );
    check(
        0x13,
        u32::MAX,
        Err("frame `Done` claims a length of 4294967295"),
    );
    check(0x22, 3, Err("frame `End` claims a length of 3"));
    check(0x24, 9, Err("frame `Credit` claims a length of 9"));
    check(0x00, 0, Err("unknown kind of frame `0x00`"));
    check(0x1b, 2, Err("unknown kind of frame `0x1b`"));
    check(0xff, 2, Err("unknown kind of frame `0xff`"));
    check(0x01, 2, Err("frame `Run` came from the wrong side"));
    check(0x02, 8, Err("frame `Ping` came from the wrong side"));
}

#[test]
fn the_host_may_not_speak_as_the_runner() {
    for kind in 0x11..=0x15 {
        let (_, error) = decode(Side::Host, &[kind, 0, 0, 0, 8], &[]);
        assert!(
            matches!(error, Some(StreamError::WrongDirection(_))),
            "{kind:#x}: {error:?}"
        );
    }
}

#[test]
fn a_decoder_holds_no_more_than_a_frame_and_the_last_piece() {
    let mut bytes = BytesMut::new();
    for _ in 0..1000 {
        Frame::Data {
            channel: 1,
            payload: Bytes::from(vec![b'x'; MAX_DATA]),
        }
        .encode(&mut bytes);
    }
    let mut decoder = Decoder::new(Side::Runner);
    let mut largest = 0;
    for piece in bytes.chunks(MAX_DATA) {
        decoder.space().put_slice(piece);
        while decoder.next().unwrap().is_some() {}
        largest = largest.max(decoder.space().capacity());
    }
    assert!(largest <= 4 * (HEADER + MAX_DATA), "{largest}");
}

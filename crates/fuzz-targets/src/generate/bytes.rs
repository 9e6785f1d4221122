//! Changes to bytes that have no shape, and to texts after they were written.

use super::random::Random;
use super::values;

/// Changes `bytes` in one place. `words` are what the format is made of.
pub(super) fn change(bytes: &mut Vec<u8>, words: &[&[u8]], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let until = (at + random.few(16)).min(bytes.len());
    match random.below(14) {
        0 => bytes.truncate(at),
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.byte();
            }
        }
        3 => bytes.insert(at, random.byte()),
        4 => drop(bytes.drain(at..until)),
        5 => {
            let piece = bytes.get(at..until).unwrap_or_default().to_vec();
            bytes.splice(at..at, piece);
        }
        6 | 7 => {
            let word = random.pick(words).copied().unwrap_or_default();
            bytes.splice(at..at, word.iter().copied());
        }
        8 => {
            let word = random.pick(words).copied().unwrap_or_default();
            let until = (at + word.len()).min(bytes.len());
            bytes.splice(at..until, word.iter().copied());
        }
        9 => {
            let text = values::text(random);
            bytes.splice(at..at, text.iter().copied());
        }
        10 => number(bytes, at, random),
        11 => {
            let upper = bytes.get_mut(at..until).unwrap_or_default();
            upper.iter_mut().for_each(|byte| {
                *byte = if byte.is_ascii_lowercase() {
                    byte.to_ascii_uppercase()
                } else {
                    byte.to_ascii_lowercase()
                };
            });
        }
        12 => {
            let times = if random.per_mille(20) {
                5000
            } else {
                1 + random.below(40)
            };
            let piece = bytes.get(at..until).unwrap_or_default().repeat(times);
            bytes.splice(at..at, piece);
        }
        _ => {
            let blank = *random.pick(b" \t\r\n\0,;:=-").unwrap_or(&b' ');
            bytes.insert(at, blank);
        }
    }
}

/// Changes a whole text as senders of other systems would: marks, encodings, a second document.
pub(super) fn dress(bytes: &mut Vec<u8>, random: &mut Random) {
    match random.below(6) {
        0 => drop(bytes.splice(0..0, *b"\xef\xbb\xbf")),
        1 => *bytes = bytes.iter().flat_map(|byte| [*byte, 0]).collect(),
        2 => *bytes = bytes.iter().flat_map(|byte| [0, *byte]).collect(),
        3 => {
            let again = bytes.clone();
            bytes.extend(again);
        }
        4 => bytes.extend_from_slice(b"\r"),
        _ => bytes.clear(),
    }
}

/// Writes a number at a bound over the bytes, as a length field has it, or counts one up or down.
fn number(bytes: &mut [u8], at: usize, random: &mut Random) {
    let wide = random.below(3);
    let value = *random
        .pick(&[
            0_u32,
            1,
            0x7f,
            0x80,
            0xff,
            0x100,
            0x7fff,
            0xffff,
            0x1_0000,
            0x10_0000,
            0x7fff_ffff,
            u32::MAX,
        ])
        .unwrap_or(&0);
    let [a, b, c, d] = value.to_be_bytes();
    let written: &[u8] = match wide {
        0 => &[d],
        1 => &[c, d],
        _ => &[a, b, c, d],
    };
    for (place, byte) in bytes.iter_mut().skip(at).zip(written) {
        *place = *byte;
    }
}

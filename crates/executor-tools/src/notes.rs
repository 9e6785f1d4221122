//! Notes beside a result: as many as there is room for, each on one line.

use crate::cost::Cost;
use crate::visible;

/// The longest note that is shown, in characters.
const LONGEST: usize = 400;

/// As many of the notes as fit `room`, in their order; where some do not, their number is the last.
pub(crate) fn fitting<'a>(notes: impl IntoIterator<Item = &'a String>, room: Cost) -> Vec<String> {
    let (mut shown, mut more) = (Vec::new(), 0_usize);
    let mut room = room.without(LINE.and(LINE));
    for note in notes {
        let line = visible::line(note, LONGEST);
        if more == 0 && room.take(Cost::of_text(&line).and(LINE)) {
            shown.push(line);
        } else {
            more += 1;
        }
    }
    if more > 0 {
        shown.push(format!("{more} more notes are not shown"));
    }
    shown
}

/// What stands around a note.
const LINE: Cost = Cost::of(12, 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let notes: Vec<String> = (0..9).map(|at| format!("note {at}\n\u{202e}")).collect();
        assert_eq!(fitting(&notes, Cost::of(10_000, 1000)).len(), 9);
        let few = fitting(&notes, Cost::of(10_000, 70));
        assert!((2..9).contains(&few.len()), "{few:?}");
        assert_eq!(few[0], r"note 0 \u{202e}");
        let last = few.last().unwrap();
        assert_eq!(
            *last,
            format!("{} more notes are not shown", 10 - few.len())
        );
        assert_eq!(
            fitting(&notes, Cost::default()),
            ["9 more notes are not shown"]
        );
        assert!(fitting(&[], Cost::default()).is_empty());
    }
}

//! Lines of the log, or of the audit, on their way to standard error or a file. Whoever writes one never waits for whoever
//! reads: lines wait in a queue of a fixed length, and those that find no place are counted and the count is told. What is
//! in them is not its concern.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// How many lines may wait. A reader that keeps up leaves it empty; one that has stopped costs this much.
const LINES: usize = 1024;

/// The longest line that is logged; the rest is cut.
const MAX_LINE_BYTES: usize = 8 * 1024;

/// How long the end of the process waits for its last lines to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The way into the queue. Clones are the same queue.
#[derive(Clone, Debug)]
pub(crate) struct LogQueue {
    entries: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    /// Everything before it has been written when this is answered.
    Flush(SyncSender<()>),
}

/// Waits for the last lines when it is dropped, but not for long.
#[derive(Debug)]
#[must_use]
pub(crate) struct Flushed(Option<LogQueue>);

impl LogQueue {
    /// A queue in front of `out`, which a thread of its own writes to. `notice` makes a line of the number of those that
    /// were lost.
    pub(crate) fn new(
        out: impl Write + Send + 'static,
        notice: fn(u64) -> String,
    ) -> (Self, Flushed) {
        let (entries, waiting) = sync_channel(LINES);
        let lost = Arc::new(AtomicU64::new(0));
        let queue = Self {
            entries,
            lost: Arc::clone(&lost),
        };
        let writer = std::thread::Builder::new().name("log".to_owned());
        // Without its thread the log is lost, and nothing else.
        let _ = writer.spawn(move || write_all(out, &waiting, &lost, notice));
        let flushed = Flushed(Some(queue.clone()));
        (queue, flushed)
    }
}

impl Flushed {
    /// For a process that logs nothing.
    pub(crate) const fn nothing() -> Self {
        Self(None)
    }
}

impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut kept = line.get(..MAX_LINE_BYTES).unwrap_or(line).to_vec();
        if kept.len() < line.len() {
            kept.push(b'\n');
        }
        if self.entries.try_send(Entry::Line(kept)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Flushed {
    fn drop(&mut self) {
        let Some(queue) = self.0.take() else { return };
        let end = Instant::now() + LAST_WORDS;
        let (answer, answered) = sync_channel(1);
        let mut entry = Entry::Flush(answer);
        while let Err(TrySendError::Full(back)) = queue.entries.try_send(entry) {
            entry = back;
            if Instant::now() >= end {
                return;
            }
            // The standard library has no send with a limit, and nothing else happens any more.
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let _ = answered.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
}

/// The thread: writes what waits. What could not be written is lost as well, and told once something can be.
fn write_all(
    mut out: impl Write,
    waiting: &Receiver<Entry>,
    lost: &AtomicU64,
    notice: fn(u64) -> String,
) {
    while let Ok(entry) = waiting.recv() {
        let count = lost.swap(0, Ordering::Relaxed);
        if count > 0 && !write_line(&mut out, (notice(count) + "\n").as_bytes()) {
            lost.fetch_add(count, Ordering::Relaxed);
        }
        match entry {
            Entry::Line(line) => {
                if !write_line(&mut out, &line) {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            Entry::Flush(answer) => {
                let _ = out.flush();
                let _ = answer.try_send(());
            }
        }
    }
}

/// Writes a line, however long its reader takes: standard error may be one file with an output that never blocks.
/// Whether all of it is written.
fn write_line(out: &mut impl Write, mut line: &[u8]) -> bool {
    while !line.is_empty() {
        match out.write(line) {
            Ok(0) => return false,
            Ok(written) => line = line.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            Err(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(lost: u64) -> String {
        format!("{lost} lost")
    }

    #[test]
    fn a_log_that_nobody_reads_holds_nobody_up_and_the_loss_is_told() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (mut queue, flushed) = LogQueue::new(writer, notice);
        let line = format!("{}\n", "x".repeat(999));
        // Far more than the pipe and the queue hold; this returns all the same.
        for _ in 0..10_000 {
            queue.write_all(line.as_bytes()).unwrap();
        }
        let reading = std::thread::spawn(move || {
            let mut text = String::new();
            io::Read::read_to_string(&mut reader, &mut text).unwrap();
            text
        });
        drop(flushed);
        drop(queue);
        let text = reading.join().unwrap();
        let told = text.lines().filter_map(|line| line.strip_suffix(" lost"));
        let lost: u64 = told.map(|count| count.parse::<u64>().unwrap()).sum();
        assert!(lost > 0 && lost < 10_000, "{lost}");
    }

    /// A disk that is full for so many attempts.
    struct Full(usize, io::PipeWriter);

    impl Write for Full {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            if self.0 > 0 {
                self.0 -= 1;
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.1.write(line)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_cannot_be_written_is_told_once_something_can() {
        let (mut reader, writer) = io::pipe().unwrap();
        // The first line is refused, and so is the first attempt to say so.
        let (mut queue, flushed) = LogQueue::new(Full(2, writer), notice);
        for line in ["one\n", "two\n", "three\n"] {
            queue.write_all(line.as_bytes()).unwrap();
        }
        drop(flushed);
        drop(queue);
        let mut text = String::new();
        io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "two\n1 lost\nthree\n");
    }

    #[test]
    fn the_last_lines_are_written_before_the_end_and_long_ones_are_cut() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (mut queue, flushed) = LogQueue::new(writer, notice);
        queue.write_all(&[b'y'; 2 * MAX_LINE_BYTES]).unwrap();
        queue.write_all(b"last\n").unwrap();
        drop(flushed);
        let mut text = vec![0; MAX_LINE_BYTES + 6];
        io::Read::read_exact(&mut reader, &mut text).unwrap();
        assert!(text.ends_with(b"y\nlast\n"));
    }

    #[test]
    fn the_end_does_not_wait_for_ever() {
        let (_reader, writer) = io::pipe().unwrap();
        let (mut queue, flushed) = LogQueue::new(writer, notice);
        for _ in 0..2 * LINES {
            queue.write_all(&[b'z'; 1000]).unwrap();
        }
        let began = Instant::now();
        drop(flushed);
        assert!(began.elapsed() < 10 * LAST_WORDS);
    }
}

//! Numbers that bound one sandbox and one run, each parsed once, at birth.
//!
//! The defaults and ceilings are the table of `docs/architecture.md`, "Defaults".

use std::fmt;
use std::time::Duration;

use crate::media::Picture;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const TIB: u64 = 1024 * GIB;

/// A number outside its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} of {given} is out of bounds: between {least} and {most}")]
pub struct OutOfBounds {
    what: &'static str,
    given: String,
    least: String,
    most: String,
}

/// Holds `given` against both of its bounds, which it may reach.
fn within<T: PartialOrd + Copy + fmt::Display>(
    what: &'static str,
    given: T,
    least: T,
    most: T,
) -> Result<(), OutOfBounds> {
    if given < least || given > most {
        return Err(OutOfBounds {
            what,
            given: given.to_string(),
            least: least.to_string(),
            most: most.to_string(),
        });
    }
    Ok(())
}

/// A time that a program or an install may take: wall clock, more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(Duration);

impl WallTime {
    /// What a program gets unless the request says otherwise: 60 s.
    pub const PROGRAM: Self = Self(Duration::from_secs(60));
    /// What installing modules gets: 120 s.
    pub const INSTALL: Self = Self(Duration::from_secs(120));
    /// No limit may be higher: 600 s.
    pub const CEILING: Self = Self(Duration::from_secs(600));
    /// No limit may be lower: 1 ms.
    pub const FLOOR: Self = Self(Duration::from_millis(1));

    /// Takes `time` if it lies between [`FLOOR`](Self::FLOOR) and [`CEILING`](Self::CEILING).
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`], which names both bounds.
    pub fn new(time: Duration) -> Result<Self, OutOfBounds> {
        if time < Self::FLOOR.0 || time > Self::CEILING.0 {
            return Err(OutOfBounds {
                what: "time limit",
                given: format!("{time:?}"),
                least: format!("{:?}", Self::FLOOR.0),
                most: format!("{:?}", Self::CEILING.0),
            });
        }
        Ok(Self(time))
    }

    /// The time as a duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

/// A number of bytes with a least and a most that depend on what it bounds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many bytes.
    #[must_use]
    pub const fn bytes(count: u64) -> Self {
        Self(count)
    }

    /// So many times 1024 bytes.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(KIB))
    }

    /// So many times 1024² bytes.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(MIB))
    }

    /// So many times 1024³ bytes.
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count.saturating_mul(GIB))
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [(TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")] {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(f, "{} {name}", self.0 / unit);
            }
        }
        write!(f, "{} bytes", self.0)
    }
}

impl fmt::Debug for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteSize({self})")
    }
}

/// A text that is not a number of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: write a whole number and a unit, as in `512MiB` or `2GiB`")]
pub struct NotASize(String);

impl std::str::FromStr for ByteSize {
    type Err = NotASize;

    /// Reads `1048576`, `512k`, `512MiB`, `2 GB`: the units are powers of 1024 in every spelling,
    /// as Docker's are.
    fn from_str(text: &str) -> Result<Self, NotASize> {
        let not_a_size = || NotASize(text.chars().take(40).collect());
        let trimmed = text.trim();
        let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = trimmed.split_at_checked(digits).ok_or_else(not_a_size)?;
        let unit = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => KIB,
            "m" | "mb" | "mib" => MIB,
            "g" | "gb" | "gib" => GIB,
            "t" | "tb" | "tib" => TIB,
            _ => return Err(not_a_size()),
        };
        let number: u64 = number.parse().map_err(|_| not_a_size())?;
        number.checked_mul(unit).map(Self).ok_or_else(not_a_size)
    }
}

/// What one sandbox may use. A backend enforces every field or refuses to start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SandboxLimits {
    /// Memory of all its processes and its tmpfs files together; no swap beyond it.
    pub memory: ByteSize,
    /// Processor time per wall time, in thousandths of one processor.
    pub cpu_millis: u32,
    /// Processes and threads, process 1 included.
    pub processes: u32,
    /// Open files per process.
    pub open_files: u32,
    /// `/tmp`, where the program works; counts as memory.
    pub tmp: ByteSize,
    /// The place of installed modules; counts as memory.
    pub modules: ByteSize,
    /// `/dev/shm`; counts as memory.
    pub shm: ByteSize,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            memory: ByteSize::gib(1),
            cpu_millis: 1000,
            processes: 256,
            open_files: 1024,
            tmp: ByteSize::mib(512),
            modules: ByteSize::gib(1),
            shm: ByteSize::mib(256),
        }
    }
}

impl SandboxLimits {
    /// Holds every field against its floor and ceiling.
    ///
    /// # Errors
    ///
    /// The first field that is out of bounds, with both bounds.
    pub fn check(&self) -> Result<(), OutOfBounds> {
        within("memory", self.memory, ByteSize::mib(64), ByteSize::gib(16))?;
        within(
            "the size of /tmp",
            self.tmp,
            ByteSize::mib(1),
            ByteSize::gib(16),
        )?;
        within(
            "the size of the modules",
            self.modules,
            ByteSize::mib(1),
            ByteSize::gib(16),
        )?;
        within(
            "the size of /dev/shm",
            self.shm,
            ByteSize::mib(1),
            ByteSize::gib(16),
        )?;
        within("processors (in thousandths)", self.cpu_millis, 50, 64_000)?;
        within("the number of processes", self.processes, 8, 4096)?;
        within("the number of open files", self.open_files, 64, 65_536)
    }
}

/// What one run's output may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputLimits {
    /// What is kept of each of stdout and stderr: one half from the head, one half from the tail.
    pub kept: ByteSize,
    /// What may be printed on both together before the program is ended with
    /// [`Ending::OutputLimit`](crate::Ending::OutputLimit).
    pub printed: ByteSize,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            kept: ByteSize::mib(1),
            printed: ByteSize::gib(1),
        }
    }
}

/// What one run may leave to be seen besides its output: displays, and files in its working directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResultLimits {
    /// Displays; further ones are left out.
    pub displays: usize,
    /// Files; further ones are left out.
    pub files: usize,
    /// One file, or one display with all that belongs to it.
    pub item: ByteSize,
    /// All of them together.
    pub total: ByteSize,
    /// The longer side of a picture that is shown, in pixels; larger ones are made smaller for that.
    pub picture_side: u32,
    /// A picture that is shown, before it is encoded for the wire.
    pub picture: ByteSize,
}

impl Default for ResultLimits {
    fn default() -> Self {
        Self {
            displays: 64,
            files: 100,
            item: ByteSize::mib(16),
            total: ByteSize::mib(32),
            // What the common models look at; more is made smaller by their providers.
            picture_side: 1568,
            // 512 KiB of base64: with text beside it a message stays below the 1 MB that clients commonly take.
            picture: ByteSize::kib(384),
        }
    }
}

impl ResultLimits {
    /// Whether a picture of `bytes` bytes may be shown as it is.
    #[must_use]
    pub fn shows(&self, picture: Picture, bytes: usize) -> bool {
        let fits = u64::try_from(bytes).is_ok_and(|bytes| bytes <= self.picture.get());
        fits && picture.long_side() <= self.picture_side && picture.width > 0 && picture.height > 0
    }
}

/// The longest program text: 1 MiB.
pub const MAX_PROGRAM: ByteSize = ByteSize::mib(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, shown) in [
            ("1048576", "1 MiB"),
            ("512MiB", "512 MiB"),
            ("2 g", "2 GiB"),
            ("1500", "1500 bytes"),
            ("3kb", "3 KiB"),
        ] {
            assert_eq!(
                text.parse::<ByteSize>().unwrap().to_string(),
                shown,
                "{text}"
            );
        }
        for text in ["", "MiB", "-1", "1.5g", "999999999999GiB", "1 elephant"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_bounds() {
        assert!(WallTime::new(Duration::ZERO).is_err());
        assert!(WallTime::new(Duration::from_secs(601)).is_err());
        assert_eq!(
            WallTime::new(Duration::from_secs(600)).unwrap(),
            WallTime::CEILING
        );
    }

    #[test]
    fn limits_have_bounds() {
        assert!(SandboxLimits::default().check().is_ok());
        let tiny = SandboxLimits {
            memory: ByteSize::mib(1),
            ..SandboxLimits::default()
        };
        assert_eq!(
            tiny.check().unwrap_err().to_string(),
            "memory of 1 MiB is out of bounds: between 64 MiB and 16 GiB"
        );
    }
}

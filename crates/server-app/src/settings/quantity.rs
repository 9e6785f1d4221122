//! Texts of operators as numbers: times, processors, counts, switches.

use std::ops::RangeInclusive;
use std::time::Duration;

use executor_core::limits::ByteSize;

use super::mistake::Refusal;

/// `90`, `90s`, `1.5s`, `1500ms`, `2m`, `1h`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, Refusal> {
    let refuse = || {
        Refusal::because("not a time").hint("write a number and a unit, as in `90s`, `500ms`, `2m`")
    };
    let trimmed = text.trim();
    let digits = trimmed
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
        .count();
    let (number, unit) = trimmed.split_at_checked(digits).ok_or_else(refuse)?;
    let thousandths_per_unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" => 1,
        "" | "s" | "sec" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        _ => return Err(refuse()),
    };
    let thousandths = thousandths(number).ok_or_else(refuse)?;
    let milliseconds = thousandths
        .checked_mul(thousandths_per_unit)
        .ok_or_else(refuse)?
        / 1_000;
    Ok(Duration::from_millis(milliseconds))
}

/// A time between two others.
pub(crate) fn duration_within(
    text: &str,
    bounds: RangeInclusive<Duration>,
) -> Result<Duration, Refusal> {
    let given = duration(text)?;
    if bounds.contains(&given) {
        return Ok(given);
    }
    Err(Refusal::because(format!(
        "a time of {given:?} is out of bounds: between {:?} and {:?}",
        bounds.start(),
        bounds.end()
    )))
}

/// Processors in thousandths: `1`, `0.5`, `2.25`.
pub(crate) fn cpu_millis(text: &str) -> Result<u32, Refusal> {
    thousandths(text.trim())
        .and_then(|millis| u32::try_from(millis).ok())
        .ok_or_else(|| Refusal::because("not a number of processors").hint("write it as `1.5`"))
}

/// A whole number within bounds.
pub(crate) fn count(text: &str, bounds: RangeInclusive<usize>) -> Result<usize, Refusal> {
    let given: usize = text
        .trim()
        .parse()
        .map_err(|_| Refusal::because("not a whole number").hint(within(&bounds)))?;
    if bounds.contains(&given) {
        return Ok(given);
    }
    Err(Refusal::because(format!(
        "out of bounds: {}",
        within(&bounds)
    )))
}

/// A whole number, whose bounds somebody else knows.
pub(crate) fn number(text: &str) -> Result<u32, Refusal> {
    text.trim()
        .parse()
        .map_err(|_| Refusal::because("not a whole number"))
}

/// A size.
pub(crate) fn size(text: &str) -> Result<ByteSize, Refusal> {
    text.parse().map_err(|_| {
        Refusal::because("not a size")
            .hint("write a whole number and a unit, as in `512MiB` or `2GiB`")
    })
}

/// A size within bounds.
pub(crate) fn size_within(
    text: &str,
    bounds: RangeInclusive<ByteSize>,
) -> Result<ByteSize, Refusal> {
    let given = size(text)?;
    if bounds.contains(&given) {
        return Ok(given);
    }
    Err(Refusal::because(format!(
        "a size of {given} is out of bounds: between {} and {}",
        bounds.start(),
        bounds.end()
    )))
}

/// `true` or `false`, in the spellings that people use.
pub(crate) fn switch(text: &str) -> Result<bool, Refusal> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(Refusal::because("neither `true` nor `false`")),
    }
}

fn within(bounds: &RangeInclusive<usize>) -> String {
    format!("between {} and {}", bounds.start(), bounds.end())
}

/// A decimal number with at most three digits after its point, times 1000.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > 3 {
        return None;
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<3}").parse().ok()?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1_000)?
        .checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, milliseconds) in [
            ("90", Some(90_000)),
            ("1.5s", Some(1_500)),
            ("1500ms", Some(1_500)),
            ("2 m", Some(120_000)),
            ("0.5h", Some(1_800_000)),
            ("0", Some(0)),
            ("-1", None),
            ("1e3", None),
            ("NaN", None),
            ("", None),
            ("5 weeks", None),
            ("99999999999999999999", None),
            ("18446744073709551615h", None),
        ] {
            let expected = milliseconds.map(Duration::from_millis);
            assert_eq!(duration(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn processors() {
        for (text, millis) in [
            ("1", Some(1_000)),
            ("0.05", Some(50)),
            ("2.250", Some(2_250)),
            ("0.0001", None),
            (".5", None),
            ("1.", None),
            ("+1", None),
        ] {
            assert_eq!(cpu_millis(text).ok(), millis, "{text}");
        }
    }
}

//! Formats numbers for people: `12.3 MB`, `1.2 s`, `2 m 05 s`. Units are decimal, as in file
//! managers and browsers.

use std::time::Duration;

const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];

/// A count of bytes: `999 B`, `1.0 kB`, `12.3 MB`, `456 MB`.
pub fn bytes(count: u64) -> String {
    let unit = unit_of(count);
    format!("{} {}", in_unit(count, unit), UNITS[unit])
}

/// Done and total bytes: `12.3/45.6 MB`, both in the unit of the total.
pub fn bytes_of(done: u64, total: u64) -> String {
    let unit = unit_of(total.max(done));
    format!(
        "{}/{} {}",
        in_unit(done, unit),
        in_unit(total, unit),
        UNITS[unit]
    )
}

fn unit_of(count: u64) -> usize {
    // 999_500 and more would be printed as `1000 kB`, so such values get the next unit.
    let mut unit = 0;
    let mut value = count as f64;
    while unit + 1 < UNITS.len()
        && (if unit == 0 {
            value >= 1000.0
        } else {
            value >= 999.5
        })
    {
        value /= 1000.0;
        unit += 1;
    }
    unit
}

fn in_unit(count: u64, unit: usize) -> String {
    let value = count as f64 / 1000f64.powi(i32::try_from(unit).unwrap_or(0));
    match unit {
        0 => count.to_string(),
        _ if value >= 99.95 => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

/// What to write where [`parse_age`] can't read a text.
pub const AGE_HINT: &str = "write `30d`, `12h` or `2w`";

/// Reads how long something is kept: a whole number with `s`, `m`, `h`, `d` or `w`; without a unit
/// it is a number of days.
pub fn parse_age(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" | "" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| is_number)?;
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// Reads a number of bytes greater than 0, such as `8GiB`, `500MB` or `1073741824`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let factor: u64 = match text[digits..].trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    let number: u64 = text[..digits].parse().ok()?;
    number.checked_mul(factor).filter(|bytes| *bytes > 0)
}

/// What to write where [`parse_bytes`] can't read a text.
pub const BYTES_HINT: &str = "such as 8GiB, 500MB or a number of bytes";

/// A span of time: `8 ms`, `1.2 s`, `2 m 05 s`, `1 h 02 m`.
pub fn duration(span: Duration) -> String {
    let millis = span.as_millis();
    if millis < 950 {
        return format!("{millis} ms");
    }
    if millis < 59_950 {
        return format!("{:.1} s", span.as_secs_f64());
    }
    let seconds = (millis + 500) / 1000;
    if seconds < 3600 {
        return format!("{} m {:02} s", seconds / 60, seconds % 60);
    }
    format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60)
}

/// Formats seconds like [`duration`]. Negative numbers and NaN count as 0.
pub fn seconds(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// How long ago a time was that is written as RFC 3339: `6 s ago`, `2 m 05 s ago`. What is no time
/// stays as it is.
pub fn ago(time: &str) -> String {
    let Ok(time) = time.parse::<jiff::Timestamp>() else {
        return time.to_owned();
    };
    let passed = jiff::Timestamp::now().duration_since(time);
    // The clock of whoever has written it may be ahead.
    let passed = Duration::try_from(passed).unwrap_or_default();
    match passed.as_secs() {
        0..60 => format!("{} s ago", passed.as_secs()),
        seconds @ 60..172_800 => format!("{} ago", duration(Duration::from_secs(seconds))),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

/// The remaining time in whole seconds, so that it does not flicker: `6 s`, `2 m 05 s`.
pub fn time_left(span: Duration) -> String {
    if span.as_secs() < 60 {
        format!("{} s", span.as_secs().max(1))
    } else {
        duration(span)
    }
}

/// A number with its noun, in the plural unless it is 1: `1 step`, `2 steps`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_change_their_unit_before_they_show_a_thousand() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (12_345_678, "12.3 MB"),
            (99_960_000, "100 MB"),
            (456_789_000, "457 MB"),
            (999_499_999, "999 MB"),
            (999_500_000, "1.0 GB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(bytes(count), text, "{count}");
        }
        assert_eq!(bytes_of(300_000, 45_600_000), "0.3/45.6 MB");
    }

    #[test]
    fn durations_never_show_sixty_seconds() {
        for (millis, text) in [
            (0, "0 ms"),
            (8, "8 ms"),
            (949, "949 ms"),
            (950, "0.9 s"),
            (1234, "1.2 s"),
            (59_940, "59.9 s"),
            (59_951, "1 m 00 s"),
            (125_000, "2 m 05 s"),
            (3_599_600, "1 h 00 m"),
            (3_725_000, "1 h 02 m"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text, "{millis}");
        }
        assert_eq!(seconds(f64::NAN), "0 ms");
        assert_eq!(seconds(-1.0), "0 ms");
    }
}

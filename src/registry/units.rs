//! Sizes, durations and modes as people write them.

use std::time::Duration;

/// `64MiB`, `1GiB`, `512KiB`, `1048576`, `10MB`: a number of bytes.
pub(crate) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A hundred years: longer ones are slips, and overflow clocks.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// `10s`, `150ms`, `1m30s`, `1.5h`: a duration.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let part = number.parse::<f64>().ok()? * seconds;
        total = total.checked_add(Duration::try_from_secs_f64(part).ok()?)?;
        rest = tail;
    }
    (total <= LONGEST).then_some(total)
}

/// `0755`, `755`, `0o755`: the permissions of a file or a directory.
pub(crate) fn mode(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o7777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("64MiB"), Some(64 << 20));
        assert_eq!(size("1 GiB"), Some(1 << 30));
        assert_eq!(size("512kib"), Some(512 << 10));
        assert_eq!(size("10MB"), Some(10_000_000));
        assert_eq!(size("17"), Some(17));
        for wrong in ["", "MiB", "-1", "1.5GiB", "64M", "99999999999GiB"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(duration("150ms"), Some(Duration::from_millis(150)));
        assert_eq!(duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("1.5h"), Some(Duration::from_secs(5400)));
        for wrong in
            ["", "10", "s", "1 s", "-1s", "1.2.3s", "1e9h", "999999999999999999999h", "999999999h"]
        {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn modes() {
        assert_eq!(mode("0755"), Some(0o755));
        assert_eq!(mode("0o600"), Some(0o600));
        for wrong in ["", "rwx", "0888", "077777", "-755", "+755"] {
            assert_eq!(mode(wrong), None, "{wrong}");
        }
    }
}

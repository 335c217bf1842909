//! The texts of pids.

use super::table::Serial;

/// The number at the end of a text that looks like a pid. Zero, which no process has,
/// if there is none.
pub(super) fn serial(text: &str) -> Option<Serial> {
    memchr::memchr(b'|', text.as_bytes())?;
    let number = text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    Some(text.get(number..).and_then(|number| number.parse().ok()).unwrap_or(0))
}

/// Eight letters and digits that no other node has.
pub(super) fn epoch() -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bytes = [0_u8; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // Without random numbers the time has to do.
        let time = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        bytes = (time as u64).to_le_bytes();
    }
    bytes
        .iter()
        .filter_map(|byte| DIGITS.get(usize::from(byte % 32)))
        .map(|d| char::from(*d))
        .collect()
}

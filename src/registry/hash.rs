//! SHA-256 hashes as entries write them: `sha256:` and 64 hex digits.

use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// The SHA-256 of an artifact's bytes.
///
/// ```
/// use wippy::artifact::Hash;
///
/// let hash = Hash::of(b"");
/// let text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// assert_eq!(hash.to_string(), text);
/// assert_eq!(text.parse(), Ok(hash));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

/// Why a text is not a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashError {
    /// There is no `name:` at the front.
    NoPrefix,
    /// The name in front is not `sha256`.
    Prefix,
    /// So many characters follow, not 64.
    Length(usize),
    /// A character that is not a hex digit.
    Digit(char),
}

impl Hash {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    /// The 32 bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The SHA-256 of some bytes, as 64 hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let text = Hash::of(bytes).to_string();
    text.strip_prefix("sha256:").unwrap_or(&text).to_owned()
}

impl FromStr for Hash {
    type Err = HashError;

    /// Upper case digits are accepted, and spaces around the whole.
    fn from_str(text: &str) -> Result<Hash, HashError> {
        let (prefix, digits) = text.trim().split_once(':').ok_or(HashError::NoPrefix)?;
        if prefix != "sha256" {
            return Err(HashError::Prefix);
        }
        if let Some(wrong) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
            return Err(HashError::Digit(wrong));
        }
        if digits.len() != 64 {
            return Err(HashError::Length(digits.len()));
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = pair
                .iter()
                .filter_map(|digit| char::from(*digit).to_digit(16))
                .fold(0_u8, |byte, digit| (byte << 4) | u8::try_from(digit).unwrap_or(0));
        }
        Ok(Hash(hash))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HashError::NoPrefix => f.write_str("sha256: is missing at the front"),
            HashError::Prefix => f.write_str("only sha256 is known"),
            HashError::Length(n) => write!(f, "{n} hex digits instead of 64"),
            HashError::Digit(c) => write!(f, "{c:?} is not a hex digit"),
        }
    }
}

impl std::error::Error for HashError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_is_the_same_hash() {
        let text = Hash::of(b"x").to_string();
        let upper = text.to_uppercase().replace("SHA256", "sha256");
        assert_eq!(upper.parse::<Hash>(), Ok(Hash::of(b"x")));
    }

    #[test]
    fn what_is_no_hash_says_why() {
        let why = |text: &str| text.parse::<Hash>().unwrap_err().to_string();
        assert_eq!(why(&sha256_hex(b"")), "sha256: is missing at the front");
        assert_eq!(why("md5:abc"), "only sha256 is known");
        assert_eq!(why("sha256:abc"), "3 hex digits instead of 64");
        assert_eq!(why("sha256:..."), "'.' is not a hex digit");
    }
}

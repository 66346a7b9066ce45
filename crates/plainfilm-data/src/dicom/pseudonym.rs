//! Patients behind numbers that lead back to nobody.

use std::fmt;
use std::path::Path;

use plainfilm_film::files::atomic_write;
use sha2::{Digest, Sha256};

use super::io;
use crate::DatasetError;

/// A secret that is hashed with each identifier. Identifiers are short numbers, so without it anybody could hash all
/// of them and compare; with it, the same person has the same pseudonym within an import and another in the next.
///
/// Whoever has the salt can do the same: it must not travel with the manifest. No `Debug` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

impl Salt {
    /// Of the operating system's randomness.
    ///
    /// # Errors
    ///
    /// Where the system has none.
    pub fn random() -> std::io::Result<Self> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Self(salt))
    }

    /// Keeps it in a file that only its owner may read, so that films that come later can be added. Beside a manifest
    /// it is called `manifest.salt`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Io`] where it cannot be written.
    pub fn keep(&self, path: &Path) -> Result<(), DatasetError> {
        let text: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let write = || {
            // The file is made private before it holds anything: a finished file keeps the custom of what it replaces.
            #[cfg(unix)]
            {
                use std::os::unix::fs::OpenOptionsExt;
                let mut options = std::fs::OpenOptions::new();
                options.create(true).truncate(false).write(true).mode(0o600);
                options.open(path)?;
            }
            atomic_write(path, format!("{text}\n").as_bytes())
        };
        write().map_err(|source| io("write", path, source))
    }

    /// The one that was kept.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Io`] where it cannot be read, or is not one.
    pub fn kept(path: &Path) -> Result<Self, DatasetError> {
        let failed = |source| io("read", path, source);
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let digits = text.trim().as_bytes();
        let pairs = digits.as_chunks::<2>().0;
        let salt: Option<Vec<u8>> = pairs
            .iter()
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let salt = salt.and_then(|salt| <[u8; 32]>::try_from(salt).ok());
        salt.filter(|_| digits.len() == 64)
            .map(Self)
            .ok_or_else(|| {
                failed(std::io::Error::other(
                    "expected a salt of 64 hexadecimal digits",
                ))
            })
    }

    /// What stands for an identifier: the first 16 bytes of SHA-256 of the salt and the identifier.
    #[must_use]
    pub fn pseudonym(&self, identifier: &str) -> String {
        let hash = self.hash("", identifier);
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What stands for a unique identifier (UI): `2.25.` and a UUID of version 8 (RFC 9562) made of the hash, as a
    /// decimal number (PS3.5, B.2).
    #[must_use]
    pub fn uid(&self, uid: &str) -> String {
        let mut hash = self.hash("uid:", uid);
        hash[6] = hash[6] & 0x0f | 0x80;
        hash[8] = hash[8] & 0x3f | 0x80;
        format!("2.25.{}", u128::from_be_bytes(hash))
    }

    /// By how many days the dates of a patient are shifted: back, by 1 to 3,650.
    #[must_use]
    pub fn days(&self, patient: &str) -> i64 {
        let hash = u128::from_be_bytes(self.hash("days:", patient));
        -1 - (hash % 3650) as i64
    }

    /// What stands for a whole file.
    pub(super) fn pseudonym_of(&self, file: &[u8]) -> String {
        let digest = Sha256::digest(file);
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.pseudonym(&digits)
    }

    /// The first half of SHA-256 of the salt, what the hash is for, and what is hashed.
    fn hash(&self, purpose: &str, what: &str) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(purpose.as_bytes());
        hash.update(what.as_bytes());
        let digest = hash.finalize();
        std::array::from_fn(|index| digest[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_that_is_kept_gives_the_same_pseudonyms() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.salt");
        let [salt, other] = [Salt::random().unwrap(), Salt::random().unwrap()];
        salt.keep(&path).unwrap();
        let kept = Salt::kept(&path).unwrap();
        assert_eq!(kept.pseudonym("4711"), salt.pseudonym("4711"));
        assert_ne!(other.pseudonym("4711"), salt.pseudonym("4711"));
        assert_ne!(salt.pseudonym("4712"), salt.pseudonym("4711"));
        assert_eq!(salt.pseudonym("4711").len(), 32);
        let uid = salt.uid("1.2.3");
        assert_eq!(uid, kept.uid("1.2.3"));
        assert!(uid.starts_with("2.25.") && uid.len() <= 64, "{uid}");
        assert_ne!(uid, salt.uid("1.2.4"));
        assert!((-3650..0).contains(&salt.days("4711")));
        assert_eq!(format!("{salt:?}"), "Salt(..)");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::write(&path, "short").unwrap();
        assert!(Salt::kept(&path).is_err());
    }
}

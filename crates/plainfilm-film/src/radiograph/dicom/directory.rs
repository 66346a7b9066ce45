//! A DICOMDIR (PS3.10, chapter 8): the list of files on a disc.

use std::path::PathBuf;

use super::super::{Limits, RadiographError};
use super::Fault;
use super::elements::DataSet;
use super::file::File;

/// A file that a DICOMDIR names (PS3.3, F.3.2.2: Referenced File ID).
#[derive(Clone, PartialEq, Eq)]
pub enum Listed {
    /// A path below the DICOMDIR's folder: its parts are names, never `..` or a root.
    File(PathBuf),
    /// An entry of which no such path can be made; which one, counted from 1.
    Refused(usize),
}

/// The files that a DICOMDIR lists, in its order. `bytes` is the whole of it.
///
/// # Errors
///
/// [`RadiographError`] where it is no DICOMDIR or larger than the limits allow.
pub fn directory(
    bytes: &[u8],
    name: &str,
    limits: &Limits,
) -> Result<Vec<Listed>, RadiographError> {
    limits.check_file(name, bytes.len() as u64)?;
    let fault = |fault: Fault| fault.of(name);
    let file = File::open(bytes, limits).map_err(fault)?;
    let (data, _) = DataSet::read(&file.bytes, file.start, file.syntax.encoding).map_err(fault)?;
    if data.get(0x0004_1220).is_none() {
        return Err(fault(Fault::Damaged(
            "expected a DICOMDIR, found no list of records".to_owned(),
        )));
    }
    let records = data.items(0x0004_1220);
    let named = records.iter().filter_map(|record| record.get(0x0004_1500));
    Ok(named
        .enumerate()
        .map(|(index, file)| confined(file.bytes).map_or(Listed::Refused(index + 1), Listed::File))
        .collect())
}

/// A path of names that are separated by backslashes, none of which leads anywhere but down.
fn confined(id: &[u8]) -> Option<PathBuf> {
    let id = std::str::from_utf8(id).ok()?.trim_end_matches(['\0', ' ']);
    let is_name = |part: &&str| {
        !part.is_empty() && *part != "." && *part != ".." && !part.contains(['/', ':', '\0'])
    };
    let parts: Vec<&str> = id.split('\\').map(str::trim).collect();
    parts.iter().all(is_name).then(|| parts.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_down() {
        assert_eq!(confined(b"DIR\\FILE "), Some(PathBuf::from("DIR/FILE")));
        for id in [
            &b""[..],
            b"..\\FILE",
            b"\\etc\\passwd",
            b"/etc/passwd",
            b"A\\\\B",
            b"C:\\A",
            b"\xff",
        ] {
            assert_eq!(confined(id), None, "{id:?}");
        }
    }
}

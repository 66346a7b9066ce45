//! The pixels of DICOM files, for comparison with other readers: `dicom_pixels OUT FILE...`.
//!
//! For each file, one line of values between tabs: its number; `read` with columns, rows, samples a pixel and whether
//! they are YBR; or `refused` and why. Beside it in the folder OUT, `N.stored` with the stored values as 32-bit
//! little-endian numbers and `N.film` with the film's grey levels as 16-bit ones, on a scale to the number in the
//! line's last place. See reference/dicom/compare.py.

use std::io::Write;
use std::path::Path;

use plainfilm_film::radiograph::dicom::stored_values;
use plainfilm_film::radiograph::{Limits, RadiographError, decode, read_bytes};

fn one(file: &str, number: usize, out: &Path) -> Result<String, RadiographError> {
    let limits = Limits::default();
    let bytes = read_bytes(Path::new(file), &limits)?;
    let film = decode(&bytes, "file", &limits)?;
    let stored = stored_values(&bytes, "file", &limits)?;
    let write = |name: String, bytes: Vec<u8>| {
        let path = out.join(name);
        std::fs::write(&path, bytes).map_err(|source| RadiographError::Io { path, source })
    };
    let values = stored.values.iter().flat_map(|value| value.to_le_bytes());
    write(format!("{number}.stored"), values.collect())?;
    let levels = film.pixels.iter().flat_map(|level| level.to_le_bytes());
    write(format!("{number}.film"), levels.collect())?;
    Ok(format!(
        "{number}\tread\t{}\t{}\t{}\t{}\t{}",
        stored.width,
        stored.height,
        stored.samples,
        stored.ybr,
        (1_u32 << film.bit_depth) - 1
    ))
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().unwrap_or_else(|| ".".to_owned());
    let mut printed = std::io::stdout().lock();
    for (number, file) in arguments.enumerate() {
        let line = one(&file, number, Path::new(&out))
            .unwrap_or_else(|error| format!("{number}\trefused\t{error}"));
        writeln!(printed, "{line}")?;
    }
    Ok(())
}

//! Whether the program works on this machine: a few checks against what is known, in a second or two.

use std::ops::ControlFlow;
use std::path::Path;

use plainfilm_data::FilmsInMemory;
use plainfilm_data::phantom::{self, PhantomSettings};
use plainfilm_film::files::atomic_write;
use plainfilm_model::bundle::bundled;
use plainfilm_model::device;
use plainfilm_model::lungs::BundledLungs;
use plainfilm_model::predict::{Predictor, score};

/// What the bundled model says of the film that [`of_film`] draws: the probability of its first label.
pub const EXPECTED_PROBABILITY: f64 = 0.073_422;
/// How far another CPU's rounding may move that.
pub const PROBABILITY_TOLERANCE: f64 = 1e-4;

/// One check.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// Whether it went as it should.
    pub passed: bool,
    /// What was expected and found, in one line.
    pub detail: String,
}

impl Check {
    fn of(name: &'static str, result: Result<String, String>) -> Self {
        let (passed, detail) = match result {
            Ok(detail) => (true, detail),
            Err(detail) => (false, detail),
        };
        Self {
            name,
            passed,
            detail,
        }
    }
}

/// Draws a synthetic film, decodes it, finds its lungs and scores it with the bundled model.
#[must_use]
pub fn of_film() -> Check {
    Check::of(
        "a drawn film through the bundled model",
        probability().and_then(|found| {
            let detail = format!("probability {found:.6}, expected {EXPECTED_PROBABILITY:.6}");
            if (found - EXPECTED_PROBABILITY).abs() <= PROBABILITY_TOLERANCE {
                Ok(detail)
            } else {
                Err(detail)
            }
        }),
    )
}

fn probability() -> Result<f64, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let settings = PhantomSettings {
        count: 2,
        size: 320,
        seed: 1,
        shortcut: 0.0,
    };
    let film = phantom::png(&settings, 0).map_err(|error| text(&error))?;
    let cpu = device::parse("cpu").map_err(|error| text(&error))?;
    let model = bundled().map_err(|error| text(&error))?;
    let predictor = Predictor::new(&model, &cpu).map_err(|error| text(&error))?;
    let films = FilmsInMemory(vec![("drawn.png".to_owned(), film)]);
    let mut found = Err("the film was not scored".to_owned());
    score(&films, &predictor, &BundledLungs, &mut |_, result| {
        found = result;
        ControlFlow::Continue(())
    })
    .map_err(|error| text(&error))?;
    let first = found?.first().copied();
    first.ok_or_else(|| "the model has no label".to_owned())
}

/// Convolves with this CPU's kernels and with plain loops.
#[must_use]
pub fn of_convolution() -> Check {
    let off = device::self_check();
    let most = device::SELF_CHECK_TOLERANCE;
    let detail = format!("off by {off:.1e} of the largest value, at most {most:.0e} is fine");
    Check::of(
        "convolutions against plain loops",
        if off <= most { Ok(detail) } else { Err(detail) },
    )
}

/// Writes a small file into a folder under another name, renames it, reads it and removes it.
#[must_use]
pub fn of_folder(name: &'static str, folder: &Path) -> Check {
    let content = b"plainfilm doctor\n";
    // What is left of a killed process is recognised by its name and cleaned up.
    let path = folder.join(format!(".plainfilm-doctor-{}.part", std::process::id()));
    let kept = atomic_write(&path, content).and_then(|()| std::fs::read(&path));
    let removed = std::fs::remove_file(&path);
    Check::of(
        name,
        match (kept, removed) {
            (Ok(read), Ok(())) if read == content => {
                Ok("written, renamed, read, removed".to_owned())
            }
            (Ok(_), Ok(())) => Err("what was read is not what was written".to_owned()),
            (Err(error), _) | (_, Err(error)) => Err(error.kind().to_string()),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_passes() {
        let folder = tempfile::tempdir().unwrap();
        for check in [
            of_film(),
            of_convolution(),
            of_folder("folder", folder.path()),
        ] {
            assert!(check.passed, "{check:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let absent = of_folder("folder", &folder.path().join("absent"));
        assert!(
            !absent.passed && absent.detail.contains("not found"),
            "{absent:?}"
        );
    }
}

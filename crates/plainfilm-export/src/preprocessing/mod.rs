//! What has to happen to a film before an exported model: settings that a program reads, and a program that does it.

use serde::Serialize;

use plainfilm_film::radiograph::{Field, Histogram, Preprocessing};

use crate::graph::InputKind;

/// The same steps in Python, with NumPy and Pillow, to be written beside a model under [`SCRIPT_NAME`].
pub const SCRIPT: &str = include_str!("preprocessing.py");
/// Its name, and the one under which it is imported.
pub const SCRIPT_NAME: &str = "preprocessing.py";
/// The name under which it looks for the settings.
pub const SETTINGS_NAME: &str = "preprocessing.json";

/// What an exported model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Input {
    /// Grey levels of 0 to 1, or of 0 to 255 where the model's input holds whole numbers.
    Unit,
    /// Scaled, since that depends on the whole film.
    Scaled,
}

#[derive(Debug, Serialize)]
struct Settings<'a> {
    preprocessing: &'a Preprocessing,
    input: Input,
    steps: Vec<String>,
    notice: &'static str,
}

/// The text of `preprocessing.json`: the settings, and every step in words, in their order. It is the same for every
/// format.
#[must_use]
pub fn settings(preprocessing: &Preprocessing) -> String {
    let input = match InputKind::of(preprocessing) {
        InputKind::Scaled => Input::Scaled,
        InputKind::Unit => Input::Unit,
    };
    let settings = Settings {
        preprocessing,
        input,
        steps: steps(preprocessing, input),
        notice: plainfilm_film::NOT_A_MEDICAL_DEVICE,
    };
    serde_json::to_string_pretty(&settings).expect("plain values have a JSON form") + "\n"
}

fn steps(preprocessing: &Preprocessing, input: Input) -> Vec<String> {
    use plainfilm_film::radiograph::{Fit, Inversion, Resampling, Scaling};
    let Preprocessing { size, channels, .. } = preprocessing;
    let mut steps = vec![
        "turn the film upright as its EXIF orientation says".to_owned(),
        "make it grey by Rec. 601 luma (Pillow's `convert(\"L\")`); drop alpha".to_owned(),
    ];
    if preprocessing.field == Field::Exposed && preprocessing.fit != Fit::Squash {
        steps.push("cut off the even black or white around the exposed field".to_owned());
    }
    if preprocessing.strip_borders > 0 {
        let percent = preprocessing.strip_borders;
        steps.push(format!("cut {percent} % of each side off"));
    }
    steps.push(match preprocessing.fit {
        Fit::Crop => "cut the largest square out of the middle".to_owned(),
        Fit::Letterbox => "keep all of it; its shape stays".to_owned(),
        Fit::Squash => "keep all of it; its shape is lost".to_owned(),
        Fit::Lungs => {
            "cut out the box around the lungs, with a tenth of its sides around it; where none are \
                       known, the largest square in the middle"
                .to_owned()
        }
    });
    let filter = match preprocessing.resampling {
        Resampling::Nearest => "the nearest pixel",
        Resampling::Bilinear => "Pillow's BILINEAR, which averages where a film shrinks",
        Resampling::Bicubic => "Pillow's BICUBIC, which averages where a film shrinks",
        Resampling::Lanczos => "Pillow's LANCZOS",
    };
    steps.push(format!("resize to {size} x {size} by {filter}"));
    if preprocessing.fit == Fit::Letterbox {
        steps.push("put it into the middle of a black square".to_owned());
    }
    steps.push("divide by the greatest possible level (255, or 65535 of 16-bit films)".to_owned());
    if preprocessing.inversion == Inversion::Invert {
        steps.push("exchange black and white (but not the bars): 1 - value".to_owned());
    }
    match preprocessing.histogram {
        Histogram::Stored => {}
        Histogram::Equalised => {
            steps.push("give every value its rank among the film's pixels".to_owned())
        }
        Histogram::Clahe => steps.push(
            "equalise contrast in tiles (CLAHE, 8 x 8 tiles, 256 levels, limit 3)".to_owned(),
        ),
    }
    let scaling = match preprocessing.scaling {
        Scaling::Unit => "nothing more",
        Scaling::Percentile => "stretch the 1st to 99th percentile to 0 to 1, and clip",
        Scaling::ZScore => "subtract the film's mean, divide by its standard deviation",
        Scaling::ImageNet => {
            "subtract ImageNet's mean of each channel, divide by its standard deviation"
        }
        Scaling::Caffe => "times 255, less ImageNet's mean of each channel (red, green, blue)",
        Scaling::Tf => "times 2, less 1",
        Scaling::XRayVision => "times 2048, less 1024",
    };
    steps.push(format!("repeat the plane in {channels} channels"));
    steps.push(match input {
        Input::Scaled => format!("scale: {scaling}"),
        Input::Unit => format!("the model does the rest: {scaling}"),
    });
    steps
}

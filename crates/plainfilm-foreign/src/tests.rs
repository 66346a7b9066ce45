//! Models of other exporters against ONNX Runtime (`reference/foreign`), and files that are damaged or do not fit.

use std::path::{Path, PathBuf};

use crate::{Description, ForeignError, ForeignModel, describe};
use plainfilm_film::radiograph::Plane;
use plainfilm_model::predict::Scorer;

/// As far as two runtimes may differ.
const TOLERANCE: f64 = 1e-4;

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../reference/foreign")
        .join(name)
}

/// The films that `make.py` draws.
fn planes(count: usize) -> Vec<Plane> {
    let plane = |n: usize| Plane {
        size: 32,
        values: (0..32 * 32)
            .map(|pixel| {
                let (r, c) = (pixel / 32, pixel % 32);
                ((7 * c + 13 * r + 29 * n + c * r) % 256) as f32 / 255.0
            })
            .collect(),
    };
    (0..count).map(plane).collect()
}

/// A file of the reference, with its weights, in a folder of its own.
struct Copied {
    folder: tempfile::TempDir,
    model: PathBuf,
}

impl Copied {
    fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join(name);
        std::fs::copy(reference(name), &model).unwrap();
        let weights = format!("{name}.data");
        if reference(&weights).exists() {
            std::fs::copy(reference(&weights), folder.path().join(weights)).unwrap();
        }
        Self { folder, model }
    }

    /// With the draft of its description, in which some text becomes another.
    fn described(name: &str, changes: &[(&str, &str)]) -> Self {
        let copied = Self::of(name);
        copied.describe(changes);
        copied
    }

    fn describe(&self, changes: &[(&str, &str)]) {
        let mut text = describe(&self.model).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{from} is not in {text}");
            text = text.replace(from, to);
        }
        std::fs::write(self.model.with_extension("toml"), text).unwrap();
    }

    fn open(&self) -> Result<ForeignModel, ForeignError> {
        ForeignModel::open(&self.model, Some(1))
    }

    fn error(&self) -> String {
        self.open().unwrap_err().to_string()
    }
}

/// The outputs of a file for five films, as ONNX Runtime has them.
fn expected(name: &str) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(reference("expected.json")).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(all[name].clone()).unwrap()
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let sum: f64 = row.iter().map(|value| value.exp()).sum();
    row.iter().map(|value| value.exp() / sum).collect()
}

#[test]
fn drafts_of_other_exporters_answer_as_onnx_runtime_does() {
    let as_they_are = |row: &[f64]| row.to_vec();
    let of_the_second = |row: &[f64]| vec![1.0 - row[0], row[0]];
    type Turned<'a> = &'a dyn Fn(&[f64]) -> Vec<f64>;
    let cases: [(&str, Turned<'_>); 6] = [
        ("torch-script.onnx", &softmax),
        ("torch-dynamo.onnx", &softmax),
        ("torch-defaults.onnx", &as_they_are),
        ("torch-findings.onnx", &as_they_are),
        ("keras-export.onnx", &as_they_are),
        ("keras-tf2onnx.onnx", &of_the_second),
    ];
    for (name, probabilities) in cases {
        let model = Copied::described(name, &[]).open().unwrap();
        // More than the graph takes at once, so that batches are seen too.
        let films: Vec<Plane> = (0..4).flat_map(|_| planes(5)).collect();
        let found = model.probabilities(&films).unwrap();
        assert_eq!(found.len(), films.len(), "{name}");
        for (film, outputs) in expected(name).iter().cycle().take(films.len()).enumerate() {
            let expected = probabilities(outputs);
            assert_eq!(found[film].len(), expected.len(), "{name}");
            for (found, expected) in found[film].iter().zip(&expected) {
                assert!(
                    (found - expected).abs() < TOLERANCE,
                    "{name}, film {film}: {found} {expected}"
                );
            }
        }
    }
}

#[test]
fn drafts_say_what_the_graph_says() {
    for (name, layout, channels, labels, holds, link) in [
        ("torch-script.onnx", "nchw", 3, 3, "logits", "softmax"),
        (
            "torch-defaults.onnx",
            "nchw",
            3,
            2,
            "probabilities",
            "softmax",
        ),
        (
            "torch-findings.onnx",
            "nchw",
            3,
            4,
            "probabilities",
            "sigmoid",
        ),
        (
            "keras-export.onnx",
            "nhwc",
            3,
            3,
            "probabilities",
            "softmax",
        ),
        (
            "keras-tf2onnx.onnx",
            "nhwc",
            1,
            2,
            "probabilities",
            "sigmoid",
        ),
    ] {
        let text = describe(&reference(name)).unwrap();
        let found = Description::parse(&text, Path::new("draft.toml")).unwrap();
        let words = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
        assert_eq!(words(&found.input.layout), layout, "{name}");
        assert_eq!(found.preprocessing.channels, channels, "{name}");
        assert_eq!(found.preprocessing.size, 32, "{name}");
        assert_eq!(found.labels.len(), labels, "{name}");
        assert_eq!(words(&found.output.holds), holds, "{name}");
        assert_eq!(words(&found.output.link), link, "{name}");
    }
}

#[test]
fn findings_and_labels_are_told_apart() {
    let usage = |name: &str| Copied::described(name, &[]).open().unwrap().usage();
    let findings = usage("torch-findings.onnx");
    assert_eq!(findings.findings.len(), 4);
    assert_eq!(
        findings.called(&[0.4, 0.6, 0.5, 0.1]),
        [false, true, true, false]
    );
    let comment = "# thresholds = { \"label 1\" = 0.3 }";
    let own = "thresholds = { \"label 1\" = 0.7, \"label 3\" = 0.05 }";
    let model = Copied::described("torch-findings.onnx", &[(comment, own)]);
    let usage_with_own = model.open().unwrap().usage();
    assert_eq!(
        usage_with_own.called(&[0.4, 0.6, 0.5, 0.1]),
        [false, false, true, true]
    );
    let labels = usage("keras-tf2onnx.onnx");
    assert!(labels.findings.is_empty() && labels.kind.starts_with("ONNX"));
    assert!(
        labels
            .operation_text()
            .starts_with("probabilities not calibrated")
    );
}

#[test]
fn softmax_of_old_operator_sets_is_refused_where_it_means_something_else() {
    let error = describe(&reference("old-softmax.onnx"))
        .unwrap_err()
        .to_string();
    for words in ["\"last\" is a Softmax of operator set 9", "hint: "] {
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn what_does_not_fit_is_named_by_its_key() {
    type Changes<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Changes<'_>, &str); 13] = [
        (
            "torch-script.onnx",
            &[("\"film\"", "\"image\"")],
            "`input.name`: expected one of \"film\"",
        ),
        (
            "torch-script.onnx",
            &[("\"logits\"\n# GUESS: \"prob", "\"y\"\n# GUESS: \"prob")],
            "`output.name`",
        ),
        (
            "torch-script.onnx",
            &[("\"nchw\"\n", "\"nhwc\"\n")],
            "`input.layout`",
        ),
        (
            "torch-script.onnx",
            &[("size = 32", "size = 64")],
            "`preprocessing`: expected what fits the graph's input [?, 3, 32, 32]",
        ),
        (
            "torch-script.onnx",
            &[("channels = 3", "channels = 1")],
            "`preprocessing`",
        ),
        (
            "torch-script.onnx",
            &[(", \"label 2\"", "")],
            "`labels`: expected 3",
        ),
        (
            "keras-tf2onnx.onnx",
            &[("\"label 0\", ", "\"a\", \"b\", ")],
            "`labels`: expected two",
        ),
        (
            "keras-tf2onnx.onnx",
            &[("link = \"sigmoid\"", "link = \"softmax\"")],
            "`labels`",
        ),
        (
            "torch-findings.onnx",
            &[("# thresholds = { \"label 1\"", "thresholds = { \"label 9\"")],
            "`thresholds`: expected names among",
        ),
        (
            "torch-findings.onnx",
            &[(
                "# thresholds = { \"label 1\" = 0.3",
                "thresholds = { \"label 1\" = 3",
            )],
            "`thresholds`: expected probabilities",
        ),
        (
            "keras-tf2onnx.onnx",
            &[("# thresholds = ", "thresholds = ")],
            "`thresholds`: expected none",
        ),
        (
            "torch-script.onnx",
            &[("# thresholds = ", "thresholds = ")],
            "`thresholds`: expected none",
        ),
        (
            "torch-script.onnx",
            &[("torch-script.onnx", "other.onnx")],
            "`model`",
        ),
    ];
    for (name, changes, expected) in cases {
        let error = Copied::described(name, changes).error();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(error.contains(".toml"), "{error}");
    }
}

#[test]
fn outputs_that_are_no_probabilities_say_so() {
    let change = [("holds = \"logits\"", "holds = \"probabilities\"")];
    let model = Copied::described("torch-script.onnx", &change)
        .open()
        .unwrap();
    let error = model.probabilities(&planes(1)).unwrap_err().to_string();
    assert!(error.contains("expected probabilities, 0 to 1"), "{error}");
    let change = [(
        "# [normalisation]\n# times = 255.0",
        "[normalisation]\ntimes = 3e38",
    )];
    let model = Copied::described("torch-script.onnx", &change)
        .open()
        .unwrap();
    let error = model.probabilities(&planes(1)).unwrap_err().to_string();
    assert!(error.contains("expected a number, found"), "{error}");
}

#[test]
fn files_that_are_missing_are_named() {
    let copied = Copied::of("torch-defaults.onnx");
    assert!(copied.error().contains("hint: `plainfilm model describe"));
    copied.describe(&[]);
    let weights = copied.folder.path().join("torch-defaults.onnx.data");
    std::fs::write(&weights, b"short").unwrap();
    assert!(
        copied.error().contains("torch-defaults.onnx"),
        "{}",
        copied.error()
    );
    std::fs::remove_file(&weights).unwrap();
    assert!(copied.error().contains("onnx.data: "), "{}", copied.error());
    std::fs::remove_file(&copied.model).unwrap();
    assert!(matches!(copied.open(), Err(ForeignError::Read { .. })));
}

#[test]
fn damaged_models_are_errors_and_never_end_the_program() {
    let copied = Copied::described("torch-findings.onnx", &[]);
    let whole = std::fs::read(&copied.model).unwrap();
    let mut refused = 0;
    for end in (0..whole.len()).step_by(7) {
        std::fs::write(&copied.model, &whole[..end]).unwrap();
        refused += usize::from(copied.open().is_err());
    }
    let cut = whole.len().div_ceil(7);
    assert!(
        refused * 10 >= cut * 9,
        "{refused} of {cut} cut files were refused"
    );
    for place in (0..whole.len()).step_by(3) {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[place] ^= flip;
            std::fs::write(&copied.model, &damaged).unwrap();
            // Many bytes are weights, whose change nobody can see.
            let _ = copied.open();
        }
    }
}

//! The readers on files that Keras, PyTorch and h5py wrote (`reference/weights/fixtures_*.py`), on
//! damaged ones, and on ones that mean harm.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../reference/weights/files")
        .join(name)
}

/// Shapes and values of everything that is a weight, by name.
fn contents(path: &Path) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let mut file = open(path).expect("a sound file");
    let entries = file.entries.clone();
    entries
        .into_iter()
        .enumerate()
        .filter_map(|(index, entry)| {
            let values = file.tensors.read(index).ok()?;
            Some((entry.name, (entry.shape, values)))
        })
        .collect()
}

/// Element `i` of the script's `number`-th tensor.
fn formula(number: usize, shape: &[usize]) -> Vec<f32> {
    let count: usize = shape.iter().product();
    (0..count)
        .map(|index| number as f32 + index as f32 / 64.0)
        .collect()
}

fn refusal(path: &Path) -> String {
    match open(path) {
        Ok(file) => {
            let names: Vec<&str> = file
                .entries
                .iter()
                .map(|entry| entry.name.as_str())
                .collect();
            panic!("{} was opened: {names:?}", path.display());
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn keras_says_the_same_in_all_its_formats() {
    // In the order of the model's own list of weights.
    let expected: [(&str, &[usize]); 12] = [
        ("block1_conv1/kernel", &[3, 3, 3, 2]),
        ("block1_conv1/bias", &[2]),
        ("block1_bn/gamma", &[2]),
        ("block1_bn/beta", &[2]),
        ("block1_bn/moving_mean", &[2]),
        ("block1_bn/moving_variance", &[2]),
        ("block1_depthwise/kernel", &[3, 3, 2, 1]),
        ("block1_depthwise/bias", &[2]),
        ("dense_7/kernel", &[128, 2]),
        ("dense_7/bias", &[2]),
        ("dense_2/kernel", &[2, 3]),
        ("dense_2/bias", &[3]),
    ];
    let expected: BTreeMap<String, (Vec<usize>, Vec<f32>)> = expected
        .into_iter()
        .enumerate()
        .map(|(number, (name, shape))| (name.to_owned(), (shape.to_vec(), formula(number, shape))))
        .collect();
    for name in ["nested.h5", "nested.keras", "nested.weights.h5"] {
        let found: BTreeMap<_, _> = contents(&fixture(name))
            .into_iter()
            .map(|(name, tensor)| (name.replace("depthwise_kernel", "kernel"), tensor))
            .collect();
        let names = |map: &BTreeMap<String, _>| map.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected), "{name}");
        assert_eq!(found, expected, "{name}");
        let Dialect::Keras(config) = open(&fixture(name)).expect("sound").dialect else {
            panic!("{name}: another dialect");
        };
        let knows = name != "nested.weights.h5";
        assert_eq!(config.known, knows, "{name}");
        if knows {
            assert_eq!(config.epsilons.get("block1_bn"), Some(&0.002), "{name}");
            assert_eq!(config.dense, ["dense_7", "dense_2"], "{name}");
            assert_eq!(config.version.as_deref(), Some("3.15.1"), "{name}");
        }
    }
}

#[test]
fn pytorch_says_the_same_in_both_its_containers() {
    let weights: [(&str, &[usize]); 4] = [
        ("features.0.weight", &[2, 3, 3, 3]),
        ("features.0.bias", &[2]),
        ("features.1.running_var", &[2]),
        ("classifier.weight", &[3, 2]),
    ];
    for (name, tolerance) in [
        ("zip.pth", 0.0),
        ("stream.pth", 0.0),
        ("checkpoint.pth", 1e-3),
    ] {
        let found = contents(&fixture(name));
        // The counter of batches is listed, and no weight.
        let listed = open(&fixture(name)).expect("sound").entries;
        assert!(
            listed
                .iter()
                .any(|entry| entry.name.ends_with("num_batches_tracked"))
        );
        for (number, (tensor, shape)) in weights.into_iter().enumerate() {
            let (found_shape, values) = &found[tensor];
            assert_eq!(found_shape, shape, "{name}: {tensor}");
            for (value, expected) in values.iter().zip(formula(number, shape)) {
                assert!((value - expected).abs() <= tolerance, "{name}: {tensor}");
            }
        }
        let (shape, values) = &found["transposed"];
        assert_eq!(shape, &[3, 2], "{name}");
        let expected = [0.0, 3.0, 1.0, 4.0, 2.0, 5.0].map(|value: f32| value / 64.0);
        assert_eq!(values, &expected, "{name}");
        assert_eq!(
            found["second"].1,
            [4.0, 5.0, 6.0, 7.0].map(|value: f32| value / 64.0)
        );
    }
}

#[test]
fn layers_saved_whole_are_read_as_data() {
    let found = contents(&fixture("module.pth"));
    assert_eq!(
        found["0.weight"],
        (vec![2, 3, 3, 3], formula(0, &[2, 3, 3, 3]))
    );
    assert_eq!(found["1.bias"].1, formula(3, &[2]));
    assert_eq!(found["1.running_var"].1, [1.0, 1.0]);
}

#[test]
fn files_that_point_outside_or_in_circles_are_refused() {
    for (name, expected) in [
        (
            "external-link.h5",
            "refused: an external link to `/etc/hostname`",
        ),
        ("circle.h5", "refused: groups nested more than 24 deep"),
    ] {
        let error = refusal(&fixture(name));
        assert!(error.contains(expected), "{error}");
    }
    // The shape is known without the data; reading them is refused.
    for (name, expected) in [
        ("external-data.h5", "external data to `/etc/hostname`"),
        ("huge.h5", "does not fit into a file of 3464 bytes"),
    ] {
        let path = fixture(name);
        let mut file = open(&path).expect("a directory that is sound");
        let problem = file.tensors.read(0).expect_err("data that are not there");
        let error = problem.at(&path).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_file_cut_off_anywhere_is_damaged_and_no_panic() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("cut");
    for name in [
        "nested.h5",
        "nested.weights.h5",
        "nested.keras",
        "zip.pth",
        "stream.pth",
    ] {
        let whole = std::fs::read(fixture(name)).expect("committed");
        let complete = contents(&fixture(name)).len();
        for part in 0..40 {
            let length = whole.len() * part / 40;
            std::fs::write(&path, &whole[..length]).expect("written");
            // A directory may survive; then the tensors behind the cut do not.
            match open(&path) {
                Err(error) => {
                    let text = error.to_string();
                    let known = ["damaged", "not a file of weights"];
                    assert!(
                        known.iter().any(|kind| text.contains(kind)),
                        "{name} {length}: {text}"
                    );
                }
                Ok(_) => assert!(contents(&path).len() < complete, "{name} at {length}"),
            }
        }
    }
}

#[test]
fn bytes_changed_at_random_never_panic() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("changed");
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    for name in [
        "nested.h5",
        "nested.weights.h5",
        "zip.pth",
        "stream.pth",
        "module.pth",
    ] {
        let whole = std::fs::read(fixture(name)).expect("committed");
        for _ in 0..60 {
            let mut changed = whole.clone();
            for _ in 0..4 {
                let place = random() % changed.len().min(4000);
                changed[place] = random() as u8;
            }
            std::fs::write(&path, &changed).expect("written");
            if let Ok(mut file) = open(&path) {
                for index in 0..file.entries.len() {
                    let small = element::count(&file.entries[index].shape) < Some(1 << 20);
                    if let (true, Ok(values)) = (small, file.tensors.read(index)) {
                        let shape = &file.entries[index].shape;
                        assert_eq!(Some(values.len()), element::count(shape), "{name}");
                    }
                }
            }
        }
    }
}

/// A safetensors file with this header, however long it says it is.
fn safetensors_file(path: &Path, announced: u64, header: &str, data: &[u8]) {
    let mut file = std::fs::File::create(path).expect("a temporary file");
    let parts: [&[u8]; 3] = [&announced.to_le_bytes(), header.as_bytes(), data];
    for part in parts {
        file.write_all(part).expect("written");
    }
}

#[test]
fn safetensors_headers_that_lie_are_refused_before_anything_is_allocated() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("w.safetensors");
    let four_gb = r#"{"w":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}}"#;
    let odd = r#"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#;
    let negative = r#"{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#;
    let overlong = r#"{"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#;
    let overlapping = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#;
    let cases: [(Option<u64>, &str, &str); 7] = [
        (
            None,
            four_gb,
            "tensor `w` ends at byte 4294967296 of the data, the file has 8",
        ),
        (None, odd, "the safetensors header"),
        (None, negative, "the safetensors header"),
        (None, overlong, "the safetensors header"),
        (None, overlapping, "the safetensors header"),
        (
            Some(1 << 62),
            odd,
            "says it is 4611686018427387904 bytes long",
        ),
        (None, "{", "the safetensors header"),
    ];
    for (announced, header, expected) in cases {
        safetensors_file(
            &path,
            announced.unwrap_or(header.len() as u64),
            header,
            &[0; 8],
        );
        let error = refusal(&path);
        assert!(error.contains(expected), "{error}");
    }
    let long = format!("{{{}", " ".repeat(5 << 20));
    safetensors_file(&path, long.len() as u64, &long, &[]);
    assert!(refusal(&path).contains("refused: a safetensors header of 5242881 bytes"));
}

#[test]
fn a_safetensors_header_as_long_as_a_pickle_begins_is_still_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("w.safetensors");
    let header = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let padded = format!("{header:128}");
    safetensors_file(&path, 0x80, &padded, &1.5_f32.to_le_bytes());
    assert_eq!(contents(&path)["w"], (vec![1], vec![1.5]));
}

/// A zip with these files, stored or packed.
fn zip_file(path: &Path, method: zip::CompressionMethod, files: &[(&str, &[u8])]) {
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).expect("a file"));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in files {
        archive.start_file(*name, options).expect("a name");
        archive.write_all(bytes).expect("written");
    }
    archive.finish().expect("finished");
}

#[test]
fn archives_that_hold_more_than_tensors_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("w.pth");
    let runs: &[u8] = b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R.";
    // A tensor of 2^30 numbers in a storage that holds four.
    let huge: &[u8] = b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\
        \x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ\x00\x00\x00\
        \x40tQK\x00(J\x00\x00\x00\x40t(K\x01t\x89NtRs.";
    let stored = zip::CompressionMethod::Stored;
    let packed = zip::CompressionMethod::Deflated;
    type Files<'a> = &'a [(&'a str, &'a [u8])];
    let cases: [(zip::CompressionMethod, Files<'_>, &str); 6] = [
        (
            stored,
            &[("a/data.pkl", runs)],
            "refused: the pickle asks for `posix.system`",
        ),
        (
            stored,
            &[("a/data.pkl", huge), ("a/data/0", &[0; 16])],
            "the storage of `w` should hold 1073741824 numbers of 4 bytes, the file has 16 bytes",
        ),
        (stored, &[("a/data.pkl", huge)], "a/data/0"),
        (
            packed,
            &[("a/data.pkl", b"\x80\x02}.")],
            "refused: a/data.pkl: compressed",
        ),
        (
            stored,
            &[("a/data.pkl", b"\x80\x02}."), ("a/constants.pkl", b"")],
            "refused: a TorchScript archive",
        ),
        (
            stored,
            &[("readme.txt", b"hello")],
            "a zip without data.pkl",
        ),
    ];
    for (method, files, expected) in cases {
        zip_file(&path, method, files);
        let error = refusal(&path);
        assert!(error.contains(expected), "{error}");
    }
    // A .keras whose weights unpack to a thousand times the file.
    let zeros = vec![0; 32 << 20];
    zip_file(
        &path,
        packed,
        &[("config.json", b"{}"), ("model.weights.h5", &zeros)],
    );
    assert!(
        refusal(&path).contains("unpacks to more than"),
        "{}",
        refusal(&path)
    );
}

#[test]
fn other_files_are_named_by_how_they_begin() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("w");
    for (bytes, expected) in [
        (&b""[..], "found an empty file"),
        (
            b"hello, world",
            "found a file that begins with \"hello, w\"",
        ),
    ] {
        std::fs::write(&path, bytes).expect("written");
        let error = refusal(&path);
        assert!(error.ends_with(expected), "{error}");
    }
}

//! Data sets as folders, manifests and archives.

use super::*;
use std::io::Write;

/// Files with their own path as content, in a fresh folder.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    folder
}

fn open(data: &Path) -> Dataset {
    Dataset::open(data, &DatasetOptions::default()).unwrap()
}

fn paths(dataset: &Dataset) -> Vec<&str> {
    dataset
        .films
        .iter()
        .map(|film| film.path.as_str())
        .collect()
}

fn names(list: &[SetAside]) -> Vec<&str> {
    list.iter().map(|entry| entry.path.as_str()).collect()
}

fn zip_of(folder: &Path, prefix: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".zip").tempfile().unwrap();
    let mut writer = zip::ZipWriter::new(file.reopen().unwrap());
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(folder).unwrap().to_str().unwrap();
            writer
                .start_file(
                    format!("{prefix}{name}"),
                    zip::write::SimpleFileOptions::default(),
                )
                .unwrap();
            writer.write_all(&fs::read(entry.path()).unwrap()).unwrap();
        }
    }
    writer.finish().unwrap();
    file
}

#[test]
fn one_sub_folder_per_label() {
    let folder = folder(&[
        "b/2.PNG",
        "a/nested/1.jpg",
        "a/no_extension",
        "a/notes.txt",
        "a/.DS_Store",
        "a/masks/1.png",
        "empty_of_pictures/x.csv",
        "lung_masks/1.png",
        "stray.png",
        "README.md",
    ]);
    // A picture under another name is a film still.
    fs::write(folder.path().join("b/renamed.dat"), b"\x89PNG\r\n\x1a\n").unwrap();
    let dataset = open(folder.path());
    assert_eq!(dataset.labels, ["a", "b"]);
    assert_eq!(
        paths(&dataset),
        [
            "a/nested/1.jpg",
            "a/no_extension",
            "b/2.PNG",
            "b/renamed.dat"
        ]
    );
    assert_eq!(names(&dataset.set_aside), ["stray.png"]);
    assert_eq!(
        names(&dataset.ignored),
        [
            "README.md",
            "a/.DS_Store",
            "a/masks",
            "a/notes.txt",
            "empty_of_pictures",
            "empty_of_pictures/x.csv",
            "lung_masks"
        ]
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_once_and_cycles_are_cut() {
    use std::os::unix::fs::symlink;
    let folder = folder(&["a/1.png", "b/2.png"]);
    let at = |name: &str| folder.path().join(name);
    symlink(folder.path(), at("a/back")).unwrap();
    symlink(at("a/1.png"), at("a/0.png")).unwrap();
    symlink(at("b"), at("a/b_again")).unwrap();
    symlink("nowhere.png", at("b/broken.png")).unwrap();
    fs::hard_link(at("b/2.png"), at("b/3.png")).unwrap();
    let dataset = open(folder.path());
    assert_eq!(paths(&dataset), ["a/1.png", "b/2.png"]);
    assert_eq!(
        names(&dataset.set_aside),
        [
            "a/0.png",
            "a/b_again/2.png",
            "a/b_again/3.png",
            "a/b_again/broken.png",
            "a/back",
            "b/3.png",
            "b/broken.png"
        ]
    );
}

#[test]
fn a_manifest_rules_over_folders() {
    let folder = folder(&["a/1.png", "a/2.png", "other/3.png"]);
    let text = "path,label,patient_id\na/1.png,y,p\na/2.png,x,q\ngone.png,x,q\n";
    fs::write(folder.path().join("manifest.csv"), text).unwrap();
    for data in [folder.path().to_owned(), folder.path().join("manifest.csv")] {
        let dataset = open(&data);
        assert_eq!(dataset.labels, ["x", "y"]);
        assert_eq!(paths(&dataset), ["a/1.png", "a/2.png"]);
        assert_eq!(dataset.films[0].label, 1);
        assert_eq!(names(&dataset.set_aside), ["gone.png"]);
    }
    // A loss under a label that nobody asked for is no loss.
    let options = DatasetOptions {
        labels: Some(vec!["y".into()]),
        ..DatasetOptions::default()
    };
    let dataset = Dataset::open(folder.path(), &options).unwrap();
    assert_eq!((dataset.films.len(), dataset.set_aside.len()), (1, 0));
}

#[test]
fn a_zip_is_what_it_was_made_of() {
    let folder = folder(&["a/1.png", "a/2.png", "b/3.png", "a/notes.txt"]);
    for manifest in [false, true] {
        if manifest {
            let text = "path,label\na/1.png,x\nb/3.png,y\n";
            fs::write(folder.path().join("manifest.csv"), text).unwrap();
        }
        let from_folder = open(folder.path());
        for prefix in ["", "films-main/"] {
            let file = zip_of(folder.path(), prefix);
            let from_zip = open(file.path());
            assert_eq!(paths(&from_zip), paths(&from_folder));
            assert_eq!(from_zip.labels, from_folder.labels);
            assert_eq!(from_zip.fingerprint(), from_folder.fingerprint());
            for (a, b) in from_zip.films.iter().zip(&from_folder.films) {
                assert_eq!(from_zip.read(a).unwrap(), from_folder.read(b).unwrap());
            }
        }
    }
}

#[test]
fn the_fingerprint_tells_path_label_and_size() {
    let first = folder(&["a/1.png", "b/2.png"]);
    let same = folder(&["b/2.png", "a/1.png"]);
    assert_eq!(
        open(first.path()).fingerprint(),
        open(same.path()).fingerprint()
    );
    let longer = folder(&["a/1.png", "b/2.png"]);
    fs::write(longer.path().join("a/1.png"), "more").unwrap();
    let renamed = folder(&["a/1.png", "b/3.png"]);
    for other in [longer, renamed] {
        assert_ne!(
            open(first.path()).fingerprint(),
            open(other.path()).fingerprint()
        );
    }
}

#[test]
fn what_is_no_data_set_is_an_error_with_a_hint() {
    let folder = folder(&["notes.txt", "stray.png", "sub/notes.txt"]);
    let error = |path: &Path| {
        Dataset::open(path, &DatasetOptions::default())
            .unwrap_err()
            .to_string()
    };
    assert!(error(&folder.path().join("gone")).contains("cannot open"));
    assert!(error(&folder.path().join("stray.png")).contains("found a .png file"));
    let text = error(folder.path());
    assert!(
        text.contains("1 set aside, the first because: stray.png"),
        "{text}"
    );
    let text = error(&folder.path().join("sub"));
    assert!(text.contains("hint: expected one sub-folder"), "{text}");
}

#[test]
fn films_that_are_gone_or_too_large_are_errors() {
    let folder = folder(&["a/1.png", "a/2.png"]);
    let mut options = DatasetOptions::default();
    options.limits.max_file_bytes = 100;
    let dataset = Dataset::open(folder.path(), &options).unwrap();
    fs::remove_file(folder.path().join("a/1.png")).unwrap();
    fs::write(folder.path().join("a/2.png"), [0; 101]).unwrap();
    let reason = |index: usize| dataset.read(&dataset.films[index]).unwrap_err().to_string();
    assert_eq!(reason(0), "a/1.png: file not found");
    assert_eq!(reason(1), "a/2.png: expected at most 100 bytes, found 101");
}

#[test]
fn one_label_is_said_of_the_data() {
    let one = folder(&["NORMAL/1.png", "NORMAL/2.png", "PNEUMONIA/notes.txt"]);
    let error = open(one.path())
        .expect_two_labels()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(
            "expected films of at least two labels, found one: `NORMAL` (2 films); folders without pictures: \
             `PNEUMONIA`"
        ),
        "{error}"
    );
    let two = folder(&["a/1.png", "b/2.png"]);
    assert!(open(two.path()).expect_two_labels().is_ok());
}

#[test]
fn kaggles_layout_gave_labels_named_test_train_and_val() {
    let folder = folder(&[
        "chest_xray/train/NORMAL/1.png",
        "chest_xray/train/PNEUMONIA/2.png",
        "chest_xray/val/Normal/3.png",
        "chest_xray/test/PNEUMONIA/4.png",
        "chest_xray/test/NORMAL/.DS_Store",
        "__MACOSX/chest_xray/train/NORMAL/1.png",
    ]);
    for data in [open(folder.path()), open(zip_of(folder.path(), "").path())] {
        assert_eq!(data.labels, ["NORMAL", "PNEUMONIA"]);
        assert_eq!(data.films_per_label(), [2, 2]);
        let parts: Vec<_> = data
            .films
            .iter()
            .map(|film| film.part.map(crate::Part::name))
            .collect();
        assert_eq!(
            parts,
            [
                Some("test"),
                Some("train"),
                Some("train"),
                Some("validation")
            ]
        );
        assert_eq!(data.notes.len(), 2, "{:?}", data.notes);
    }
}

#[test]
fn a_second_training_inside_the_data_took_the_first_for_a_label() {
    let folder = folder(&[
        "a/1.png",
        "b/2.png",
        "runs/x/settings.toml",
        "runs/x/metrics.json",
        "runs/x/maps/1.png",
        "explanations/explain.json",
        "explanations/1.png",
    ]);
    let dataset = open(folder.path());
    assert_eq!(dataset.labels, ["a", "b"]);
    assert_eq!(names(&dataset.ignored), ["explanations", "runs/x"]);
    assert_eq!(dataset.notes.len(), 2);
    let found = crate::films_in_folder(folder.path()).unwrap();
    assert_eq!(found.films.len(), 2);
}

#[test]
fn a_file_that_is_no_known_table_spoils_no_folder() {
    let folder = folder(&["a/1.png", "b/2.png"]);
    fs::write(folder.path().join("train.csv"), b"").unwrap();
    fs::write(folder.path().join("metadata.csv"), "a,b\n1,2\n").unwrap();
    assert_eq!(open(folder.path()).labels, ["a", "b"]);
}

//! Nobody on a DICOM film is named by anything that the program writes or says.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::program::{Scratch, assert_code, command, stderr, stdout, text};

/// What stands in every element that may hold text; the number is the patient.
const CANARY: &str = "CANARY";

/// An element in explicit little endian.
fn element(tag: u32, kind: &[u8; 2], mut value: Vec<u8>) -> Vec<u8> {
    if value.len() % 2 == 1 {
        value.push(if kind == b"UI" { 0 } else { b' ' });
    }
    let mut bytes = [
        ((tag >> 16) as u16).to_le_bytes(),
        (tag as u16).to_le_bytes(),
        *kind,
    ]
    .concat();
    if kind == b"OW" {
        bytes.extend([0, 0]);
        bytes.extend((value.len() as u32).to_le_bytes());
    } else {
        bytes.extend((value.len() as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

/// Elements that name somebody, with their representation.
const NAMING: [(u32, &[u8; 2]); 34] = [
    (0x0008_0018, b"UI"),
    (0x0008_0020, b"DA"),
    (0x0008_0021, b"DA"),
    (0x0008_0050, b"SH"),
    (0x0008_0080, b"LO"),
    (0x0008_0081, b"ST"),
    (0x0008_0090, b"PN"),
    (0x0008_1010, b"SH"),
    (0x0008_1030, b"LO"),
    (0x0008_103e, b"LO"),
    (0x0008_1040, b"LO"),
    (0x0008_1050, b"PN"),
    (0x0008_1070, b"PN"),
    (0x0009_0010, b"LO"),
    (0x0010_0010, b"PN"),
    (0x0010_0020, b"LO"),
    (0x0010_0030, b"DA"),
    (0x0010_1000, b"LO"),
    (0x0010_1040, b"LO"),
    (0x0010_4000, b"LT"),
    (0x0018_1000, b"LO"),
    (0x0018_1020, b"LO"),
    (0x0018_1030, b"LO"),
    (0x0018_1400, b"LO"),
    (0x0020_000d, b"UI"),
    (0x0020_000e, b"UI"),
    (0x0020_0010, b"SH"),
    (0x0020_4000, b"LT"),
    (0x0032_1032, b"PN"),
    (0x0032_4000, b"LT"),
    (0x0038_0300, b"LO"),
    (0x0040_0006, b"PN"),
    (0x0040_0244, b"DA"),
    (0x0040_2017, b"LO"),
];

/// Dates and identifiers that stand for `CANARY` where no letter is allowed.
fn canary(kind: &[u8; 2], patient: usize) -> String {
    match kind {
        b"DA" => format!("190102{:02}", patient % 28 + 1),
        b"UI" => format!("1.2.3.46464646.{patient}"),
        b"PN" => format!("{CANARY}^QUOKKA{patient}"),
        _ => format!("{CANARY}-{patient}"),
    }
}

/// Whatever of a film may not be found again.
fn strings() -> [&'static [u8]; 3] {
    [b"canary", b"190102", b"46464646"]
}

/// A film of 12 bits: a disc whose brightness says which label it has.
fn film(patient: usize, is_bright: bool) -> Vec<u8> {
    let side = 96_u16;
    let words = |tag, value: u16| (tag, element(tag, b"US", value.to_le_bytes().to_vec()));
    let texts =
        |tag, kind: &[u8; 2], text: &str| (tag, element(tag, kind, text.as_bytes().to_vec()));
    let pixels = (0..side)
        .flat_map(|y| (0..side).map(move |x| (x, y)))
        .flat_map(|(x, y)| {
            let from = |place: u16| f32::from(place) - f32::from(side) / 2.0;
            let inside = from(x).hypot(from(y)) < 25.0 + patient as f32 / 2.0;
            let bright = if is_bright { 3_000 } else { 900 };
            let noise = (usize::from(x) * 7 + usize::from(y) * 13 + patient * 29) % 97;
            let value = noise as u16 + if inside { bright } else { 40 };
            value.to_le_bytes()
        })
        .collect();
    let mut elements: Vec<(u32, Vec<u8>)> = NAMING
        .iter()
        .map(|&(tag, kind)| texts(tag, kind, &canary(kind, patient)))
        .collect();
    elements.extend([
        texts(0x0008_0016, b"UI", "1.2.840.10008.5.1.4.1.1.1.1"),
        texts(0x0008_0060, b"CS", "DX"),
        texts(0x0008_0070, b"LO", "Some Maker"),
        texts(
            0x0010_0040,
            b"CS",
            if patient.is_multiple_of(2) { "F" } else { "M" },
        ),
        texts(0x0010_1010, b"AS", &format!("{:03}Y", 30 + patient)),
        texts(0x0018_0015, b"CS", "CHEST"),
        texts(0x0018_5101, b"CS", "PA"),
        words(0x0028_0002, 1),
        texts(0x0028_0004, b"CS", "MONOCHROME2"),
        words(0x0028_0010, side),
        words(0x0028_0011, side),
        words(0x0028_0100, 16),
        words(0x0028_0101, 12),
        words(0x0028_0102, 11),
        words(0x0028_0103, 0),
        texts(0x0028_0301, b"CS", "NO"),
        (0x7fe0_0010, element(0x7fe0_0010, b"OW", pixels)),
    ]);
    elements.sort_by_key(|&(tag, _)| tag);
    let syntax = element(0x0002_0010, b"UI", b"1.2.840.10008.1.2.1".to_vec());
    let length = element(
        0x0002_0000,
        b"UL",
        (syntax.len() as u32).to_le_bytes().to_vec(),
    );
    let mut bytes = vec![0; 128];
    bytes[..6].copy_from_slice(CANARY.as_bytes());
    bytes.extend(b"DICM");
    bytes.extend([length, syntax].concat());
    bytes.extend(elements.into_iter().flat_map(|(_, element)| element));
    bytes
}

/// A folder of films of `patients` people, one each, half of them bright.
fn films(folder: &Path, patients: usize) {
    for patient in 0..patients {
        let is_bright = patient.is_multiple_of(2);
        let label = if is_bright { "Covid-19" } else { "Normal" };
        let path = folder.join(label).join(format!("{patient}.dcm"));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, film(patient, is_bright)).expect("written");
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}

fn assert_nameless(what: &str, bytes: &[u8]) {
    let small = bytes.to_ascii_lowercase();
    for string in strings() {
        let wide: Vec<u8> = string.iter().flat_map(|&byte| [byte, 0]).collect();
        for needle in [string, &wide] {
            let found = small.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "{what} holds {}", String::from_utf8_lossy(string));
        }
    }
}

/// A run of the program that must say nothing of anybody.
fn quiet(scratch: &Scratch, arguments: &[&str], code: i32) -> Output {
    let mut command = command(arguments);
    command.env("PLAINFILM_CACHE", scratch.path("cache"));
    let output = command.output().expect("the program starts");
    assert_code(&output, code);
    assert_nameless(
        arguments[0],
        (stdout(&output) + &stderr(&output)).as_bytes(),
    );
    output
}

#[test]
fn nobody_is_named_on_the_way_from_dicom_to_a_report() {
    let scratch = Scratch::new();
    let folder = scratch.path("films");
    films(&folder, 24);
    let own = scratch.path("out");
    std::fs::create_dir(&own).expect("made");
    quiet(&scratch, &["data", "import-dicom", text(&folder)], 0);
    let manifest = folder.join("manifest.csv");
    let run = own.join("run");
    quiet(
        &scratch,
        &[
            "train",
            text(&manifest),
            "--run",
            text(&run),
            "--size",
            "32",
            "--epochs",
            "2",
            "--batch",
            "8",
            "--threads",
            "2",
            "--model",
            "mobilenet-v2",
            "--freeze",
            "backbone",
            "--head",
            "mlp",
            "--views",
            "2",
        ],
        0,
    );
    let film = folder.join("Covid-19/0.dcm");
    let predicted = quiet(
        &scratch,
        &[
            "predict",
            "--model",
            text(&run),
            "--format",
            "json",
            text(&film),
        ],
        0,
    );
    std::fs::write(own.join("predicted.json"), predicted.stdout).expect("written");
    let maps = own.join("maps");
    quiet(
        &scratch,
        &["explain", text(&run), text(&film), "--output", text(&maps)],
        0,
    );
    let judged = own.join("judged");
    quiet(
        &scratch,
        &[
            "evaluate",
            text(&run),
            text(&manifest),
            "--include-training-films",
            "--output",
            text(&judged),
        ],
        0,
    );
    let audited = own.join("audit");
    quiet(
        &scratch,
        &["audit", text(&manifest), "--output", text(&audited)],
        0,
    );
    let mut files = files_below(&own);
    files.extend(files_below(&scratch.path("cache")));
    files.extend([manifest, folder.join("left_out.csv")]);
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        let shown = file.display().to_string();
        assert_nameless(&shown, &std::fs::read(&file).expect("it is there"));
        assert_nameless("a name", shown.as_bytes());
    }
    // The program's own search agrees, and finds what is there.
    let clean = quiet(
        &scratch,
        &["phi-check", text(&own), "--inputs", text(&folder)],
        0,
    );
    assert!(
        stdout(&clean).contains("none was found"),
        "{}",
        stdout(&clean)
    );
    std::fs::write(own.join("notes canary^quokka3.txt"), "Canary^Quokka3 came").expect("written");
    let found = quiet(
        &scratch,
        &["phi-check", text(&own), "--inputs", text(&folder)],
        1,
    );
    let said = stdout(&found);
    assert!(
        said.contains("notes ***.txt") && said.contains("patient's name"),
        "{said}"
    );
}

#[test]
fn films_are_written_anew_and_read_as_before() {
    let scratch = Scratch::new();
    let folder = scratch.path("films");
    films(&folder, 4);
    let mut burned = film(9, true);
    let at = burned
        .windows(2)
        .rposition(|two| two == b"NO")
        .expect("Burned In Annotation");
    // One byte shorter than YES, which takes the padding's place.
    burned.splice(at..at + 2, *b"YES ");
    burned[at - 2] = 4;
    std::fs::write(folder.join("burned.dcm"), burned).expect("written");
    std::fs::write(folder.join("notes.txt"), "no film").expect("written");
    let output = scratch.path("new");
    let arguments = [
        "data",
        "deidentify",
        text(&folder),
        "--output",
        text(&output),
        "--keep-folders",
    ];
    let done = quiet(&scratch, &arguments, 3);
    let said = stderr(&done);
    assert!(
        said.contains("burned.dcm: refused") && said.contains("notes.txt: refused"),
        "{said}"
    );
    let new = files_below(&output);
    assert_eq!(new.len(), 4);
    for file in &new {
        assert_nameless("a new film", &std::fs::read(file).expect("it is there"));
    }
    let checked = quiet(
        &scratch,
        &["phi-check", text(&output), "--inputs", text(&folder)],
        0,
    );
    assert!(stdout(&checked).contains("none was found"));
    // The same people behind the same numbers, and the same answers.
    let patients = |folder: &Path| {
        quiet(&scratch, &["data", "import-dicom", text(folder)], 0);
        let manifest = std::fs::read_to_string(folder.join("manifest.csv")).expect("it is there");
        let mut rows: Vec<String> = manifest
            .lines()
            .skip(1)
            .map(|line| line.split(',').skip(3).collect::<Vec<_>>().join(","))
            .collect();
        rows.sort();
        rows
    };
    std::fs::remove_file(folder.join("burned.dcm")).expect("it is there");
    assert_eq!(patients(&folder), patients(&output));
    // A second time into the same folder would overwrite; where the films are is no place either.
    quiet(&scratch, &arguments, 1);
    let inside = folder.join("new");
    quiet(
        &scratch,
        &[
            "data",
            "deidentify",
            text(&folder),
            "--output",
            text(&inside),
        ],
        1,
    );
    let again = scratch.path("again");
    quiet(
        &scratch,
        &[
            "data",
            "deidentify",
            text(&folder),
            "--output",
            text(&again),
            "--shift-dates",
            "--salt",
            text(&folder.join("manifest.salt")),
        ],
        3,
    );
    assert_eq!(files_below(&again).len(), 4);
}

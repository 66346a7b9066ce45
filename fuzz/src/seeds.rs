//! Good files, small ones: of this folder (`make_seeds.py`) and of `reference/`.

use std::path::{Path, PathBuf};

/// A manifest of the two films that lie beside it.
pub(crate) const MANIFEST: &str = "path,label,patient_id,source,view,sex,age,split\n\
                                   a.png,clear,p1,north,PA,F,045Y,train\n\
                                   b.png,opacity,p2,south,AP,M,7,test\n";

fn own(name: &str) -> Vec<u8> {
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("seeds")
            .join(name),
    )
}

fn reference(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../reference")
        .join(path)
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn references(paths: &[&str]) -> Vec<Vec<u8>> {
    paths.iter().map(|path| read(&reference(path))).collect()
}

pub(crate) fn films() -> Vec<Vec<u8>> {
    let folder = reference("decode/films");
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

pub(crate) fn dicom() -> Vec<Vec<u8>> {
    vec![own("film.dcm")]
}

pub(crate) fn manifests() -> Vec<Vec<u8>> {
    texts(&[
        MANIFEST,
        "path;label;unknown\na.png;Effusion|Mass;\nb.png;No Finding;Mass\n",
        "Image Index,Finding Labels,Patient ID,Patient Age,Patient Gender,View Position\n\
         a.png,Mass,1,058Y,M,PA\nb.png,No Finding,2,414Y,F,AP\n",
        "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Pneumonia\n\
         a.png,Female,68,Frontal,AP,1.0,\nb.png,Male,87,Lateral,,,-1.0\n",
        "image_id,rad_id,Cardiomegaly,No finding\na,R1,1,0\na,R2,1,0\nb,R1,0,1\n",
    ])
}

pub(crate) fn spreadsheets() -> Vec<Vec<u8>> {
    vec![own("manifest.xlsx")]
}

pub(crate) fn parquet() -> Vec<Vec<u8>> {
    vec![own("manifest.parquet")]
}

pub(crate) fn packed_tables() -> Vec<Vec<u8>> {
    vec![own("manifest.csv.gz")]
}

pub(crate) fn zips() -> Vec<Vec<u8>> {
    vec![own("films.zip")]
}

pub(crate) fn splits() -> Vec<Vec<u8>> {
    texts(&["path,label,patient_id,split\na.png,clear,p1,train\nb.png,opacity,p2,test\n"])
}

pub(crate) fn predictions() -> Vec<Vec<u8>> {
    references(&["predictions/sigmoid.csv", "predictions/spreadsheet.csv"])
}

pub(crate) fn model_files() -> Vec<Vec<u8>> {
    let path = "../crates/plainfilm-model/models/bundled.plainfilm.safetensors";
    vec![read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path))]
}

pub(crate) fn keras_weights() -> Vec<Vec<u8>> {
    references(&["weights/files/nested.h5", "weights/files/nested.weights.h5"])
}

pub(crate) fn torch_weights() -> Vec<Vec<u8>> {
    references(&[
        "weights/files/checkpoint.pth",
        "weights/files/module.pth",
        "weights/files/stream.pth",
        "weights/files/zip.pth",
    ])
}

pub(crate) fn settings() -> Vec<Vec<u8>> {
    vec![own("settings.toml")]
}

pub(crate) fn onnx() -> Vec<Vec<u8>> {
    references(&[
        "foreign/torch-script.onnx",
        "foreign/torch-findings.onnx",
        "foreign/keras-tf2onnx.onnx",
    ])
}

pub(crate) fn descriptions() -> Vec<Vec<u8>> {
    let drafts = ["foreign/torch-script.onnx", "foreign/keras-tf2onnx.onnx"];
    drafts
        .iter()
        .map(|path| {
            let draft = plainfilm::foreign::describe(&reference(path));
            draft.unwrap_or_else(|error| panic!("{error}")).into_bytes()
        })
        .collect()
}

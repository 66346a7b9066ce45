//! Several data sets as one, for the question "Covid-19, or anything else?".

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use plainfilm::dataset::{Dataset, DatasetOptions, Film};

use crate::groups::Group;

/// Writes `FOLDER/manifest.csv`, which names the films of all data sets with the labels Covid-19 and Other, and
/// links to the data sets beside it.
pub fn run(folder: &str, data: &[&str]) -> anyhow::Result<()> {
    ensure!(!data.is_empty(), "expected data sets to gather");
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder)?;
    let mut table = String::from("path,label,patient_id,source,view,sex,age\n");
    for path in data {
        let path = std::fs::canonicalize(path).with_context(|| (*path).to_owned())?;
        let name = path.file_name().context("a data set is a folder")?;
        let link = folder.join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(&path, &link)?;
        }
        let dataset = Dataset::open(&path, &DatasetOptions::default())
            .with_context(|| path.display().to_string())?;
        for film in &dataset.films {
            let label = match dataset.labels[film.label].as_str() {
                "Covid-19" => "Covid-19",
                _ => "Other",
            };
            let row = [
                PathBuf::from(name).join(&film.path).display().to_string(),
                label.to_owned(),
                film.patient_id.clone(),
                source_of(film),
                film.view.clone().unwrap_or_default(),
                film.sex.clone().unwrap_or_default(),
                film.age.map_or_else(String::new, |age| age.to_string()),
            ];
            let quoted = row.map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
            table += &(quoted.join(",") + "\n");
        }
    }
    std::fs::write(folder.join("manifest.csv"), table)?;
    Ok(())
}

/// The site that published the film. The reference data call all their Covid-19 films one source; their names tell
/// some of the sites, which must not be in training when films of the same site are the test.
fn source_of(film: &Film) -> String {
    match film.source.as_deref() {
        Some("cohen") => match Group::of(film) {
            Group::Radiopaedia => "radiopaedia.org",
            Group::Uploads => "uploads",
            Group::Journals => "journals",
        }
        .to_owned(),
        source => source.unwrap_or_default().to_owned(),
    }
}

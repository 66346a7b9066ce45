//! The table of the public data set against the reference data.

use plainfilm::dataset::public;

use crate::support::reference_films;

#[test]
fn the_covid_xray_table_matches_the_reference_data() {
    let Some(folder) = reference_films("the_covid_xray_table_matches_the_reference_data") else {
        return;
    };
    let report = public::verify("covid-xray", &folder).unwrap();
    assert_eq!(
        report.published, 124,
        "the Covid-19 films are byte for byte the originals"
    );
    // The NIH films here were shrunk and nothing is recorded about them: they decode.
    assert_eq!(report.unchecked.len(), 1000);
    assert!(report.is_sound(), "{report:?}");
}

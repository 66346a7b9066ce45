//! Groups of Covid-19 films that came to the collection by the same way.
//!
//! The collection's films were cut from publications of many countries. The manifest says "cohen" for
//! all; file names and licences say more: films sent to the Italian society's database have a UUID for a
//! name, those of Radiopaedia its licence, and the others are named after their journal.

use plainfilm::dataset::Film;

/// How films came to the collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// UUID names: uploads of an Italian database.
    Uploads,
    /// Radiopaedia's cases.
    Radiopaedia,
    /// Figures of journals and news.
    Journals,
}

impl Group {
    pub const ALL: [Self; 3] = [Self::Uploads, Self::Radiopaedia, Self::Journals];

    pub fn name(self) -> &'static str {
        match self {
            Self::Uploads => "uploads",
            Self::Radiopaedia => "radiopaedia",
            Self::Journals => "journals",
        }
    }

    /// By the name of a Covid-19 film.
    pub fn of(film: &Film) -> Self {
        let name = film.path.rsplit('/').next().unwrap_or_default();
        let stem = name.split('.').next().unwrap_or_default();
        let is_hex = |part: &str| part.chars().all(|letter| letter.is_ascii_hexdigit());
        let is_uuid =
            stem.len() == 36 && stem.split('-').count() == 5 && stem.split('-').all(is_hex);
        if is_uuid {
            Self::Uploads
        } else if name.starts_with("covid-19-") || stem.ends_with("_jumbo") {
            Self::Radiopaedia
        } else {
            Self::Journals
        }
    }
}

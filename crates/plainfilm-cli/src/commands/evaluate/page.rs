//! `report.html` of an evaluation, and the audit beside its figures.

use std::collections::HashSet;

use plainfilm::audit::{Audit, AuditProgress, AuditSettings, Networks, audit};
use plainfilm::dataset::{Dataset, PatientOrigin, SetAside};
use plainfilm::evaluate::ScoredFilm;
use plainfilm::lungs::BundledLungs;
use plainfilm::model::NetworkSettings;
use plainfilm::radiograph::Preprocessing;
use plainfilm::report::Notice;
use plainfilm::train::RunFolder;
use plainfilm::workflows::evaluation::{Evaluated, write_report};

use super::output::Output;
use crate::args::EvaluateArgs;
use crate::printer::{Printer, Style};
use crate::progress::counter;

/// What the page has beside the figures.
pub(super) struct Page<'a> {
    pub judged: String,
    pub origin: String,
    pub scored: &'a [ScoredFilm],
    pub positive: usize,
    pub set_aside: &'a [SetAside],
    pub patients: Option<PatientOrigin>,
    pub films: Option<&'a Dataset>,
    pub audit: Option<&'a Audit>,
    pub which: String,
    pub seen: String,
    pub notices: Vec<Notice>,
    pub facts: Vec<(&'static str, String)>,
    pub network: Option<(&'a str, &'a NetworkSettings, &'a Preprocessing)>,
}

impl Page<'_> {
    /// Writes the page, and `audit.json` where there was an audit, and says where the page is.
    pub(super) fn write(
        self,
        folder: &RunFolder,
        output: &Output,
        printer: &Printer,
    ) -> anyhow::Result<()> {
        if let Some(audit) = self.audit {
            folder.write("audit.json", audit.to_json().as_bytes())?;
        }
        let mut facts = self.facts;
        facts.push(("plainfilm", env!("CARGO_PKG_VERSION").to_owned()));
        let files = write_report(
            folder.root(),
            &Evaluated {
                judged: self.judged,
                network: self.network,
                origin: self.origin,
                when: jiff::ZonedDateTime::now()
                    .strftime("%Y-%m-%d %H:%M")
                    .to_string(),
                facts,
                which: self.which,
                seen: self.seen,
                notices: self.notices,
                labels: &output.labels,
                positive: self.positive,
                scored: self.scored,
                figures: &output.test,
                operation: output
                    .operation
                    .as_ref()
                    .zip(output.operation_on_test.as_ref()),
                subgroups: &output.subgroups,
                set_aside: self.set_aside,
                patients: self.patients,
                films: self.films,
                audit: self.audit,
            },
        )?;
        printer.line(&format!(
            "report  {}",
            printer.styled(Style::Bold, &files.html.display().to_string())
        ));
        Ok(())
    }
}

/// The data set's films that were judged.
pub(super) fn judged_films(dataset: &Dataset, scored: &[ScoredFilm]) -> Dataset {
    let judged: HashSet<&str> = scored.iter().map(|film| film.path.as_str()).collect();
    let mut films = dataset.clone();
    films
        .films
        .retain(|film| judged.contains(film.path.as_str()));
    films
}

/// What predicts the label of these films without the lungs. An audit that cannot be made is a warning: the figures
/// stand without it, and the page says that there was none.
pub(super) fn audit_films(
    films: &Dataset,
    args: &EvaluateArgs,
    printer: &Printer,
) -> Option<Audit> {
    if args.no_audit {
        return None;
    }
    let bar = counter(printer, "auditing", films.films.len() as u64);
    let settings = AuditSettings::default();
    let result = audit(
        films,
        &settings,
        Networks::lungs_only(&BundledLungs),
        &|at| match at {
            AuditProgress::Films { done, .. } => bar.set_position(done as u64),
            AuditProgress::Check(id) => bar.set_message(id.name()),
        },
    );
    bar.finish_and_clear();
    match result {
        Ok((found, _)) => Some(found),
        Err(error) => {
            printer.warning(&format!("not audited: {error}"));
            None
        }
    }
}

//! `plainfilm audit`

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::audit::{Audit, AuditProgress, AuditSettings, Check, Networks, Status, audit};
use plainfilm::dataset::{Dataset, DatasetOptions};
use plainfilm::evaluate::{Figure, counted};
use plainfilm::lungs::BundledLungs;
use plainfilm::predict::BundledFeatures;
use plainfilm::report::write_audit;

use crate::args::{AuditArgs, TableFormat};
use crate::exit::Exit;
use crate::print::many;
use crate::print::notes::print_notes;
use crate::print::set_aside::print_set_aside;
use crate::print::table::{Align, render};
use crate::print::verdict::verdict_word;
use crate::printer::{Printer, Style};
use crate::progress::counter;
use crate::settings::{available_threads, preprocessing_after, use_threads};

/// Audits a data set and prints what was found.
///
/// # Errors
///
/// When the data cannot be opened, an argument makes no sense, or the output cannot be written.
pub fn run(args: &AuditArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let settings = AuditSettings {
        seed: args.seed,
        split: args.split.clone().into(),
        after: args.after.as_deref().map(preprocessing_after).transpose()?,
        ..AuditSettings::default()
    };
    use_threads(args.threads.unwrap_or_else(available_threads))?;
    let options = DatasetOptions {
        labels: args
            .labels
            .as_ref()
            .map(|labels| labels.iter().map(|label| label.trim().to_owned()).collect()),
        patient_pattern: args.patient_pattern.clone(),
        ..args.reading.options()
    };
    let dataset = Dataset::open(&args.data, &options)?;
    print_notes(&dataset, printer);
    let bar = counter(printer, "looking", dataset.films.len() as u64);
    let seen = BundledFeatures::new()?;
    let networks = Networks {
        lungs: &BundledLungs,
        features: Some(&seen),
    };
    let result = audit(&dataset, &settings, networks, &|at| match at {
        AuditProgress::Films { done, .. } => bar.set_position(done as u64),
        AuditProgress::Check(id) => bar.set_message(id.name()),
    });
    bar.finish_and_clear();
    let (found, set_aside) = result?;
    match args.format {
        TableFormat::Json => printer.data(&found.to_json()),
        TableFormat::Table => print(&found, args, printer),
    }
    if let Some(folder) = &args.output {
        let page = write_audit(folder, &found, &dataset, &set_aside)?;
        printer.line(&format!(
            "report  {}",
            printer.styled(Style::Bold, &page.display().to_string())
        ));
    }
    print_set_aside(&set_aside, false, printer);
    printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
    Ok(if args.strict && found.verdict == Status::Fail {
        Exit::AuditFailed
    } else {
        Exit::after(set_aside.len())
    })
}

fn print(audit: &Audit, args: &AuditArgs, printer: &Printer) {
    let header = [
        ("check", Align::Left),
        ("status", Align::Left),
        ("figure", Align::Left),
        ("value", Align::Right),
        ("95 % interval", Align::Left),
        ("fails above", Align::Right),
    ];
    let rows: Vec<Vec<String>> = audit
        .checks
        .iter()
        .map(|check| row(check).to_vec())
        .collect();
    printer.data(&format!(
        "{} of {}: {}\n\n{}\n",
        counted(audit.films, "film"),
        counted(audit.patients, "patient"),
        many::names(&audit.labels, ", "),
        render(&header, &rows)
    ));
    for check in &audit.checks {
        printer.sentence(check.id.question());
        printer.sentence(&format!("  {}\n", check.explanation));
    }
    printer.sentence(&verdict_line(audit.verdict, &audit.sentence));
    if let Some(after) = &audit.after {
        let header = [
            ("", Align::Left),
            ("as stored", Align::Left),
            ("after", Align::Left),
        ];
        let rows: Vec<Vec<String>> = after
            .checks
            .iter()
            .filter_map(|now| {
                let before = audit.check(now.id)?;
                Some(vec![now.id.name().to_owned(), short(before), short(now)])
            })
            .collect();
        printer.data(&format!(
            "\nafter {}\n{}",
            after.preprocessing,
            render(&header, &rows),
        ));
        printer.sentence(&verdict_line(after.verdict, &after.sentence));
    }
    let remedies = audit.remedies();
    if !remedies.is_empty() {
        printer.data("\nwhat to do\n");
    }
    for remedy in remedies {
        printer.sentence(&format!("  {}: {}", remedy.what, remedy.why));
        if let (true, Some(arguments)) = (remedy.can_be_tried, &remedy.arguments) {
            printer.data(&format!(
                "    see whether it helps: plainfilm audit {} --after \"{arguments}\"\n",
                args.data.display()
            ));
        }
    }
}

/// A verdict and its sentence.
fn verdict_line(verdict: Status, sentence: &str) -> String {
    format!("{}  {sentence}", verdict_word(verdict))
}

/// Such as `fail, AUROC 0.97 (0.94 to 0.98)`.
fn short(check: &Check) -> String {
    let [_, status, measure, value, interval, _] = row(check);
    let interval = if interval.is_empty() {
        interval
    } else {
        format!(" ({interval})")
    };
    format!("{status}, {measure} {value}{interval}")
}

fn row(check: &Check) -> [String; 6] {
    let two = |figure: Figure| match figure.value() {
        Some(value) if check.measure == "pairs" => format!("{value:.0}"),
        Some(value) => format!("{value:.2}"),
        None => String::new(),
    };
    let interval = match (check.low.value(), check.high.value()) {
        (Some(low), Some(high)) => format!("{low:.2} to {high:.2}"),
        _ => String::new(),
    };
    [
        check.id.name().to_owned(),
        check.status.name().replace('_', " "),
        check.measure.clone(),
        two(check.value),
        interval,
        two(check.threshold),
    ]
}

//! `plainfilm compare`

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::dataset::place_of_label;
use plainfilm::evaluate::{
    Comparison, Comparisons, Figure, PositiveLabel, compare, counted, read_predictions,
};

use crate::args::{CompareArgs, TableFormat};
use crate::exit::Exit;
use crate::print::table::{Align, render_within};
use crate::printer::{Printer, Style};

/// Compares networks on the films that all of them scored.
pub fn run(args: &CompareArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let networks = args
        .networks
        .iter()
        .map(|path| read_predictions(path))
        .collect::<Result<Vec<_>, _>>()?;
    let labels = &networks[0].labels;
    let asked = args.positive.as_deref();
    let positive = asked
        .map(|label| place_of_label(label, labels))
        .transpose()?;
    let found = compare(&networks, positive)?;
    if let Some(doubt) = PositiveLabel::of(labels)
        .doubt(labels)
        .filter(|_| asked.is_none())
    {
        printer.warning(&doubt);
    }
    for (name, films) in found.left_out.iter().filter(|(_, films)| *films > 0) {
        printer.warning(&format!(
            "not scored by all, and left out: {} of {name}",
            counted(*films, "film")
        ));
    }
    if found.patients == found.films {
        printer.line(
            "every film counts as a patient of its own: intervals are too narrow where patients have several",
        );
    }
    match args.format {
        TableFormat::Table => {
            for pair in &found.pairs {
                printer.data(&pair_text(&found, pair, printer));
            }
        }
        TableFormat::Json => printer.data(&(serde_json::to_string_pretty(&found)? + "\n")),
    }
    printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
    Ok(Exit::Done)
}

fn pair_text(found: &Comparisons, pair: &Comparison, printer: &Printer) -> String {
    let rows: Vec<Vec<String>> = pair
        .figures
        .iter()
        .map(|figure| {
            let sign = |value: Figure| match value.value() {
                Some(value) => format!("{value:+.4}"),
                None => "n/a".to_owned(),
            };
            let ends = figure
                .difference
                .ends()
                .map_or_else(String::new, |(low, high)| {
                    format!("{low:+.4} to {high:+.4}")
                });
            vec![
                figure.name.replace('_', " "),
                figure.first.to_string(),
                figure.second.to_string(),
                sign(figure.difference.value),
                ends,
                figure.difference.method.clone(),
            ]
        })
        .collect();
    let header = format!(
        "{}, {}",
        counted(found.films, "film"),
        counted(found.patients, "patient")
    );
    let columns = [
        (header.as_str(), Align::Left),
        ("A", Align::Right),
        ("B", Align::Right),
        ("A - B", Align::Right),
        ("95 % interval", Align::Right),
        ("by", Align::Left),
    ];
    let mut text = format!(
        "\nA  {}\nB  {}\n\n{}\n",
        pair.first,
        pair.second,
        // How an interval was made can be spared first.
        render_within(printer.table_width(), &[5], &columns, &rows)
    );
    let corrected = found.pairs.len() > 1;
    let p_value = |test: &plainfilm::evaluate::Test| {
        let after = match corrected {
            true => format!(
                ", {} after Holm's correction for {} pairs",
                probability(test.adjusted),
                found.pairs.len()
            ),
            false => String::new(),
        };
        format!("p = {}{after}", probability(test.p_value))
    };
    if pair.auroc_test.p_value.value().is_some() {
        text.push_str(&format!(
            "AUROC of {}, DeLong's paired test: {}\n",
            found.positive_label,
            p_value(&pair.auroc_test)
        ));
    }
    let mcnemar = &pair.mcnemar;
    text.push_str(&format!(
        "A is right more often on {}, B on {}, McNemar's test ({}): {}\n",
        counted(mcnemar.only_first as usize, "patient"),
        mcnemar.only_second,
        mcnemar.method,
        p_value(&mcnemar.test)
    ));
    text
}

/// Three decimals, or a bound where those would read as nought.
fn probability(p_value: Figure) -> String {
    match p_value.value() {
        Some(value) if value < 0.001 => "<0.001".to_owned(),
        _ => format!("{p_value:.3}"),
    }
}

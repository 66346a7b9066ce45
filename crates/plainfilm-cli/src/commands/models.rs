//! `plainfilm models`

use plainfilm::model::{Architecture, NetworkSettings, Summary, summary};

use crate::args::{ModelsArgs, TableFormat};
use crate::exit::Exit;
use crate::print::table::{Align, render};
use crate::printer::Printer;

/// Lists the networks, or prints one layer by layer.
pub fn run(args: &ModelsArgs, printer: &Printer) -> anyhow::Result<Exit> {
    match &args.summary {
        Some(name) => {
            let summary = summary(&settings(name.parse()?, args))?;
            match args.format {
                TableFormat::Table => printer.data(&layer_table(&summary)),
                TableFormat::Json => printer.data(&json(&summary)?),
            }
        }
        None => {
            let all = Architecture::all()
                .iter()
                .map(|&architecture| Ok((architecture, summary(&settings(architecture, args))?)))
                .collect::<anyhow::Result<Vec<_>>>()?;
            match args.format {
                TableFormat::Table => printer.data(&model_table(&all)),
                TableFormat::Json => {
                    let summaries: Vec<&Summary> = all.iter().map(|(_, summary)| summary).collect();
                    printer.data(&json(&summaries)?);
                }
            }
        }
    }
    Ok(Exit::Done)
}

fn settings(architecture: Architecture, args: &ModelsArgs) -> NetworkSettings {
    let mut settings = NetworkSettings::published(architecture, usize::from(args.classes));
    if let Some(size) = args.size {
        settings.size = size;
    }
    settings
}

fn json(value: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn model_table(all: &[(Architecture, Summary)]) -> String {
    let header = [
        ("name", Align::Left),
        ("size", Align::Right),
        ("parameters", Align::Right),
        ("trainable", Align::Right),
        ("GFLOPs", Align::Right),
        ("from", Align::Left),
    ];
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|(architecture, summary)| {
            vec![
                architecture.to_string(),
                summary.settings.size.to_string(),
                grouped(summary.parameters),
                grouped(summary.trainable),
                format!("{:.2}", summary.flops as f64 / 1e9),
                architecture.paper().to_owned(),
            ]
        })
        .collect();
    render(&header, &rows)
}

fn layer_table(summary: &Summary) -> String {
    let header = [
        ("layer", Align::Left),
        ("kind", Align::Left),
        ("output", Align::Left),
        ("parameters", Align::Right),
        ("MFLOPs", Align::Right),
    ];
    let rows: Vec<Vec<String>> = summary
        .layers
        .iter()
        .map(|layer| {
            let shape: Vec<String> = layer.output.iter().map(ToString::to_string).collect();
            vec![
                layer.name.clone(),
                layer.kind.clone(),
                format!("[N, {}]", shape.join(", ")),
                grouped(layer.parameters),
                format!("{:.1}", layer.flops as f64 / 1e6),
            ]
        })
        .collect();
    format!(
        "{}\nstages      {}\nparameters  {} in all, {} trainable, {} not\nper film    {:.2} GFLOPs forward (a multiply and an add are two)\n",
        render(&header, &rows),
        summary.stages.join(", "),
        grouped(summary.parameters),
        grouped(summary.trainable),
        grouped(summary.parameters - summary.trainable),
        summary.flops as f64 / 1e9,
    )
}

/// `1164434` as `1,164,434`.
pub fn grouped(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        for (number, expected) in [
            (0_u64, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_164_434, "1,164,434"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }
}

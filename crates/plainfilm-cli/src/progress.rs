//! Bars on a terminal, plain lines elsewhere.

use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use plainfilm::audit::AuditSummary;
use plainfilm::evaluate::counted;
use plainfilm::train::{BatchProgress, Best, HistoryRow, TrainObserver};

use crate::print::outcome::Detail;
use crate::print::verdict::{verdict_style, verdict_word};
use crate::printer::{Printer, Style};

/// A bar that counts things; hidden when nobody watches, or there is nothing to count.
pub fn counter(printer: &Printer, what: &str, total: u64) -> ProgressBar {
    // A bar of nothing would only flash by.
    let target = match total {
        0 => ProgressDrawTarget::hidden(),
        _ => target(printer),
    };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    bar.set_style(style(
        "{prefix:>12} {bar:30} {pos}/{len} {per_sec:.dim} {eta:.dim}",
    ));
    bar.set_prefix(what.to_owned());
    bar
}

/// A bar that counts bytes and names the latest file.
pub fn bytes_counter(printer: &Printer, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), target(printer));
    bar.set_style(style(
        "{prefix:>12} {bar:30} {bytes}/{total_bytes} {bytes_per_sec:.dim} {wide_msg:.dim}",
    ));
    bar.set_prefix(what.to_owned());
    bar
}

fn target(printer: &Printer) -> ProgressDrawTarget {
    if printer.is_interactive() {
        ProgressDrawTarget::stderr_with_hz(8)
    } else {
        ProgressDrawTarget::hidden()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates above are valid")
        .progress_chars("━╸─")
}

/// Shows a training as it goes.
pub struct TrainingDisplay {
    printer: Printer,
    detail: Detail,
    /// The last epoch, and the best so far.
    latest: Option<(usize, Option<Best>)>,
    bars: MultiProgress,
    reading: Box<dyn Fn(usize, usize) + Sync>,
    computing: Box<dyn Fn(usize, usize) + Sync>,
    epochs: Option<ProgressBar>,
    steps: Option<ProgressBar>,
}

impl TrainingDisplay {
    /// A display for one training.
    pub fn new(printer: &Printer, detail: Detail) -> Self {
        let bars = MultiProgress::with_draw_target(target(printer));
        let counting = |what: &'static str, things: &str| {
            let style = style(&format!(
                "{{prefix:>12}} {{bar:30}} {{pos}}/{{len}} {things} {{eta:.dim}}"
            ));
            let bars = bars.clone();
            let bar = OnceLock::new();
            Box::new(move |done: usize, total: usize| {
                // A bar of nothing would stand at 0/0 as long as the other bars are drawn.
                if total == 0 {
                    return;
                }
                let bar = bar.get_or_init(|| {
                    let bar = ProgressBar::new(total as u64).with_style(style.clone());
                    bars.add(bar.with_prefix(what))
                });
                bar.set_position(done as u64);
                if done == total {
                    bar.finish_and_clear();
                }
            })
        };
        let (reading, computing) = (counting("reading", "films"), counting("features", "views"));
        Self {
            printer: *printer,
            detail,
            latest: None,
            bars,
            reading,
            computing,
            epochs: None,
            steps: None,
        }
    }

    /// Takes the bars away, so that what follows is printed below what was.
    pub fn finish(&mut self) {
        if let (Detail::EndOnly, Some((last, Some(best)))) = (self.detail, self.latest) {
            self.line(&format!(
                "{}, of which epoch {} is kept: the best by validation loss",
                counted(last, "epoch"),
                best.epoch
            ));
        }
        for bar in [self.epochs.take(), self.steps.take()]
            .into_iter()
            .flatten()
        {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        if self.printer.is_interactive() {
            // Printing through the bars keeps them at the bottom; if that fails the text still matters.
            if self.bars.println(self.printer.wrapped(text)).is_ok() {
                return;
            }
        }
        self.printer.line(text);
    }
}

impl TrainObserver for TrainingDisplay {
    fn loading(&self) -> &(dyn Fn(usize, usize) + Sync) {
        &*self.reading
    }

    fn features(&self) -> &(dyn Fn(usize, usize) + Sync) {
        &*self.computing
    }

    fn batch(&mut self, at: &BatchProgress) {
        if !self.printer.is_interactive() {
            return;
        }
        let bars = &self.bars;
        let epochs = self.epochs.get_or_insert_with(|| {
            let bar = bars.add(ProgressBar::new(at.epochs as u64));
            bar.set_style(style("{prefix:>12} {bar:30} {pos}/{len} {msg}"));
            bar.set_prefix("epochs");
            bar
        });
        let steps = self.steps.get_or_insert_with(|| {
            let bar = bars.add(ProgressBar::new(at.steps as u64));
            bar.set_style(style("{prefix:>12} {bar:30} {pos}/{len} {msg}"));
            bar
        });
        epochs.set_position((at.epoch - 1) as u64);
        let left = HumanDuration(Duration::from_secs_f64(at.seconds_left.min(1e9)));
        epochs.set_message(format!("{left} left"));
        steps.set_prefix(format!("epoch {}", at.epoch));
        steps.set_position(at.step as u64);
        steps.set_message(format!(
            "loss {:.4}  accuracy {:.3}  {:.1} films/s",
            at.loss, at.accuracy, at.films_per_second
        ));
    }

    fn epoch(&mut self, row: &HistoryRow, best: Option<Best>) {
        self.latest = Some((row.epoch, best));
        if let Some(epochs) = &self.epochs {
            epochs.set_position(row.epoch as u64);
        }
        if self.detail == Detail::EndOnly {
            return;
        }
        let part = |value: Option<f64>| value.map_or("    n/a".to_owned(), |v| format!("{v:7.4}"));
        let kept = best.is_some_and(|best| best.epoch == row.epoch);
        let mark = if kept {
            self.printer.styled(Style::Green, "  best")
        } else {
            String::new()
        };
        self.line(&format!(
            "epoch {:>3}  loss {:7.4}  accuracy {:.3}  validation loss {}  accuracy {}  {:5.1} s{mark}",
            row.epoch,
            row.train_loss,
            row.train_accuracy,
            part(row.validation_loss),
            part(row.validation_accuracy),
            row.seconds,
        ));
    }

    fn audited(&mut self, audit: &AuditSummary) {
        // The verdict is given once, below the figures.
        if self.detail == Detail::EndOnly {
            return;
        }
        let style = verdict_style(audit.verdict);
        let word = self.printer.styled(style, verdict_word(audit.verdict));
        self.line(&format!(
            "{} {word}  {}",
            self.printer.styled(Style::Bold, "audit"),
            audit.sentence
        ));
    }

    fn notice(&mut self, sentence: &str) {
        let text = self.printer.styled(Style::Bold, sentence);
        self.line(&text);
    }
}

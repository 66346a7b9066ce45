//! Every reader of files that come from outside, fed with damaged files.
//!
//! A [`Target`] is a reader with good files to begin from and what has to hold of whatever it reads. [`run`] damages
//! these files again and again, from a seed, and stops at the first input that makes the reader panic, take longer
//! than [`LONGEST`] or break a promise. It needs no nightly compiler, and knows nothing of what a reader went
//! through: a fuzzer that is guided by coverage finds more in the same time.

mod damage;
mod seeds;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use targets::{Target, all};

use damage::Damage;

/// Longest that one input may take.
pub const LONGEST: Duration = Duration::from_secs(5);

/// An input that a reader could not take.
#[derive(Debug)]
pub struct Finding {
    /// How many inputs came before it.
    pub executions: u64,
    /// The input.
    pub input: Vec<u8>,
    /// What went wrong.
    pub what: String,
}

/// How far a run came.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Inputs that were tried.
    pub executions: u64,
    /// Those of them that could be read all the same.
    pub accepted: u64,
    /// The longest that one took.
    pub slowest: Duration,
}

/// Feeds the good files themselves, then `executions` damaged ones.
///
/// # Errors
///
/// The first input that the reader could not take.
pub fn run(target: &Target, seed: u64, executions: u64) -> Result<Tally, Box<Finding>> {
    let seeds = (target.seeds)();
    let mut damage = Damage::new(seed, target.name);
    let mut tally = Tally::default();
    let damaged = (0..executions).map(|_| None);
    for whole in seeds.iter().map(Some).chain(damaged) {
        let input = whole.map_or_else(|| damage.one_of(&seeds), Clone::clone);
        let begun = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| (target.read)(&input)));
        let taken = begun.elapsed();
        let what = match result {
            Ok(Ok(is_read)) => {
                tally.accepted += u64::from(is_read);
                (taken > LONGEST).then(|| format!("took {:.1} s", taken.as_secs_f64()))
            }
            Ok(Err(broken)) => Some(broken),
            Err(panic) => Some(format!("panicked: {}", said(&*panic))),
        };
        if let Some(what) = what {
            return Err(Box::new(Finding {
                executions: tally.executions,
                input,
                what,
            }));
        }
        tally.executions += 1;
        tally.slowest = tally.slowest.max(taken);
    }
    Ok(tally)
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a word".to_owned())
}

/// Where an input is put for readers that want a file; the same folder as long as the thread lives.
fn on_disk(name: &str, bytes: &[u8]) -> PathBuf {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a temporary folder");
    }
    FOLDER.with(|folder| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a temporary folder can be written to");
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few, for every build; `fuzz` has as many as one waits for.
    const EXECUTIONS: u64 = 300;

    #[test]
    fn damaged_files_are_errors_and_good_ones_are_read() {
        for target in all() {
            let seeds = (target.seeds)().len() as u64;
            assert!(seeds > 0, "{}: no good file", target.name);
            let whole = run(&target, 1, 0);
            let whole = whole.unwrap_or_else(|found| panic!("{}: {}", target.name, found.what));
            assert_eq!(
                whole.accepted, seeds,
                "{}: a good file was refused",
                target.name
            );
            if let Err(found) = run(&target, 1, EXECUTIONS) {
                let path = std::env::temp_dir().join(format!("plainfilm-fuzz-{}", target.name));
                std::fs::write(&path, &found.input).unwrap();
                panic!("{}: {} ({})", target.name, found.what, path.display());
            }
        }
    }

    #[test]
    fn what_was_found_once_stays_mended() {
        let found = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("found");
        let mut tried = 0;
        for target in all() {
            let Ok(inputs) = std::fs::read_dir(found.join(target.name)) else {
                continue;
            };
            for input in inputs {
                let path = input.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                let result = catch_unwind(|| (target.read)(&bytes));
                assert!(
                    matches!(result, Ok(Ok(_))),
                    "{}: {result:?}",
                    path.display()
                );
                tried += 1;
            }
        }
        assert!(tried > 0);
    }

    #[test]
    fn one_seed_damages_alike() {
        let seeds = vec![b"path,label\na.png,x\n".to_vec(), vec![0; 40]];
        let inputs = |seed| {
            let mut damage = Damage::new(seed, "a");
            (0..50).map(|_| damage.one_of(&seeds)).collect::<Vec<_>>()
        };
        assert_eq!(inputs(7), inputs(7));
        assert_ne!(inputs(7), inputs(8));
    }

    #[test]
    fn a_reader_that_panics_or_breaks_its_promise_is_found() {
        let target = |read| Target {
            name: "broken",
            seeds: || vec![vec![0; 16]],
            read,
        };
        let panics = target(|bytes| {
            assert!(!bytes.contains(&0xff), "as planned");
            Ok(true)
        });
        let found = run(&panics, 1, 10_000).unwrap_err();
        assert!(found.what.contains("as planned") && found.input.contains(&0xff));
        let lies = target(|bytes| match bytes.len() {
            16 => Ok(true),
            _ => Err("a promise".to_owned()),
        });
        assert_eq!(run(&lies, 1, 10_000).unwrap_err().what, "a promise");
    }
}

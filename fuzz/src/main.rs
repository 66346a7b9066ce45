//! `fuzz TARGET|all EXECUTIONS [SEED]`: feeds readers with damaged files until one cannot take its input, which is then
//! written to `fuzz-TARGET.bin`.
#![expect(
    clippy::print_stdout,
    reason = "this program is for whoever watches it"
)]

use std::time::Instant;

use anyhow::{Context, bail};
use plainfilm_fuzz::{all, run};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let names: Vec<&str> = all().iter().map(|target| target.name).collect();
    let usage = || {
        format!(
            "usage: fuzz TARGET|all EXECUTIONS [SEED]; targets: {}",
            names.join(", ")
        )
    };
    let name = arguments.next().with_context(usage)?;
    let executions: u64 = arguments.next().with_context(usage)?.parse()?;
    let seed: u64 = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    if name != "all" && !names.contains(&name.as_str()) {
        bail!(usage());
    }
    // A panic is told once, with the input that made it.
    std::panic::set_hook(Box::new(|_| {}));
    let mut found = 0;
    for target in all()
        .iter()
        .filter(|target| name == "all" || target.name == name)
    {
        let begun = Instant::now();
        match run(target, seed, executions) {
            Ok(tally) => println!(
                "{:18} {:>9} inputs, {:>7} of them read, slowest {:.2} s, {:.0} s in all",
                target.name,
                tally.executions,
                tally.accepted,
                tally.slowest.as_secs_f64(),
                begun.elapsed().as_secs_f64()
            ),
            Err(finding) => {
                found += 1;
                let path = format!("fuzz-{}.bin", target.name);
                std::fs::write(&path, &finding.input)?;
                println!(
                    "{:18} FOUND after {} inputs: {} ({path})",
                    target.name, finding.executions, finding.what
                );
            }
        }
    }
    anyhow::ensure!(found == 0, "{found} readers could not take their input");
    Ok(())
}

//! Films per second of the library's networks: forward, a training step, and a whole step of
//! `plainfilm train`. `bench-conv --help` lists the arguments; `benches/peers` runs it beside other
//! programs.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its table"
)]

mod args;
mod layers;
mod machine;
mod round;
mod steps;
mod whole_step;

use std::io::{BufRead, Write};
use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use plainfilm::model::{Architecture, summary};
use serde::Serialize;

use args::{Args, Precision, Work};
use machine::Machine;
use round::{Round, medians, timed};
use whole_step::WholeStep;

// The allocator of the program itself: with the system's, clearing pages takes a fifth of the time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A network at one batch size, measured.
#[derive(Serialize)]
struct Row {
    work: Work,
    network: Architecture,
    batch: usize,
    precision: Precision,
    threads: usize,
    /// Of the network, so that another program can be seen to time the same one.
    parameters: usize,
    /// Medians.
    ours: Option<Round>,
    burn: Option<Round>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench-conv: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    if args.precision == Precision::Bf16 {
        plainfilm_conv::set_precision(plainfilm_conv::Precision::BFloat16)
            .map_err(|error| error.to_string())?;
    }
    let all = Architecture::all();
    let networks: &[Architecture] = if args.networks.is_empty() {
        &all
    } else {
        &args.networks
    };
    if let Work::Layers | Work::TrainLayers = args.work {
        return measure_layers(networks, args);
    }
    if !(args.json || args.wait) {
        println!("threads: {}", rayon::current_num_threads());
        println!(
            "{:<13} {:>5} {:>10} {:>10} {:>10} {:>10} {:>6}",
            "network", "batch", "films/s", "CPU ms", "Burn, /s", "CPU ms", "ratio"
        );
    }
    for &network in networks {
        for &batch in &args.batch {
            measure(network, batch, args)?;
        }
    }
    Ok(())
}

/// Prints what the machine can do, then a table for each network and batch size.
fn measure_layers(networks: &[Architecture], args: &Args) -> Result<(), String> {
    if args.wait || args.burn || args.device != "cpu" {
        return Err("layers are timed by themselves and on the cpu, expected neither --wait, --burn nor --device".to_owned());
    }
    let machine = Machine::measure();
    if args.json {
        answer(&machine)?;
    } else {
        for line in machine.lines() {
            println!("{line}");
        }
    }
    for &network in networks {
        for &batch in &args.batch {
            let training = args.work == Work::TrainLayers;
            let table = layers::measure(network, batch, training, args, &machine)?;
            if args.json {
                answer(&table)?;
                continue;
            }
            println!();
            for line in table.lines() {
                println!("{line}");
            }
        }
    }
    Ok(())
}

fn measure(network: Architecture, batch: usize, args: &Args) -> Result<(), String> {
    let mut round = rounds_of(network, batch, args)?;
    // The first round warms caches and the allocator.
    round(0.0)?;
    let counted = summary(&steps::settings(network)).map_err(|error| error.to_string())?;
    let mut row = Row {
        work: args.work,
        network,
        batch,
        precision: args.precision,
        threads: rayon::current_num_threads(),
        parameters: counted.parameters,
        ours: None,
        burn: None,
    };
    if args.wait {
        answer(&row)?;
        for line in std::io::stdin().lock().lines() {
            line.map_err(|error| error.to_string())?;
            answer(&round(args.seconds)?)?;
        }
        return Ok(());
    }
    let (mut ours, mut burn) = (Vec::new(), Vec::new());
    if args.burn {
        plainfilm_conv::set_enabled(false);
        round(0.0)?;
    }
    for _ in 0..args.rounds {
        if args.burn {
            plainfilm_conv::set_enabled(false);
            burn.push(round(args.seconds)?);
        }
        plainfilm_conv::set_enabled(true);
        ours.push(round(args.seconds)?);
    }
    row.ours = Some(medians(&ours));
    row.burn = args.burn.then(|| medians(&burn));
    if args.json {
        answer(&row)
    } else {
        print_row(&row);
        Ok(())
    }
}

/// What takes a round of at least so many seconds.
type Rounds = Box<dyn FnMut(f64) -> Result<Round, String>>;

fn rounds_of(network: Architecture, batch: usize, args: &Args) -> Result<Rounds, String> {
    let described = |error: plainfilm::model::ModelError| error.to_string();
    let device = plainfilm::device::parse(&args.device).map_err(|error| error.to_string())?;
    let finish = {
        let device = device.clone();
        move || device.sync().map_err(|error| error.to_string())
    };
    Ok(match args.work {
        Work::Forward => {
            let mut step = steps::forward(network, batch, &device).map_err(described)?;
            Box::new(move |seconds| timed(batch, seconds, &mut step, &finish))
        }
        Work::TrainStep => {
            let mut step = steps::train_step(network, batch, &device).map_err(described)?;
            Box::new(move |seconds| timed(batch, seconds, &mut step, &finish))
        }
        Work::Layers | Work::TrainLayers => {
            return Err("layers have no rounds of their own".to_owned());
        }
        Work::WholeStep => {
            let mut training = WholeStep::start(network, batch, args);
            Box::new(move |seconds| training.round(seconds))
        }
    })
}

/// Prints one line of JSON at once: a program may be waiting for it.
fn answer(value: &impl Serialize) -> Result<(), String> {
    let text = serde_json::to_string(value).map_err(|error| error.to_string())?;
    println!("{text}");
    std::io::stdout().flush().map_err(|error| error.to_string())
}

fn print_row(row: &Row) {
    let cells = |round: Option<Round>| match round {
        None => ("-".to_owned(), "-".to_owned()),
        Some(round) => (
            format!("{:.1}", round.films_per_second),
            round
                .processor_ms
                .map_or("-".to_owned(), |ms| format!("{ms:.1}")),
        ),
    };
    let (ours, processor) = cells(row.ours);
    let (burn, burn_processor) = cells(row.burn);
    let ratio = row.ours.zip(row.burn).map_or("-".to_owned(), |(o, b)| {
        format!("{:.2}", o.films_per_second / b.films_per_second)
    });
    println!(
        "{:<13} {:>5} {ours:>10} {processor:>10} {burn:>10} {burn_processor:>10} {ratio:>6}",
        row.network.name(),
        row.batch
    );
}

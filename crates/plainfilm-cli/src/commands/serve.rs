//! `plainfilm serve`

use std::io::{stdin, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm_serve::{Decoding, ModelToServe, ServeSettings, Started, TlsFiles, serve};

use crate::args::serve::{DecodeArgs, ServeArgs};
use crate::exit::Exit;
use crate::inputs::model_path;
use crate::printer::{Printer, Style};
use crate::settings::{available_threads, use_threads};

/// What a decoding process is started as.
const DECODE: &str = "decode-films";

/// Serves until it is told to end.
pub fn run(args: &ServeArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let threads = args.threads.unwrap_or_else(available_threads);
    use_threads(threads)?;
    let settings = settings(args, threads)?;
    let models = match args.models.as_slice() {
        [] => vec![ModelToServe::bundled()],
        given => given.iter().map(|text| model(text)).collect(),
    };
    let names: Vec<String> = models.iter().map(|model| model.name.clone()).collect();
    serve(&settings, models, |started| {
        tell(&settings, &names, started, printer);
    })?;
    printer.line("every request was answered, and no more are taken");
    Ok(Exit::Done)
}

/// Decodes films for a service, on standard input and output.
pub fn decode(args: &DecodeArgs) -> anyhow::Result<Exit> {
    plainfilm_serve::decode_films(stdin().lock(), stdout().lock(), args.memory)?;
    Ok(Exit::Done)
}

fn settings(args: &ServeArgs, threads: usize) -> anyhow::Result<ServeSettings> {
    let mut settings = ServeSettings::new(args.listen);
    settings.hosts.clone_from(&args.hosts);
    settings.token = args.token_file.as_deref().map(token).transpose()?;
    settings.tls = args
        .tls_certificate
        .clone()
        .zip(args.tls_key.clone())
        .map(|(certificate, key)| TlsFiles { certificate, key });
    settings.device.clone_from(&args.device);
    settings.workers = threads;
    settings.limits.upload_bytes = usize::from(args.max_upload) << 20;
    settings.limits.upload_bytes_at_once = settings
        .limits
        .upload_bytes_at_once
        .max(2 * settings.limits.upload_bytes);
    settings.limits.films = args.max_films as usize;
    settings.limits.requests = usize::from(args.max_requests);
    if args.sandbox.unwrap_or(cfg!(target_os = "linux")) {
        settings.decoding = Decoding::Apart {
            program: std::env::current_exe().context("this program cannot find itself")?,
            arguments: [
                DECODE.to_owned(),
                "--memory".to_owned(),
                settings.limits.decode_bytes.to_string(),
            ]
            .into(),
        };
    }
    Ok(settings)
}

/// The first line of a file.
fn token(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    match text.lines().next().map(str::trim) {
        Some(token) if token.len() >= 16 => Ok(token.to_owned()),
        _ => bail!(
            "{}: expected a token of at least 16 letters in the first line",
            path.display()
        ),
    }
}

/// `NAME=FILE`, or `FILE` named after itself or its run folder.
fn model(text: &str) -> ModelToServe {
    if let Some((name, path)) = text.split_once('=')
        && !name.contains(['/', '\\', '.'])
    {
        return ModelToServe {
            name: name.to_owned(),
            path: Some(model_path(Path::new(path))),
        };
    }
    if text == "bundled" && !Path::new(text).exists() {
        return ModelToServe::bundled();
    }
    let path = PathBuf::from(text);
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    let own = own.strip_suffix(".safetensors").unwrap_or(&own);
    let own = own.strip_suffix(".plainfilm").unwrap_or(own);
    let own = own.strip_suffix(".onnx").unwrap_or(own);
    let name = own
        .chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => letter,
            _ => '-',
        })
        .collect();
    ModelToServe {
        name,
        path: Some(model_path(&path)),
    }
}

fn tell(settings: &ServeSettings, names: &[String], started: &Started, printer: &Printer) {
    let scheme = match settings.tls {
        Some(_) => "https",
        None => "http",
    };
    let address = format!("{scheme}://{}/", started.address);
    printer.line(&format!(
        "{} serves {} (Ctrl-C ends it)",
        printer.styled(Style::Bold, &address),
        names.join(", "),
    ));
    match (&settings.decoding, started.confined) {
        (Decoding::Apart { .. }, Some(true)) => {}
        (Decoding::Apart { .. }, _) => printer.warning(
            "this system cannot keep decoding processes from files and network; their memory is bounded",
        ),
        (Decoding::Here, _) => {
            printer.warning("films are decoded in the service itself: a crash of a decoder ends it");
        }
    }
    printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_named_by_hand_or_after_their_files() {
        let cases = [
            ("bundled", "bundled", None),
            (
                "runs/first.plainfilm.safetensors",
                "first",
                Some("runs/first.plainfilm.safetensors"),
            ),
            ("mine=a b.safetensors", "mine", Some("a b.safetensors")),
            ("runs/a b.safetensors", "a-b", Some("runs/a b.safetensors")),
            ("runs/x=1.safetensors", "x-1", Some("runs/x=1.safetensors")),
        ];
        for (text, name, path) in cases {
            let expected = ModelToServe {
                name: name.to_owned(),
                path: path.map(PathBuf::from),
            };
            assert_eq!(model(text), expected, "{text}");
        }
    }
}

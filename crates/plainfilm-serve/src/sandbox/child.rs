//! The decoding process itself.

use std::io::{self, Read, Write};

use plainfilm::radiograph::{Limits, decode, without_name};

use super::messages::{DECODED, NAME, REFUSED, Ready, Shape, pixel_bytes};

/// Gives up every right but to read `input`, to write `output` and to use `memory` bytes; then decodes the films that
/// come, until there are no more. What [`Decoding::Apart`](crate::Decoding::Apart) starts has to call it.
///
/// # Errors
///
/// When the other side is gone, or does not keep to the protocol.
pub fn decode_films(mut input: impl Read, mut output: impl Write, memory: u64) -> io::Result<()> {
    let ready = Ready {
        confined: confine(memory),
    };
    writeln!(output, "{}", serde_json::to_string(&ready)?)?;
    output.flush()?;
    let limits = Limits::default();
    loop {
        let mut length = [0; 8];
        match input.read_exact(&mut length) {
            Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let length = u64::from_le_bytes(length);
        if length > limits.max_file_bytes {
            return Err(io::Error::other("a film beyond every limit"));
        }
        let mut bytes = Vec::new();
        input.by_ref().take(length).read_to_end(&mut bytes)?;
        match decode(&bytes, NAME, &limits) {
            Ok(film) => {
                write_text(
                    &mut output,
                    DECODED,
                    &serde_json::to_string(&Shape::of(&film))?,
                )?;
                output.write_all(&pixel_bytes(&film))?;
            }
            Err(error) => {
                write_text(
                    &mut output,
                    REFUSED,
                    &without_name(&error.to_string(), NAME),
                )?;
            }
        }
        output.flush()?;
    }
}

fn write_text(output: &mut impl Write, kind: u8, text: &str) -> io::Result<()> {
    output.write_all(&[kind])?;
    output.write_all(&(text.len() as u64).to_le_bytes())?;
    output.write_all(text.as_bytes())
}

/// Bounds memory, forbids core dumps and larger files, and puts all files and connections out of reach.
#[cfg(target_os = "linux")]
fn confine(memory: u64) -> bool {
    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus};
    use rlimit::Resource;

    // The crate asks for what this kernel knows and leaves out the rest.
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V5)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    let is_confined = ruleset.is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced);
    // After that, since making rules takes a file descriptor.
    for (resource, most) in [
        (Resource::AS, memory),
        (Resource::CORE, 0),
        (Resource::FSIZE, 0),
        // Standard input, output and error are open already.
        (Resource::NOFILE, 3),
    ] {
        // A system that allows less already is as good.
        let _ = rlimit::setrlimit(resource, most, most);
    }
    is_confined
}

#[cfg(not(target_os = "linux"))]
fn confine(_memory: u64) -> bool {
    false
}

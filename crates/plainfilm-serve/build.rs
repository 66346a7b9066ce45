//! Makes the table of the page's files, so that a new file needs no other line.

use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let folder =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by Cargo")).join("page");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the page's folder is there")
        .map(|entry| entry.expect("it can be read").file_name())
        .map(|name| name.into_string().expect("names of the page are plain"))
        .filter(|name| !name.ends_with(".md"))
        .collect();
    names.sort();
    let mut table = String::from(
        "/// Name, content and tag of every file.\nconst FILES: &[(&str, &[u8], &str)] = &[\n",
    );
    for name in names {
        let path = folder.join(&name);
        let bytes = fs::read(&path).expect("a file of the page can be read");
        // FNV-1a: whether a browser has this file already, nothing more.
        let tag = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        writeln!(
            table,
            "    ({name:?}, include_bytes!({path:?}), \"\\\"{tag:016x}\\\"\"),"
        )
        .expect("a text takes all");
    }
    table.push_str("];\n");
    let output = PathBuf::from(env::var_os("OUT_DIR").expect("set by Cargo")).join("page.rs");
    fs::write(output, table).expect("the table can be written");
}

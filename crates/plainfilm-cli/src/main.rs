//! The program `plainfilm`.

fn main() {}

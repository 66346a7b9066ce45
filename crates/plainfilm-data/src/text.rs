//! The text of a table, whatever encoding a spreadsheet left it in.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Text, and what it was in where that is not UTF-8.
pub(super) struct Text<'a> {
    pub text: Cow<'a, str>,
    pub encoding: Option<&'static str>,
}

/// Decodes a table: by its byte-order mark, else as UTF-8, else as UTF-16 where every other byte of
/// the first is zero, else as Windows-1252, which every byte is some text in.
///
/// A file that has letters beyond ASCII in good UTF-8 is UTF-8 with damage: what is damaged becomes
/// [`char::REPLACEMENT_CHARACTER`], for whoever reads the rows to refuse.
pub(super) fn decode(bytes: &[u8]) -> Text<'_> {
    let encoding = Encoding::for_bom(bytes)
        .map(|(encoding, _)| encoding)
        .unwrap_or_else(|| guessed(bytes));
    let (text, _) = encoding.decode_with_bom_removal(bytes);
    Text {
        text,
        encoding: (encoding != UTF_8).then(|| encoding.name()),
    }
}

fn guessed(bytes: &[u8]) -> &'static Encoding {
    match bytes {
        [0, 1..=255, ..] => return UTF_16BE,
        [1..=255, 0, ..] => return UTF_16LE,
        _ => {}
    }
    let mut whole = true;
    for chunk in bytes.utf8_chunks() {
        if !chunk.valid().is_ascii() {
            return UTF_8;
        }
        whole &= chunk.invalid().is_empty();
    }
    if whole { UTF_8 } else { WINDOWS_1252 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_encoding_gives_the_same_text() {
        let little: Vec<u8> = "é,x".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "é,x".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let cases: [(Vec<u8>, Option<&str>); 5] = [
            ("é,x".as_bytes().to_vec(), None),
            ("\u{feff}é,x".as_bytes().to_vec(), None),
            ([&[0xff, 0xfe][..], &little].concat(), Some("UTF-16LE")),
            ([&[0xfe, 0xff][..], &big].concat(), Some("UTF-16BE")),
            (b"\xe9,x".to_vec(), Some("windows-1252")),
        ];
        for (bytes, encoding) in cases {
            let read = decode(&bytes);
            assert_eq!((&*read.text, read.encoding), ("é,x", encoding), "{bytes:?}");
        }
        let unmarked: Vec<u8> = "path".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&unmarked).text, "path");
        assert_eq!(decode(b"").text, "");
    }

    #[test]
    fn damaged_utf_8_is_not_taken_for_windows_1252() {
        let read = decode(b"\xc3\xa9\n\xff\n");
        assert_eq!((&*read.text, read.encoding), ("é\n\u{fffd}\n", None));
    }
}

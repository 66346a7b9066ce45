//! Which files and folders are not looked at.

/// Why a file or folder of this name is not looked at, if so.
pub(super) fn is_left_out(name: &str, folder: bool) -> Option<&'static str> {
    let lower = name.to_lowercase();
    if name.starts_with('.') {
        return Some("hidden");
    }
    if folder && lower == "__macosx" {
        return Some("macOS archive metadata");
    }
    let mask = ["mask", "masks"].iter().any(|word| {
        lower
            .strip_suffix(word)
            .is_some_and(|before| before.is_empty() || before.ends_with(['_', '-', ' ']))
    });
    (folder && mask).then_some("a folder of masks, not of films")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_left_out() {
        let cases = [
            (".git", true, true),
            (".DS_Store", false, true),
            ("__MACOSX", true, true),
            ("lung_masks", true, true),
            ("Masks", true, true),
            ("mask", true, true),
            ("masks.png", false, false),
            ("unmasked", true, false),
            ("damask", true, false),
            ("Covid-19", true, false),
        ];
        for (name, folder, left_out) in cases {
            assert_eq!(is_left_out(name, folder).is_some(), left_out, "{name}");
        }
    }
}

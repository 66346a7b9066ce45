//! Which of the labels is the finding.

/// The label that figures of two labels are about, and whether the names of the labels tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositiveLabel {
    /// Its place among the labels.
    pub index: usize,
    /// Whether the names tell it; true with more or fewer than two labels, which have no single positive one.
    pub is_clear: bool,
}

impl PositiveLabel {
    /// The label whose presence is the finding: the first of those whose names deny least. Names are read in
    /// several languages, whatever their case and separators: `No_Pneumonia`, `absent`, `negativ`, `0` beside
    /// `1`, `TB-` beside `TB+`, `正常`, …
    #[must_use]
    pub fn of(labels: &[String]) -> Self {
        let denials: Vec<Denial> = (0..labels.len())
            .map(|index| denial(labels, index))
            .collect();
        let least = denials.iter().min().copied().unwrap_or(Denial::None);
        let index = denials.iter().position(|denial| *denial == least);
        Self {
            index: index.unwrap_or(0),
            is_clear: labels.len() != 2 || denials[0] != denials[1],
        }
    }

    /// What to tell whoever judges by it, where names leave it open; none where they do not.
    #[must_use]
    pub fn doubt(self, labels: &[String]) -> Option<String> {
        let [first, second] = labels else { return None };
        (!self.is_clear).then(|| {
            let which = match denial(labels, self.index) {
                Denial::None => "neither",
                _ => "each",
            };
            format!(
                "positive label: {} (of {first} and {second} {which} says that nothing was found; --positive \
                 chooses)",
                labels[self.index]
            )
        })
    }
}

/// The index of the label whose presence is the finding, as [`PositiveLabel::of`] finds it.
pub fn positive_label(labels: &[String]) -> usize {
    PositiveLabel::of(labels).index
}

/// How much a name denies that there is a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Denial {
    None,
    /// Less than the other label, in many collections: `benign` beside `malignant`, not beside `normal`.
    Beside,
    Full,
}

/// Names of films without any finding, without case and separators.
const NOTHING_FOUND: [&str; 40] = [
    "clear",
    "control",
    "controls",
    "healthy",
    "neg",
    "negative",
    "nofinding",
    "nofindings",
    "none",
    "noncovid",
    "noncovid19",
    "normal",
    "normals",
    "unremarkable",
    // German
    "gesund",
    "keinbefund",
    "negativ",
    "ohnebefund",
    "unauffällig",
    "unauffaellig",
    // French, Spanish, Italian, Portuguese
    "normale",
    "normales",
    "normali",
    "normais",
    "négatif",
    "negatif",
    "negativo",
    "sain",
    "sano",
    "saudável",
    "sinhallazgos",
    // Dutch
    "gezond",
    "negatief",
    "normaal",
    // Russian
    "здоровый",
    "норма",
    "отрицательный",
    // Chinese
    "正常",
    "阴性",
    // Turkish
    "sağlıklı",
];

/// More words that deny as the first or last of a name, or alone.
const DENYING_WORDS: [&str; 46] = [
    "absent",
    "absence",
    "unaffected",
    "uninfected",
    "gesunde",
    "gesunder",
    "kontrolle",
    "abwesend",
    "unauffallig",
    "saine",
    "sains",
    "négative",
    "contrôle",
    "controle",
    "absente",
    "sana",
    "sanos",
    "negativa",
    "negativi",
    "ausente",
    "ausencia",
    "saudavel",
    "ausência",
    "sani",
    "controllo",
    "assente",
    "assenza",
    "afwezig",
    "здоров",
    "здоровые",
    "нормальный",
    "нормальная",
    "отрицательно",
    "отсутствует",
    "отсутствие",
    "saglikli",
    "kontrol",
    "yok",
    "陰性",
    "健康",
    "음성",
    "정상",
    "zdrowy",
    "brak",
    "طبيعي",
    "سليم",
];

/// Names that deny only as a whole: inside a longer name they may mean anything.
const DENYING_NAMES: [&str; 16] = [
    "false", "falsch", "faux", "falso", "fine", "good", "nil", "nothing", "ok", "nein", "non",
    "no", "нет", "hayır", "否", "无",
];

/// Words before what is denied.
const DENIERS: [&str; 36] = [
    "no", "non", "not", "without", "never", "zero", "kein", "keine", "keinen", "keiner", "ohne",
    "nicht", "nein", "sans", "pas", "aucun", "aucune", "sin", "ningún", "ninguna", "senza",
    "nessun", "nessuna", "sem", "não", "nao", "nenhum", "nenhuma", "niet", "geen", "zonder", "без",
    "не", "нет", "bez", "nie",
];

/// Words after what is denied.
const DENIED_BEFORE: [&str; 14] = [
    "no", "non", "not", "false", "nein", "free", "frei", "nee", "нет", "değil", "degil", "olmayan",
    "falso", "faux",
];

/// Characters that begin a denial where words are not separated, as in Chinese.
const DENYING_CHARACTERS: [char; 5] = ['无', '無', '非', '未', '没'];

/// Names that deny beside another that does not.
const LESS_THAN_THE_OTHER: [&str; 8] = [
    "benign",
    "benigne",
    "gutartig",
    "other",
    "others",
    "rest",
    "background",
    "andere",
];

/// Whether a label is a known name for "nothing found": that no finding at all is there, not that one is missing.
pub fn says_nothing_found(label: &str) -> bool {
    NOTHING_FOUND.contains(&plain(label).as_str())
}

fn plain(label: &str) -> String {
    label
        .chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// What one label denies, the others beside it.
fn denial(labels: &[String], index: usize) -> Denial {
    let label = &labels[index];
    let mut others = labels.iter().enumerate().filter(|(at, _)| *at != index);
    if denies(label) || others.any(|(_, other)| is_denied_by(label, other)) {
        return Denial::Full;
    }
    match LESS_THAN_THE_OTHER.contains(&plain(label).as_str()) {
        true => Denial::Beside,
        false => Denial::None,
    }
}

/// Whether a name denies by itself.
fn denies(label: &str) -> bool {
    let name = plain(label);
    if says_nothing_found(label) || DENYING_NAMES.contains(&name.as_str()) {
        return true;
    }
    let words = words(label);
    match words.as_slice() {
        [] => false,
        [word] => {
            let rest = word.strip_prefix(DENYING_CHARACTERS);
            rest.map_or_else(|| denying_word(word), |rest| !denying_word(rest))
        }
        // The name of a finding, against another of its kind.
        [first, second, ..] if first == "non" && second == "small" => false,
        [first, rest @ ..] if DENIERS.contains(&first.as_str()) => {
            // What is not normal is a finding.
            !denies(&rest.join(" ")) || rest[0].starts_with("finding")
        }
        [first, .., last] => {
            denying_word(first) || denying_word(last) || DENIED_BEFORE.contains(&last.as_str())
        }
    }
}

fn denying_word(word: &str) -> bool {
    let alone = ["clear", "none", "norma"];
    DENYING_WORDS.contains(&word)
        || (NOTHING_FOUND.contains(&word) && !alone.contains(&word))
        || (word.contains("正常") && !word.contains("不正常"))
        || word.contains("阴性")
}

/// Whether a name denies what another affirms: `0` beside `1`, `TB-` beside `TB`, `nopneumonia` beside
/// `pneumonia`, `n` beside `y`.
fn is_denied_by(label: &str, other: &str) -> bool {
    if let (Ok(own), Ok(others)) = (label.trim().parse::<f64>(), other.trim().parse::<f64>()) {
        return own <= 0.0 && others > 0.0;
    }
    let (own, others) = (plain(label), plain(other));
    if own.parse() == Ok(0) || label.trim().ends_with(['-', '−', '–']) {
        return true;
    }
    let stem = |text: &str| {
        text.trim_end_matches(|digit: char| digit.is_ascii_digit())
            .len()
    };
    let (own_stem, others_stem) = (stem(&own), stem(&others));
    let number = |text: &str, stem: usize| text[stem..].parse::<u64>().ok();
    if own[..own_stem] == others[..others_stem]
        && number(&own, own_stem) == Some(0)
        && number(&others, others_stem).is_some_and(|number| number > 0)
    {
        return true;
    }
    let is_letter_of = |no: &str, yes: &[&str]| own == no && yes.contains(&others.as_str());
    let affirmed = [
        "y", "yes", "p", "pos", "positive", "j", "ja", "o", "oui", "s", "si", "t", "true",
    ];
    if is_letter_of("n", &affirmed)
        || is_letter_of("f", &["t", "true"])
        || is_letter_of("nee", &["ja"])
    {
        return true;
    }
    // As part of a longer word only beside what it denies: `un` and `wo` begin many words.
    let deniers = DENIERS.iter().chain(&["un", "wo"]);
    let mut denied = deniers.filter_map(|denier| own.strip_prefix(denier));
    denied.any(|rest| rest == others && !denies(other) && !rest.starts_with("small"))
}

/// The words of a name in lower case, told apart by separators and, as in `NoPneumonia`, by capitals.
fn words(label: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for character in label.chars() {
        let begins = character.is_uppercase() && after_small;
        if begins || !character.is_alphanumeric() {
            words.push(String::new());
        }
        if character.is_alphanumeric() {
            let last = words.last_mut().expect("there is one");
            last.extend(character.to_lowercase());
        }
        after_small = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> PositiveLabel {
        let labels: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        PositiveLabel::of(&labels)
    }

    #[test]
    fn the_label_that_is_not_denied_is_positive() {
        for (denied, affirmed) in [
            ("0", "1"),
            ("0", "pneumonia"),
            ("-1", "1"),
            ("-", "+"),
            ("class0", "class1"),
            ("grade_0", "grade_2"),
            ("n", "y"),
            ("N", "P"),
            ("no", "yes"),
            ("False", "True"),
            ("No_Pneumonia", "Pneumonia"),
            ("NoPneumonia", "Pneumonia"),
            ("nopneumonia", "pneumonia"),
            ("NONCOVID", "COVID"),
            ("non-covid", "covid"),
            ("non-COVID", "COVID"),
            ("not_tb", "tb"),
            ("without effusion", "with effusion"),
            ("w/o effusion", "effusion"),
            ("Nofinding", "Mass"),
            ("No_findings", "Covid-19"),
            ("absent", "present"),
            ("pneumonia_absent", "pneumonia_present"),
            ("covid_no", "covid_yes"),
            ("TB-", "TB+"),
            ("neg", "pos"),
            ("negative", "positive"),
            ("Negative for Pneumonia", "Typical Appearance"),
            ("healthy", "sick"),
            ("healthy_controls", "patients"),
            ("unaffected", "affected"),
            ("control", "case"),
            ("normal", "abnormal"),
            ("NORMAL", "PNEUMONIA"),
            ("normal", "not_normal"),
            ("healthy", "unhealthy"),
            ("normal", "non-normal"),
            ("clear", "opacity"),
            ("tb free", "tb"),
            ("benign", "malignant"),
            ("normal", "benign"),
            ("other", "covid"),
            ("gesund", "krank"),
            ("keine Pneumonie", "Pneumonie"),
            ("ohne_Befund", "Befund"),
            ("unauffällig", "auffällig"),
            ("sans anomalie", "anomalie"),
            ("sain", "malade"),
            ("négatif", "positif"),
            ("sin hallazgos", "hallazgos"),
            ("sano", "enfermo"),
            ("senza polmonite", "polmonite"),
            ("normale", "patologico"),
            ("saudável", "doente"),
            ("geen longontsteking", "longontsteking"),
            ("gezond", "ziek"),
            ("без патологии", "патология"),
            ("норма", "пневмония"),
            ("正常", "肺炎"),
            ("阴性", "阳性"),
            ("无异常", "异常"),
            ("正常", "不正常"),
            ("sağlıklı", "hasta"),
            ("covid değil", "covid"),
        ] {
            for (names, index) in [([denied, affirmed], 1), ([affirmed, denied], 0)] {
                let is_clear = true;
                assert_eq!(of(&names), PositiveLabel { index, is_clear }, "{names:?}");
            }
        }
    }

    #[test]
    fn what_names_do_not_tell_is_called_unclear() {
        for (names, which) in [
            (["Covid-19", "Pneumonia"], "neither"),
            (["1", "2"], "neither"),
            (["a", "b"], "neither"),
            (["Notable", "Nodule"], "neither"),
            (["Normandy", "Texas"], "neither"),
            (["non-small cell", "small cell"], "neither"),
            (["normal", "healthy"], "each"),
            (["no mass", "no nodule"], "each"),
        ] {
            let found = of(&names);
            let (index, is_clear) = (0, false);
            assert_eq!(found, PositiveLabel { index, is_clear }, "{names:?}");
            assert_eq!(
                found.doubt(&names.map(str::to_owned)),
                Some(format!(
                    "positive label: {0} (of {0} and {1} {which} says that nothing was found; --positive chooses)",
                    names[0], names[1]
                ))
            );
        }
        assert_eq!(of(&["0", "1"]).doubt(&["0", "1"].map(str::to_owned)), None);
    }

    #[test]
    fn more_labels_begin_with_the_first_that_is_not_denied() {
        for (names, index) in [
            (&["No finding", "Healthy", "Effusion"][..], 2),
            (&["a", "b", "c"], 0),
            (&["benign", "malignant", "normal"], 1),
            (&["alone"], 0),
            (&[], 0),
        ] {
            let is_clear = true;
            assert_eq!(of(names), PositiveLabel { index, is_clear }, "{names:?}");
        }
    }

    #[test]
    fn one_finding_denied_is_not_nothing_found() {
        for (label, expected) in [
            ("No_findings", true),
            ("NORMAL", true),
            ("Ohne Befund", true),
            ("No_Pneumonia", false),
            ("0", false),
            ("benign", false),
        ] {
            assert_eq!(says_nothing_found(label), expected, "{label}");
        }
    }
}

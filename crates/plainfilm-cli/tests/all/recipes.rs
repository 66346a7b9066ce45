//! `recipes`, and `train --recipe`.

use crate::program::{Scratch, assert_code, plainfilm, stderr, stdout, text, train};

#[test]
fn recipes_are_listed_and_printed() {
    let listed = plainfilm(&["recipes"]);
    assert_code(&listed, 0);
    let json = plainfilm(&["recipes", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&json)).expect("JSON");
    let names: Vec<&str> = json
        .as_array()
        .expect("a list")
        .iter()
        .map(|recipe| recipe["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        names,
        [
            "default",
            "linear-probe",
            "notebook",
            "pyimagesearch",
            "darkcovidnet",
            "plants"
        ]
    );
    for name in names {
        assert!(stdout(&listed).contains(name), "{name}");
        assert!(stdout(&plainfilm(&["recipes", name])).contains("model = "));
    }
    let unknown = plainfilm(&["recipes", "notebok"]);
    assert_code(&unknown, 2);
    assert!(stderr(&unknown).contains("hint: notebook?"));
}

#[test]
fn a_printed_recipe_is_a_settings_file_and_a_run_remembers_its_name() {
    let scratch = Scratch::with_films(40);
    let (films, path) = (scratch.path("films"), scratch.path("recipe.toml"));
    std::fs::write(&path, stdout(&plainfilm(&["recipes", "darkcovidnet"]))).unwrap();
    let recipes: [(&str, [&str; 2]); 2] = [
        ("named", ["--recipe", "darkcovidnet"]),
        ("file", ["--settings", text(&path)]),
    ];
    let settings = recipes.map(|(run, arguments)| {
        assert_code(&train(&films, &scratch.path(run), &arguments), 0);
        std::fs::read_to_string(scratch.path(run).join("settings.toml")).unwrap()
    });
    let [named, file] = settings;
    let name = "recipe = \"darkcovidnet\"\n";
    assert!(named.contains(name), "{named}");
    assert_eq!(named.replace(name, ""), file);
}

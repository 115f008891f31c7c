//! The documentation of features.

use std::fs;

use crate::workspace::{metadata, root};

#[test]
fn every_feature_of_a_library_is_in_a_table_of_its_readme() {
    let metadata = metadata(root(), &["--no-deps"]).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let is_library =
            package["publish"].is_null() && name.starts_with("hc") && name != "hcc-cli";
        if !is_library || name == "hcc-console-page" {
            continue;
        }
        let readme = fs::read_to_string(root().join(name).join("README.md")).unwrap();
        let tables: Vec<_> = readme
            .lines()
            .filter(|line| line.starts_with('|'))
            .collect();
        for feature in package["features"].as_object().unwrap().keys() {
            let named = format!("`{feature}`");
            let is_documented = tables.iter().any(|row| row.contains(&named));
            assert!(feature == "default" || is_documented, "{name}: {feature}");
        }
    }
}

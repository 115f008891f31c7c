//! The documentation of features.

use std::fs;
use std::path::Path;

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
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let readme = fs::read_to_string(manifest.with_file_name("README.md")).unwrap();
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

//! Reading this very repository.

use super::*;

#[test]
fn the_repository_is_read_without_what_was_built() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = Tree::read(package).expect("the package can be read");
    assert!(tree.has("src/tidy") && tree.has("src/tidy/tree.rs") && tree.has(""));
    assert!(tree.text("src/tidy/tree.rs").is_some_and(|text| text.starts_with("//! ")));
    assert!(tree.paths().all(|path| !path.starts_with("target") && !path.starts_with(".git/")));
}

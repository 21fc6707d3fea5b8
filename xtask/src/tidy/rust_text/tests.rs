//! The scanner on the awkward corners of Rust's syntax.

use super::*;

fn code(text: &str) -> String {
    RustText::new(text).only(&[Kind::Code])
}

#[test]
fn comments_and_documentation_are_told_apart() {
    let text = RustText::new("//! a\n/// b\n// c\n//// d\ne /* f /* g */ h */ i\n");
    assert_eq!(text.only(&[Kind::Doc]), "//! a\n/// b\n    \n      \n                     \n");
    let comments = text.only(&[Kind::Comment]);
    assert!(comments.contains("// c") && comments.contains("//// d"));
    assert!(comments.contains("/* f /* g */ h */"));
    assert_eq!(text.only(&[Kind::Code]).split_whitespace().collect::<Vec<_>>(), ["e", "i"]);
}

#[test]
fn strings_hide_what_looks_like_code_or_comments() {
    assert_eq!(code(r#"a("// \" {", b"}")"#).replace(' ', ""), "a(,b)");
    assert_eq!(code("a(r#\"\" // {\"#, br\"\\\")").replace(' ', ""), "a(,b)");
}

#[test]
fn characters_are_texts_and_lifetimes_are_code() {
    assert_eq!(code("'{' '\\'' '\u{e9}' 'a' b<'a>").replace(' ', ""), "b<'a>");
    assert_eq!(code("r#type + for_r\"x\""), "r#type + for_r   ");
}

#[test]
fn a_test_module_is_test_and_the_rest_is_not() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { \"}\" }\n}\nfn c() {}\n";
    assert_eq!(RustText::new(text).test_lines(), [false, true, true, true, true, false]);
}

#[test]
fn a_test_item_without_a_body_ends_at_its_semicolon() {
    let text = "#[cfg(test)]\nuse a::{b, c};\nfn d() {}\n#[cfg(test)]\nmod tests;\nfn e() {}\n";
    // The braces of the import close first, one byte before its semicolon: the same line.
    assert_eq!(RustText::new(text).test_lines(), [true, true, false, true, true, false]);
}

#[test]
fn unfinished_literals_end_with_the_file() {
    for text in ["\"a", "'\\", "r#\"a", "/* a", "'", "\u{e9}'\u{e9}", "r"] {
        assert_eq!(RustText::new(text).only(&[Kind::Code]).len(), text.len());
    }
}

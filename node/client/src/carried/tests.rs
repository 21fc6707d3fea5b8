//! A document comes back from its line, and nothing else does.
use quorate_types::NodeId;

use super::{from_hex, from_text, to_hex, to_line};

#[test]
fn a_document_comes_back_from_its_line() {
    let id = NodeId::new([0xa5; 32]);
    let line = to_line("label-1", &id);
    assert!(line.starts_with("label-1:a5a5"));
    assert_eq!(from_text::<NodeId>("label-1", &format!("  {line}\r\n")), Ok(id));
}

#[test]
fn another_document_or_a_cut_line_is_named() {
    let line = to_line("label-1", &NodeId::new([0xab; 32]));
    let reason = |label, text: &str| from_text::<NodeId>(label, text).unwrap_err();
    assert!(reason("label-2", &line).contains("does not begin with `label-2:`"));
    assert!(reason("label-1", "").contains("does not begin"));
    assert!(reason("label-1", &line[..line.len() - 1]).contains("cut short"));
    assert!(reason("label-1", &line[..line.len() - 2]).contains("damaged"));
    assert!(reason("label-1", &line.to_uppercase().replace("LABEL", "label")).contains("digits"));
}

#[test]
fn hexadecimal_digits_have_one_form() {
    assert_eq!(to_hex(&[0, 255, 16]), "00ff10");
    assert_eq!(from_hex("00ff10"), Some(vec![0, 255, 16]));
    assert_eq!((from_hex("0"), from_hex("0G"), from_hex("FF")), (None, None, None));
}

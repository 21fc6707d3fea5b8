//! The printed form is a contract: editors jump to `file:line`.

use super::*;

#[test]
fn a_finding_is_printed_as_place_rule_message_remedy() {
    let finding = Finding::new("a/b.rs", "width", "101 columns".to_owned()).at(7).remedy("wrap it");
    assert_eq!(finding.to_string(), "a/b.rs:7: width: 101 columns: wrap it");
}

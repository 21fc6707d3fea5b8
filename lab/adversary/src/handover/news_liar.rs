//! Byzantine member that tells recipients of a log that does not exist: fewer dealings than there
//! are, in another order, or what it said before.

use quorate_membership::handover::message::Message;
use quorate_membership::handover::{News, Stage};

use super::{Context, Deeds, Holdings, Sending, Villain, instead};

/// Changes the choice of dealings in the news that it tells.
#[derive(Default, Debug)]
pub(super) struct NewsLiar {
    first: Option<Box<News>>,
}

impl Villain<Holdings> for NewsLiar {
    fn name(&self) -> &'static str {
        "news-liar"
    }

    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending, deeds: &mut Deeds) {
        let Message::News(news) = &sending.message.message else { return deeds.pass(sending) };
        let mut lie = news.clone();
        if let Stage::Dealing(underway) = &mut lie.stage {
            underway.dealings.reverse();
            underway.dealings.truncate(1);
        }
        if context.prng.chance(300) {
            lie.clone_from(self.first.get_or_insert_with(|| news.clone()));
        }
        deeds.mark("liar.news_wrong");
        deeds.pass(instead(&sending, Message::News(lie)));
    }
}

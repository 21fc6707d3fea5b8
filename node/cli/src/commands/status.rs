//! `quorate status`: does every group serve, how many more failures can each take, and what was
//! found of servers?

use clap::Args;
use serde_json::Value;

use super::condition::Condition;
use super::session::ClusterArguments;
use crate::answer::Answer;
use crate::failure::Failure;

/// Which cluster.
#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
}

pub(crate) fn run(arguments: &StatusArguments, json: bool) -> Result<Answer, Failure> {
    let condition = Condition::of(&arguments.cluster, json).map_err(Failure::into_not_serving)?;
    let text = condition.lines().join("\n");
    let answer = Answer { text, json: Value::Object(condition.facts()) };
    match condition.failure() {
        None => Ok(answer),
        Some(failure) => {
            // What is up is worth as much as that it is not enough.
            answer.print(json);
            Err(failure)
        }
    }
}

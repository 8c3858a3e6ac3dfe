use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Statements for one purpose that are kept one by one; where there are more, one of them stands for all. It is our own
/// choice: who reads a plan sees from so many how a question goes on.
const KEPT: usize = 4;

/// A statement that was sent to find something out before anything is read.
///
/// What opens a connection or a transaction, or ends it, is no question and has no probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What it was for, in a few words.
    pub purpose: String,
    /// The text that was sent; of several statements for one purpose, that of the first.
    pub statement: String,
    /// How many statements this stands for: 1, unless [`Probe::gather`] has put several together. They differ from the
    /// first in their values, and in how many questions they ask at once.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub times: u64,
    /// How long it took, in milliseconds; all of them in sum.
    pub milliseconds: u64,
    /// Rows that it returned; all of them in sum.
    pub rows: u64,
    /// Why it failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Probe {
    /// Puts together what was asked again and again: of more than 4 statements for one purpose the first stays, in its
    /// place, for all of them. One that failed stays as it is.
    ///
    /// To cut a table into a thousand pieces takes as many statements, or a megabyte of them, which nobody reads.
    pub fn gather(probes: Vec<Self>) -> Vec<Self> {
        let mut sent = BTreeMap::<String, usize>::new();
        for probe in probes.iter().filter(|probe| probe.error.is_none()) {
            *sent.entry(probe.purpose.clone()).or_default() += 1;
        }
        let mut gathered: Vec<Self> = Vec::new();
        let mut places = BTreeMap::<String, usize>::new();
        for probe in probes {
            if probe.error.is_some() || sent.get(&probe.purpose).is_none_or(|sent| *sent <= KEPT) {
                gathered.push(probe);
                continue;
            }
            match places.get(&probe.purpose).and_then(|place| gathered.get_mut(*place)) {
                Some(first) => {
                    first.times += probe.times;
                    first.milliseconds += probe.milliseconds;
                    first.rows += probe.rows;
                }
                None => {
                    places.insert(probe.purpose.clone(), gathered.len());
                    gathered.push(probe);
                }
            }
        }
        gathered
    }
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_one(times: &u64) -> bool {
    *times == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(purpose: &str, statement: &str) -> Probe {
        Probe {
            purpose: purpose.to_owned(),
            statement: statement.to_owned(),
            times: 1,
            milliseconds: 2,
            rows: 3,
            error: None,
        }
    }

    #[test]
    fn what_is_asked_again_and_again_stands_once() {
        let mut sent = vec![probe("the table", "t")];
        for number in 0..7 {
            sent.push(probe("a key", &format!("k{number}")));
            if number % 2 == 0 {
                sent.push(probe("an estimate", &format!("e{number}")));
            }
        }
        sent.push(Probe { error: Some("no".to_owned()), ..probe("a key", "k7") });
        let found = Probe::gather(sent.clone());
        let written: Vec<_> =
            found.iter().map(|it| (it.statement.as_str(), it.times, it.milliseconds, it.rows)).collect();
        assert_eq!(
            written,
            [
                ("t", 1, 2, 3),
                ("k0", 7, 14, 21),
                ("e0", 1, 2, 3),
                ("e2", 1, 2, 3),
                ("e4", 1, 2, 3),
                ("e6", 1, 2, 3),
                ("k7", 1, 2, 3)
            ]
        );
        let times = |probes: &[Probe]| probes.iter().map(|probe| probe.times).sum::<u64>();
        assert_eq!(times(&found), times(&sent));
        // Nothing is left to put together.
        assert_eq!(Probe::gather(found.clone()), found);
    }
}

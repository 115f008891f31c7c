//! What all processes have written down, and whether the promises were kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::recorded::{Fact, Line};

/// What all processes have written down.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    lines: Vec<Line>,
    /// Pushes that were confirmed.
    pub(super) pushed: usize,
    /// Acks that were confirmed.
    pub(super) acked: usize,
}

/// What was promised and not kept, a text for each case.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Verdict {
    /// Confirmed by push, and never acknowledged by anybody.
    pub(super) lost: Vec<String>,
    /// Acknowledged twice, or leased after it was acknowledged.
    pub(super) twice: Vec<String>,
    /// Two valid leases for one server at one time.
    pub(super) overlaps: Vec<String>,
    /// Begun before what was pushed earlier for that server was gone.
    pub(super) disorder: Vec<String>,
    /// Given up, although each may be tried for ever.
    pub(super) dead: Vec<String>,
}

/// The life of one command.
#[derive(Default)]
struct Life<'a> {
    server: &'a str,
    pushing: Option<Duration>,
    /// When what waits was confirmed first.
    pushed: Option<Duration>,
    leases: BTreeMap<i64, Tenure>,
    acked: Vec<Duration>,
    /// When a lease was confirmed first.
    begun: Option<Duration>,
}

/// One lease.
struct Tenure {
    since: Duration,
    confirmed: Duration,
    until: Duration,
    /// When its end began to be asked for.
    left: Option<Duration>,
    /// When an ack was begun, unless it was refused.
    acking: Option<Duration>,
}

impl Tenure {
    /// The time in which nobody else may have had the command.
    fn span(&self) -> (Duration, Duration) {
        let end = self.left.map_or(self.until, |left| left.min(self.until));
        (self.confirmed, end)
    }
}

impl Life<'_> {
    /// When it may have been gone at the earliest; `None` if it never was.
    fn gone(&self) -> Option<Duration> {
        let acks = self.leases.values().filter_map(|lease| lease.acking);
        acks.min()
    }
}

impl Ledger {
    pub(super) fn add(&mut self, line: Line) {
        match line.fact {
            Fact::Pushed { .. } => self.pushed += 1,
            Fact::Acked { .. } => self.acked += 1,
            _ => {}
        }
        self.lines.push(line);
    }

    /// How long after a moment the first ack was confirmed that was begun later.
    pub(super) fn next_ack(&self, after: Duration) -> Option<Duration> {
        let mut begun = BTreeSet::new();
        let (mut later, mut first) = (Vec::new(), None);
        later.extend(self.lines.iter().filter(|line| line.at >= after));
        later.sort_by_key(|line| line.at);
        for line in later {
            match &line.fact {
                Fact::Acking { id, token } => {
                    begun.insert((id, token));
                }
                Fact::Acked { id, token } if begun.contains(&(id, token)) => {
                    first = Some(line.at - after);
                    break;
                }
                _ => {}
            }
        }
        first
    }

    /// How many leases there were beyond one for each command.
    pub(super) fn repeated(&self) -> usize {
        let lives = self.lives();
        let leases = lives.values().map(|life| life.leases.len());
        leases.map(|leases| leases.saturating_sub(1)).sum()
    }

    /// What was promised and not kept.
    pub(super) fn verdict(&self) -> Verdict {
        let lives = self.lives();
        let mut verdict = Verdict {
            disorder: self.late_merges(&lives),
            ..Verdict::default()
        };
        let mut servers: BTreeMap<&str, Vec<(&str, &Life<'_>)>> = BTreeMap::new();
        for (&id, life) in &lives {
            if life.pushed.is_some() && life.gone().is_none() {
                verdict.lost.push(id.to_owned());
            }
            let first = life.acked.iter().min();
            let again = |lease: &Tenure| first.is_some_and(|&first| lease.since > first);
            if life.acked.len() > 1 || life.leases.values().any(again) {
                verdict.twice.push(id.to_owned());
            }
            servers.entry(life.server).or_default().push((id, life));
        }
        for (server, lives) in servers {
            verdict.overlaps.extend(overlaps(server, &lives));
            verdict.disorder.extend(disorder(server, &lives));
        }
        let dead = self.lines.iter().filter_map(|line| match &line.fact {
            Fact::Burying { id, .. } => Some(id.clone()),
            _ => None,
        });
        verdict.dead.extend(dead);
        verdict
    }

    fn lives(&self) -> BTreeMap<&str, Life<'_>> {
        let mut lives: BTreeMap<&str, Life<'_>> = BTreeMap::new();
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by_key(|line| line.at);
        for Line { at, fact } in lines {
            match fact {
                Fact::Pushing { id, server } => {
                    let life = lives.entry(id).or_default();
                    life.server = server;
                    life.pushing = Some(*at);
                }
                Fact::Pushed { kept, .. } => {
                    let life = lives.entry(kept).or_default();
                    life.pushed.get_or_insert(*at);
                }
                Fact::Leased {
                    id,
                    server,
                    token,
                    since,
                    until,
                } => {
                    let life = lives.entry(id).or_default();
                    life.server = server;
                    life.begun.get_or_insert(*at);
                    let tenure = Tenure {
                        since: *since,
                        confirmed: *at,
                        until: *until,
                        left: None,
                        acking: None,
                    };
                    let before = life.leases.insert(*token, tenure);
                    assert!(before.is_none(), "token {token} of {id} was given twice");
                }
                Fact::Extended { id, token, until } => {
                    tenure(&mut lives, id, *token).until = *until;
                }
                Fact::Acking { id, token } => {
                    let tenure = tenure(&mut lives, id, *token);
                    tenure.left = Some(*at);
                    tenure.acking = Some(*at);
                }
                Fact::Acked { id, .. } => lives.entry(id).or_default().acked.push(*at),
                Fact::Refused { id, token } => tenure(&mut lives, id, *token).acking = None,
                Fact::Releasing { id, token } | Fact::Burying { id, token } => {
                    tenure(&mut lives, id, *token).left = Some(*at);
                }
            }
        }
        lives
    }

    /// Wishes that were merged into one that a worker already had.
    fn late_merges(&self, lives: &BTreeMap<&str, Life<'_>>) -> Vec<String> {
        let merges = self.lines.iter().filter_map(|line| match &line.fact {
            Fact::Pushed { id, kept } if id != kept => Some((&**id, &**kept)),
            _ => None,
        });
        let late = merges.filter(|(id, kept)| {
            let (Some(pushing), Some(begun)) = (lives[id].pushing, lives[kept].begun) else {
                return false;
            };
            begun < pushing
        });
        late.map(|(id, kept)| format!("{id} became {kept}, which had begun"))
            .collect()
    }
}

fn tenure<'a, 'b>(
    lives: &'a mut BTreeMap<&'b str, Life<'_>>,
    id: &'b str,
    token: i64,
) -> &'a mut Tenure {
    let life = lives.entry(id).or_default();
    let tenure = life.leases.get_mut(&token);
    tenure.expect("who has a lease has written that down")
}

/// Leases for one server that were valid together.
fn overlaps(server: &str, lives: &[(&str, &Life<'_>)]) -> Vec<String> {
    let mut spans: Vec<_> = lives
        .iter()
        .flat_map(|(id, life)| life.leases.values().map(move |lease| (lease.span(), *id)))
        .collect();
    spans.sort_unstable();
    let (mut end, mut holder) = (Duration::ZERO, "");
    let mut found = Vec::new();
    for ((from, until), id) in spans {
        if from < end {
            let by = (end - from).as_secs_f64() * 1000.0;
            found.push(format!("{server}: {id} and {holder}, {by:.1} ms"));
        }
        if until > end {
            (end, holder) = (until, id);
        }
    }
    found
}

/// Commands for one server that were begun before another was gone, which had
/// been confirmed before they were pushed.
fn disorder(server: &str, lives: &[(&str, &Life<'_>)]) -> Vec<String> {
    let mut confirmed: Vec<_> = lives
        .iter()
        .filter_map(|(id, life)| Some((life.pushed?, life.gone()?, *id)))
        .collect();
    confirmed.sort_unstable();
    let mut begun: Vec<_> = lives
        .iter()
        .filter_map(|(id, life)| Some((life.pushing?, life.begun?, *id)))
        .collect();
    begun.sort_unstable();
    let mut earlier = confirmed.into_iter().peekable();
    let (mut latest, mut holder) = (Duration::ZERO, "");
    let mut found = Vec::new();
    for (pushing, begun, id) in begun {
        while let Some((_, gone, before)) = earlier.next_if(|(pushed, ..)| *pushed < pushing) {
            if gone > latest {
                (latest, holder) = (gone, before);
            }
        }
        if begun < latest {
            found.push(format!("{server}: {id} before {holder}"));
        }
    }
    found
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} lost, {} done twice, {} at once, {} out of order",
            self.lost.len(),
            self.twice.len(),
            self.overlaps.len(),
            self.disorder.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_and_done_in_order_breaks_no_promise() {
        let facts = ["a", "b"].map(|id| [pushed(id), leased(id, 1), acked(id, 1)].concat());

        assert_eq!(judge(facts.concat()), Verdict::default());
    }

    #[test]
    fn command_that_nobody_acknowledged_is_lost() {
        let refused = Fact::Refused {
            id: "a".to_owned(),
            token: 1,
        };
        let facts = [pushed("a"), leased("a", 1), vec![acking("a", 1), refused]];

        let verdict = judge(facts.concat());

        assert_eq!(verdict.lost, ["a"]);
    }

    #[test]
    fn ack_without_an_answer_may_have_happened() {
        let facts = [pushed("a"), leased("a", 1), vec![acking("a", 1)]];

        assert_eq!(judge(facts.concat()), Verdict::default());
    }

    #[test]
    fn command_that_is_leased_after_its_ack_is_done_twice() {
        let facts = [pushed("a"), leased("a", 1), acked("a", 1), leased("a", 2)];

        let verdict = judge(facts.concat());

        assert_eq!(verdict.twice, ["a"]);
    }

    #[test]
    fn two_acks_are_seen_though_both_leases_came_before() {
        let facts = [
            pushed("a"),
            leased("a", 1),
            leased("a", 2),
            acked("a", 1),
            acked("a", 2),
        ];

        let verdict = judge(facts.concat());

        assert_eq!(verdict.twice, ["a"]);
        assert_eq!(verdict.overlaps.len(), 1);
    }

    #[test]
    fn server_with_two_leases_is_seen() {
        let facts = [pushed("a"), pushed("b"), leased("a", 1), leased("b", 1)];
        let ends = [acked("a", 1), acked("b", 1)];

        let verdict = judge([facts.concat(), ends.concat()].concat());

        assert_eq!(verdict.overlaps.len(), 1, "{verdict:?}");
        assert_eq!(verdict.disorder, ["web: b before a"]);
    }

    #[test]
    fn wish_that_is_merged_into_one_that_has_begun_is_seen() {
        let merged = vec![
            pushing("b"),
            Fact::Pushed {
                id: "b".to_owned(),
                kept: "a".to_owned(),
            },
        ];
        let facts = [pushed("a"), leased("a", 1), merged, acked("a", 1)];

        let verdict = judge(facts.concat());

        assert_eq!(verdict.disorder, ["b became a, which had begun"]);
    }

    /// The verdict on facts a second apart, each lease good for an hour.
    fn judge(facts: Vec<Fact>) -> Verdict {
        let mut ledger = Ledger::default();
        for (second, mut fact) in (1..).zip(facts) {
            let at = Duration::from_secs(second);
            if let Fact::Leased { since, until, .. } = &mut fact {
                *since = at;
                *until = at + Duration::from_secs(60 * 60);
            }
            ledger.add(Line { at, fact });
        }
        ledger.verdict()
    }

    fn pushed(id: &str) -> Vec<Fact> {
        let (id, kept) = (id.to_owned(), id.to_owned());
        vec![pushing(&kept), Fact::Pushed { id, kept }]
    }

    fn pushing(id: &str) -> Fact {
        Fact::Pushing {
            id: id.to_owned(),
            server: "web".to_owned(),
        }
    }

    fn leased(id: &str, token: i64) -> Vec<Fact> {
        vec![Fact::Leased {
            id: id.to_owned(),
            server: "web".to_owned(),
            token,
            since: Duration::ZERO,
            until: Duration::ZERO,
        }]
    }

    fn acking(id: &str, token: i64) -> Fact {
        let id = id.to_owned();
        Fact::Acking { id, token }
    }

    fn acked(id: &str, token: i64) -> Vec<Fact> {
        let acked = Fact::Acked {
            id: id.to_owned(),
            token,
        };
        vec![acking(id, token), acked]
    }
}

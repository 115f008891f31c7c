//! The reports of all processes, and the check of the guarantees.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::recorded::{Fact, Line};

/// The reports of all processes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    lines: Vec<Line>,
    /// The number of confirmed pushes.
    pub(super) pushed: usize,
    /// The number of confirmed acks.
    pub(super) acked: usize,
}

/// The violations of each guarantee.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Verdict {
    /// Confirmed pushes that were never acknowledged.
    pub(super) lost: Vec<String>,
    /// Commands that were acknowledged twice, or leased after they were acknowledged.
    pub(super) twice: Vec<String>,
    /// Two valid leases for one server at the same time.
    pub(super) overlaps: Vec<String>,
    /// Commands that were leased before an earlier one of their server was gone.
    pub(super) disorder: Vec<String>,
    /// Dead letters, although attempts are unlimited.
    pub(super) dead: Vec<String>,
}

/// The life of one command.
#[derive(Default)]
struct Life<'a> {
    server: &'a str,
    pushing: Option<Duration>,
    /// When its push was first confirmed.
    pushed: Option<Duration>,
    leases: BTreeMap<i64, Tenure>,
    acked: Vec<Duration>,
    /// When its first lease was confirmed.
    started: Option<Duration>,
}

/// One lease.
struct Tenure {
    since: Duration,
    confirmed: Duration,
    until: Duration,
    /// When its ack, release or burial began.
    ended: Option<Duration>,
    /// When its ack began, unless that failed.
    acking: Option<Duration>,
}

impl Tenure {
    /// The time in which no other worker may have the command.
    fn span(&self) -> (Duration, Duration) {
        let end = self.ended.map_or(self.until, |ended| ended.min(self.until));
        (self.confirmed, end)
    }
}

impl Life<'_> {
    /// The earliest time at which it may have been gone; `None` if it never was.
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

    /// How long after a time the first later ack was confirmed.
    pub(super) fn next_ack(&self, after: Duration) -> Option<Duration> {
        let mut started = BTreeSet::new();
        let (mut later, mut first) = (Vec::new(), None);
        later.extend(self.lines.iter().filter(|line| line.at >= after));
        later.sort_by_key(|line| line.at);
        for line in later {
            match &line.fact {
                Fact::Acking { id, token } => {
                    started.insert((id, token));
                }
                Fact::Acked { id, token } if started.contains(&(id, token)) => {
                    first = Some(line.at - after);
                    break;
                }
                _ => {}
            }
        }
        first
    }

    /// The number of leases beyond the first of each command.
    pub(super) fn repeated(&self) -> usize {
        let lives = self.lives();
        let leases = lives.values().map(|life| life.leases.len());
        leases.map(|leases| leases.saturating_sub(1)).sum()
    }

    /// The violations.
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
        let killed = lines.iter().filter_map(|line| match line.fact {
            Fact::Killing { worker } => Some((worker, line.at)),
            _ => None,
        });
        let killed: BTreeMap<u32, Duration> = killed.collect();
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
                    worker,
                    since,
                    until,
                } => {
                    let killed = worker.and_then(|worker| killed.get(&worker));
                    let until = killed.map_or(*until, |killed| *until.min(killed));
                    let life = lives.entry(id).or_default();
                    life.server = server;
                    life.started.get_or_insert(*at);
                    let tenure = Tenure {
                        since: *since,
                        confirmed: *at,
                        until,
                        ended: None,
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
                    tenure.ended = Some(*at);
                    tenure.acking = Some(*at);
                }
                Fact::Acked { id, .. } => lives.entry(id).or_default().acked.push(*at),
                Fact::Refused { id, token } => tenure(&mut lives, id, *token).acking = None,
                Fact::Killing { .. } => {}
                Fact::Releasing { id, token } | Fact::Burying { id, token } => {
                    tenure(&mut lives, id, *token).ended = Some(*at);
                }
            }
        }
        lives
    }

    /// Duplicates that were coalesced with a command that was already leased.
    fn late_merges(&self, lives: &BTreeMap<&str, Life<'_>>) -> Vec<String> {
        let merges = self.lines.iter().filter_map(|line| match &line.fact {
            Fact::Pushed { id, kept } if id != kept => Some((&**id, &**kept)),
            _ => None,
        });
        let late = merges.filter(|(id, kept)| {
            let (Some(pushing), Some(started)) = (lives[id].pushing, lives[kept].started) else {
                return false;
            };
            started < pushing
        });
        late.map(|(id, kept)| format!("{id} became {kept}, which was leased"))
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
    tenure.expect("each lease is recorded")
}

/// Leases for one server that were valid at the same time.
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

/// Commands for one server that were leased before another was gone that had been confirmed
/// before they were pushed.
fn disorder(server: &str, lives: &[(&str, &Life<'_>)]) -> Vec<String> {
    let mut confirmed: Vec<_> = lives
        .iter()
        .filter_map(|(id, life)| Some((life.pushed?, life.gone()?, *id)))
        .collect();
    confirmed.sort_unstable();
    let mut started: Vec<_> = lives
        .iter()
        .filter_map(|(id, life)| Some((life.pushing?, life.started?, *id)))
        .collect();
    started.sort_unstable();
    let mut earlier = confirmed.into_iter().peekable();
    let (mut latest, mut holder) = (Duration::ZERO, "");
    let mut found = Vec::new();
    for (pushing, started, id) in started {
        while let Some((_, gone, before)) = earlier.next_if(|(pushed, ..)| *pushed < pushing) {
            if gone > latest {
                (latest, holder) = (gone, before);
            }
        }
        if started < latest {
            found.push(format!("{server}: {id} before {holder}"));
        }
    }
    found
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} lost, {} completed twice, {} overlapping, {} out of order",
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
    fn commands_in_order_violate_no_guarantee() {
        let facts = ["a", "b"].map(|id| [pushed(id), leased(id, 1), acked(id, 1)].concat());

        assert_eq!(verdict(facts.concat()), Verdict::default());
    }

    #[test]
    fn command_without_an_ack_is_lost() {
        let refused = Fact::Refused {
            id: "a".to_owned(),
            token: 1,
        };
        let facts = [pushed("a"), leased("a", 1), vec![acking("a", 1), refused]];

        let verdict = verdict(facts.concat());

        assert_eq!(verdict.lost, ["a"]);
    }

    #[test]
    fn ack_without_a_response_may_have_happened() {
        let facts = [pushed("a"), leased("a", 1), vec![acking("a", 1)]];

        assert_eq!(verdict(facts.concat()), Verdict::default());
    }

    #[test]
    fn command_that_is_leased_after_its_ack_is_found() {
        let facts = [pushed("a"), leased("a", 1), acked("a", 1), leased("a", 2)];

        let verdict = verdict(facts.concat());

        assert_eq!(verdict.twice, ["a"]);
    }

    #[test]
    fn two_acks_are_found_if_both_leases_were_earlier() {
        let facts = [
            pushed("a"),
            leased("a", 1),
            leased("a", 2),
            acked("a", 1),
            acked("a", 2),
        ];

        let verdict = verdict(facts.concat());

        assert_eq!(verdict.twice, ["a"]);
        assert_eq!(verdict.overlaps.len(), 1);
    }

    #[test]
    fn server_with_two_leases_is_found() {
        let facts = [pushed("a"), pushed("b"), leased("a", 1), leased("b", 1)];
        let ends = [acked("a", 1), acked("b", 1)];

        let verdict = verdict([facts.concat(), ends.concat()].concat());

        assert_eq!(verdict.overlaps.len(), 1, "{verdict:?}");
        assert_eq!(verdict.disorder, ["web: b before a"]);
    }

    #[test]
    fn coalescing_with_a_leased_command_is_found() {
        let merged = vec![
            pushing("b"),
            Fact::Pushed {
                id: "b".to_owned(),
                kept: "a".to_owned(),
            },
        ];
        let facts = [pushed("a"), leased("a", 1), merged, acked("a", 1)];

        let verdict = verdict(facts.concat());

        assert_eq!(verdict.disorder, ["b became a, which was leased"]);
    }

    #[test]
    fn lease_of_a_worker_ends_when_that_is_killed() {
        let of_worker = |mut facts: Vec<Fact>| {
            if let Fact::Leased { worker, .. } = &mut facts[0] {
                *worker = Some(7);
            }
            facts
        };
        let killing = vec![Fact::Killing { worker: 7 }];
        let again = [leased("a", 2), acked("a", 2)].concat();
        let first = [pushed("a"), of_worker(leased("a", 1))].concat();

        let killed = [first.clone(), killing, again.clone()];
        assert_eq!(verdict(killed.concat()), Verdict::default());
        let alive = [first, again];
        assert_eq!(verdict(alive.concat()).overlaps.len(), 1);
    }

    /// The verdict on facts one second apart, with leases of an hour.
    fn verdict(facts: Vec<Fact>) -> Verdict {
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
            worker: None,
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

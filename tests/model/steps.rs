//! The model: which steps there are, and what each does.

use std::collections::BTreeMap;

use stateright::{Model, Property};

use crate::protocol::{
    Call, Check, Faults, Hearing, LEASE, Lookup, Node, Omitted, Phase, Renewal, RenewalStep, RowId, Seen, State, Writer,
};

pub const PROMISE: &str = "no check that begins after T0 succeeds";

/// One protocol, in one situation.
#[derive(Clone, Debug)]
pub struct Situation {
    pub nodes: usize,
    /// One for each writer.
    pub calls: Vec<Call>,
    /// The writers are one process: what is heard of a later round counts for the earlier ones.
    pub one_process: bool,
    /// The nodes have joined, hold a lease and remember the user.
    pub warm: bool,
    pub faults: Faults,
    /// How often a node renews in one life.
    pub renewals: u8,
    /// For how long a node trusts its lease.
    pub trust: u8,
    pub omitted: Omitted,
    /// Look for examples too: a model in which nothing happens would keep the promise as well.
    pub examples: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Tick(Pace),
    Node(usize, NodeStep),
    Writer(usize, WriterStep),
}

/// How the clocks go on in one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Even,
    MissedByNode(usize),
    CountedTwiceByWriter(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeStep {
    Join,
    BeginRenewal,
    ReadLog,
    Apply,
    UpdateRow,
    EndRenewal,
    Hear(usize),
    Acknowledge,
    AcknowledgeInVain,
    BeginLookup,
    ReadDatabase,
    FillIn,
    BeginCheck,
    GoOnWithCheck,
    LoseConnection,
    Crash,
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterStep {
    Commit,
    Crash,
    ReadClock,
    ReadRows,
    Notify,
    ReturnByAcknowledgement,
    ReturnByTime,
    LoseDatabase,
    JoinRound,
    ReturnWithRound,
}

/// The steps to think of in the state that a node is in.
fn steps_of_node(node: &Node) -> Vec<NodeStep> {
    let renewal = match node.renewal.map(|renewal| renewal.step) {
        None => NodeStep::BeginRenewal,
        Some(RenewalStep::Begun) => NodeStep::ReadLog,
        Some(RenewalStep::Read(_)) => NodeStep::Apply,
        Some(RenewalStep::Applied) => NodeStep::UpdateRow,
        Some(RenewalStep::Updated { .. }) => NodeStep::EndRenewal,
    };
    let lookup = match node.lookup {
        None => NodeStep::BeginLookup,
        Some(Lookup::Begun(_)) => NodeStep::ReadDatabase,
        Some(Lookup::Read(_)) => NodeStep::FillIn,
    };
    let check = if node.check == Check::None { NodeStep::BeginCheck } else { NodeStep::GoOnWithCheck };
    let mut steps = vec![lookup, check];
    if node.joined {
        steps.extend([renewal, NodeStep::LoseConnection, NodeStep::Crash, NodeStep::Stop]);
        if node.hearing.is_some() {
            steps.extend([NodeStep::Acknowledge, NodeStep::AcknowledgeInVain]);
        } else {
            steps.extend(node.notices.iter().map(|writer| NodeStep::Hear(*writer)));
        }
    } else {
        steps.push(NodeStep::Join);
    }
    steps
}

/// The steps to think of in the state that a writer is in.
fn steps_of_writer(writer: &Writer) -> &'static [WriterStep] {
    match writer.phase {
        Phase::Idle => &[WriterStep::Commit],
        Phase::Committed => &[
            WriterStep::Crash,
            WriterStep::ReadClock,
            WriterStep::ReadRows,
            WriterStep::LoseDatabase,
            WriterStep::JoinRound,
        ],
        Phase::ReadTheClock => &[WriterStep::ReadRows],
        Phase::ReadTheRows => &[WriterStep::Notify, WriterStep::LoseDatabase],
        Phase::Notified => &[WriterStep::ReturnByAcknowledgement, WriterStep::ReturnByTime, WriterStep::LoseDatabase],
        Phase::Blind => &[WriterStep::ReturnByTime],
        Phase::Following => &[WriterStep::ReturnWithRound],
        Phase::Returned | Phase::Crashed => &[],
    }
}

impl Model for Situation {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut rows = BTreeMap::new();
        let mut nodes = Vec::new();
        for index in 0..self.nodes {
            let mut node = Node::outside(0);
            if self.warm {
                node.joined = true;
                node.mark = Some(0);
                node.lease = self.trust;
                node.memory = Some(0);
                rows.insert(RowId { node: index, life: 0 }, 0);
            }
            nodes.push(node);
        }
        let writers = self.calls.iter().map(|_| Writer::idle()).collect();
        vec![State { active: true, log: Vec::new(), rows, nodes, writers, left: self.faults }]
    }

    /// More than can be taken: a step that can't be gives no state.
    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(Action::Tick(Pace::Even));
        for (index, node) in state.nodes.iter().enumerate() {
            actions.push(Action::Tick(Pace::MissedByNode(index)));
            actions.extend(steps_of_node(node).into_iter().map(|step| Action::Node(index, step)));
        }
        for (index, writer) in state.writers.iter().enumerate() {
            actions.push(Action::Tick(Pace::CountedTwiceByWriter(index)));
            actions.extend(steps_of_writer(writer).iter().map(|step| Action::Writer(index, *step)));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        match action {
            Action::Tick(pace) => self.tick(last, pace),
            Action::Node(index, step) => match step {
                NodeStep::Join => self.join(last, index),
                NodeStep::BeginRenewal
                | NodeStep::ReadLog
                | NodeStep::Apply
                | NodeStep::UpdateRow
                | NodeStep::EndRenewal => self.renew(last, index, step),
                NodeStep::Hear(writer) => self.hear(last, index, writer),
                NodeStep::Acknowledge | NodeStep::AcknowledgeInVain => self.acknowledge(last, index, step),
                NodeStep::BeginLookup | NodeStep::ReadDatabase | NodeStep::FillIn => self.look_up(last, index, step),
                NodeStep::BeginCheck | NodeStep::GoOnWithCheck => self.check(last, index, step),
                NodeStep::LoseConnection | NodeStep::Crash | NodeStep::Stop => self.lose(last, index, step),
            },
            Action::Writer(index, step) => match step {
                WriterStep::Commit => self.commit(last, index),
                WriterStep::ReadRows => self.read_rows(last, index),
                WriterStep::Notify => self.notify(last, index),
                WriterStep::ReturnByAcknowledgement | WriterStep::ReturnByTime | WriterStep::ReturnWithRound => {
                    self.end(last, index, step)
                }
                WriterStep::Crash | WriterStep::ReadClock | WriterStep::LoseDatabase | WriterStep::JoinRound => {
                    self.stray(last, index, step)
                }
            },
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![Property::<Self>::always(PROMISE, |_, state: &State| {
            state.nodes.iter().all(|node| node.check != Check::Succeeded)
        })];
        if self.examples {
            properties.push(Property::<Self>::sometimes(
                "a check may succeed from memory after joining anew",
                |_, state: &State| state.nodes.iter().any(|node| node.lease > 0 && node.remembers() && node.life > 0),
            ));
            properties.push(Property::<Self>::sometimes("a call returns by acknowledgement", |_, state: &State| {
                state.writers.iter().any(|writer| writer.phase == Phase::Notified && writer.all_heard())
            }));
            properties.push(Property::<Self>::sometimes("a call returns by time", |_, state: &State| {
                state
                    .writers
                    .iter()
                    .any(|writer| writer.phase == Phase::Notified && writer.waited == LEASE && !writer.all_heard())
            }));
            properties.push(Property::<Self>::sometimes("a row is removed", |_, state: &State| {
                state.nodes.iter().enumerate().any(|(index, node)| {
                    node.joined && !state.rows.contains_key(&RowId { node: index, life: node.life })
                })
            }));
            properties.push(Property::<Self>::sometimes("a look-up may not fill in", |_, state: &State| {
                state.nodes.iter().any(|node| matches!(node.lookup, Some(Lookup::Read(place)) if place < node.changed))
            }));
        }
        properties
    }
}

/// Time.
impl Situation {
    fn tick(&self, last: &State, pace: Pace) -> Option<State> {
        let possible = match pace {
            Pace::Even => true,
            Pace::MissedByNode(index) => {
                let node = &last.nodes[index];
                let counting = node.renewal.is_some_and(|renewal| renewal.age < self.trust);
                last.left.drift > 0 && (node.lease > 0 || counting)
            }
            Pace::CountedTwiceByWriter(index) => {
                let writer = &last.writers[index];
                last.left.drift > 0 && writer.is_waiting() && writer.waited + 1 < LEASE
            }
        };
        if !possible {
            return None;
        }
        let mut next = last.clone();
        if pace != Pace::Even {
            next.left.drift -= 1;
        }
        for (index, node) in next.nodes.iter_mut().enumerate() {
            if pace != Pace::MissedByNode(index) {
                node.lease = node.lease.saturating_sub(1);
                if let Some(renewal) = &mut node.renewal {
                    renewal.age = self.trust.min(renewal.age + 1);
                }
            }
        }
        for (index, writer) in next.writers.iter_mut().enumerate() {
            if writer.is_waiting() {
                let counted = if pace == Pace::CountedTwiceByWriter(index) { 2 } else { 1 };
                writer.waited = LEASE.min(writer.waited + counted);
            }
        }
        Some(next)
    }
}

/// What nodes do.
impl Situation {
    fn join(&self, last: &State, index: usize) -> Option<State> {
        let life = last.nodes[index].life;
        if last.nodes[index].joined || life > self.faults.losses + 1 {
            return None;
        }
        let mut next = last.clone();
        next.nodes[index].joined = true;
        if self.omitted != Omitted::RowBeforeTheLog {
            next.rows.insert(RowId { node: index, life }, 0);
        }
        Some(next)
    }

    fn renew(&self, last: &State, index: usize, step: NodeStep) -> Option<State> {
        let node = &last.nodes[index];
        if !node.joined {
            return None;
        }
        let row = RowId { node: index, life: node.life };
        let Some(renewal) = node.renewal else {
            let renewed = last.rows.get(&row).copied().unwrap_or(0);
            if step != NodeStep::BeginRenewal || renewed >= self.renewals {
                return None;
            }
            let mut next = last.clone();
            next.nodes[index].renewal = Some(Renewal { age: 0, step: RenewalStep::Begun });
            return Some(next);
        };
        let age = renewal.age;
        let mut next = last.clone();
        let next_node = &mut next.nodes[index];
        match (step, renewal.step) {
            (NodeStep::ReadLog, RenewalStep::Begun) => {
                let step = if self.omitted == Omitted::LogAtRenewal && node.mark.is_some() {
                    RenewalStep::Applied
                } else {
                    RenewalStep::Read(node.since_mark(&last.log))
                };
                next_node.renewal = Some(Renewal { age, step });
                if matches!(step, RenewalStep::Read(_)) {
                    self.mark_early(next_node, &last.log);
                }
            }
            (NodeStep::Apply, RenewalStep::Read(read)) => {
                next_node.apply(read, &last.log, self.omitted);
                next_node.renewal = Some(Renewal { age, step: RenewalStep::Applied });
            }
            (NodeStep::UpdateRow, RenewalStep::Applied) => {
                let mut found = true;
                if let Some(renewals) = next.rows.get_mut(&row) {
                    *renewals += 1;
                } else if self.omitted == Omitted::RowBeforeTheLog {
                    next.rows.insert(row, 0);
                } else {
                    found = false;
                }
                next_node.renewal = Some(Renewal { age, step: RenewalStep::Updated { found } });
            }
            (NodeStep::EndRenewal, RenewalStep::Updated { found }) => {
                if found || self.omitted == Omitted::RowCheck {
                    let since = if self.omitted == Omitted::LeaseFromBefore { 0 } else { age };
                    next_node.lease = self.trust.saturating_sub(since);
                    next_node.renewal = None;
                } else {
                    *next_node = node.disconnected(self.omitted);
                }
            }
            _ => return None,
        }
        Some(next)
    }

    /// Moves the mark before what was read is applied: what a node must not do.
    fn mark_early(&self, node: &mut Node, log: &[bool]) {
        if self.omitted == Omitted::ApplyBeforeMarking && node.mark.is_some() {
            node.mark = Some(log.len());
        }
    }

    fn hear(&self, last: &State, index: usize, writer: usize) -> Option<State> {
        let node = &last.nodes[index];
        if !node.joined || node.hearing.is_some() || !node.notices.contains(&writer) {
            return None;
        }
        let mut next = last.clone();
        let next_node = &mut next.nodes[index];
        next_node.notices.remove(&writer);
        next_node.hearing = Some(Hearing { writer, read: node.since_mark(&last.log) });
        self.mark_early(next_node, &last.log);
        if self.omitted == Omitted::ApplyBeforeAcknowledging {
            self.tell(&mut next.writers, RowId { node: index, life: node.life }, writer);
        }
        Some(next)
    }

    /// Applies what was read on a notice and tells the writer, who may never hear it.
    fn acknowledge(&self, last: &State, index: usize, step: NodeStep) -> Option<State> {
        let node = &last.nodes[index];
        let hearing = node.hearing?;
        if step == NodeStep::Acknowledge && self.omitted == Omitted::ApplyBeforeAcknowledging {
            return None;
        }
        let mut next = last.clone();
        next.nodes[index].apply(hearing.read, &last.log, self.omitted);
        next.nodes[index].hearing = None;
        if step == NodeStep::Acknowledge {
            self.tell(&mut next.writers, RowId { node: index, life: node.life }, hearing.writer);
        }
        Some(next)
    }

    /// The writer hears of this node; so do those of its process whose rounds are not later.
    fn tell(&self, writers: &mut [Writer], row: RowId, heard: usize) {
        let round = writers[heard].round;
        let one_name = self.one_process || self.omitted == Omitted::OwnName;
        for (index, writer) in writers.iter_mut().enumerate() {
            if (index == heard || one_name) && writer.round <= round {
                for seen in &mut writer.seen {
                    seen.heard |= seen.row == row;
                }
            }
        }
    }

    fn look_up(&self, last: &State, index: usize, step: NodeStep) -> Option<State> {
        let node = &last.nodes[index];
        let mut next = last.clone();
        let next_node = &mut next.nodes[index];
        match (step, node.lookup) {
            (NodeStep::BeginLookup, None) => {
                let may_begin = node.mark.is_some() || self.omitted == Omitted::MarkBeforeLookingUp;
                // One that begins later finds the user deactivated, and fills in nothing.
                if !may_begin || !last.active || node.memory.is_some() {
                    return None;
                }
                next_node.lookup = Some(Lookup::Begun(node.mark.unwrap_or(0)));
            }
            (NodeStep::ReadDatabase, Some(Lookup::Begun(place))) => {
                next_node.lookup = last.active.then_some(Lookup::Read(place));
            }
            (NodeStep::FillIn, Some(Lookup::Read(place))) => {
                let place = if self.omitted == Omitted::PlaceBeforeReading { node.mark } else { Some(place) };
                next_node.lookup = None;
                if place >= Some(node.changed) {
                    next_node.memory = place;
                }
            }
            _ => return None,
        }
        Some(next)
    }

    fn check(&self, last: &State, index: usize, step: NodeStep) -> Option<State> {
        let node = &last.nodes[index];
        let check = match (step, node.check) {
            (NodeStep::BeginCheck, Check::None) if self.a_deactivation_returned(last) => {
                if self.omitted == Omitted::LeaseBeforeMemory {
                    node.remembers().then_some(Check::SawTheMemory)
                } else {
                    (node.lease > 0).then_some(Check::SawTheLease)
                }
            }
            (NodeStep::GoOnWithCheck, Check::SawTheLease) => {
                Some(if node.remembers() { Check::Succeeded } else { Check::None })
            }
            (NodeStep::GoOnWithCheck, Check::SawTheMemory) => {
                Some(if node.lease > 0 { Check::Succeeded } else { Check::None })
            }
            _ => None,
        }?;
        let mut next = last.clone();
        next.nodes[index].check = check;
        Some(next)
    }

    fn a_deactivation_returned(&self, state: &State) -> bool {
        let mut calls = self.calls.iter().zip(&state.writers);
        calls.any(|(call, writer)| *call == Call::Deactivate && writer.phase == Phase::Returned)
    }

    fn lose(&self, last: &State, index: usize, step: NodeStep) -> Option<State> {
        let node = &last.nodes[index];
        if !node.joined || last.left.losses == 0 {
            return None;
        }
        let mut next = last.clone();
        next.left.losses -= 1;
        next.nodes[index] = node.disconnected(self.omitted);
        if step != NodeStep::LoseConnection {
            next.nodes[index].memory = None;
            next.nodes[index].lookup = None;
        }
        if step == NodeStep::Stop {
            next.rows.remove(&RowId { node: index, life: node.life });
        }
        Some(next)
    }
}

/// What writers do.
impl Situation {
    fn commit(&self, last: &State, index: usize) -> Option<State> {
        if last.writers[index].phase != Phase::Idle {
            return None;
        }
        let mut next = last.clone();
        next.writers[index].phase = Phase::Committed;
        match self.calls[index] {
            Call::ChangeAnother => next.log.push(false),
            Call::Deactivate if last.active => {
                next.active = false;
                next.log.push(true);
            }
            Call::Deactivate => {
                if self.omitted == Omitted::WaitWhenNothingChanged {
                    next.writers[index].phase = Phase::Returned;
                }
            }
        }
        Some(next)
    }

    /// The round: which nodes there are, and from here on the wait counts.
    fn read_rows(&self, last: &State, index: usize) -> Option<State> {
        let first = if self.omitted == Omitted::ClockAfterTheRows { Phase::ReadTheClock } else { Phase::Committed };
        if last.writers[index].phase != first {
            return None;
        }
        let mut next = last.clone();
        if last.rows.is_empty() {
            next.writers[index].end(Phase::Returned);
            return Some(next);
        }
        let numbered = last.writers.iter().enumerate().filter(|(other, _)| self.one_process || *other == index);
        let before = numbered.map(|(_, writer)| writer.round).max().unwrap_or(0);
        let writer = &mut next.writers[index];
        writer.phase = Phase::ReadTheRows;
        writer.round = before + 1;
        writer.seen =
            last.rows.iter().map(|(row, renewals)| Seen { row: *row, renewals: *renewals, heard: false }).collect();
        Some(next)
    }

    fn notify(&self, last: &State, index: usize) -> Option<State> {
        if last.writers[index].phase != Phase::ReadTheRows {
            return None;
        }
        let mut next = last.clone();
        for node in &mut next.nodes {
            if node.joined {
                node.notices.insert(index);
            }
        }
        if self.omitted == Omitted::Wait {
            next.writers[index].end(Phase::Returned);
        } else {
            next.writers[index].phase = Phase::Notified;
        }
        Some(next)
    }

    fn end(&self, last: &State, index: usize, step: WriterStep) -> Option<State> {
        let writer = &last.writers[index];
        let over = writer.waited == LEASE;
        let returns = match (step, writer.phase) {
            (WriterStep::ReturnByAcknowledgement, Phase::Notified) => writer.all_heard(),
            (WriterStep::ReturnByTime, Phase::Notified) => {
                !writer.all_heard() && (over || self.omitted == Omitted::LeaseWait)
            }
            (WriterStep::ReturnByTime, Phase::Blind) => over,
            (WriterStep::ReturnWithRound, Phase::Following) => {
                last.writers.iter().any(|leader| leader.phase == Phase::Returned)
            }
            _ => false,
        };
        if !returns {
            return None;
        }
        let mut next = last.clone();
        for seen in writer.seen.iter().filter(|seen| !seen.heard) {
            let unchanged = last.rows.get(&seen.row) == Some(&seen.renewals);
            if unchanged || self.omitted == Omitted::Comparison {
                next.rows.remove(&seen.row);
            }
        }
        next.writers[index].end(Phase::Returned);
        Some(next)
    }

    /// What leads away from the straight path.
    fn stray(&self, last: &State, index: usize, step: WriterStep) -> Option<State> {
        let phase = last.writers[index].phase;
        let mut next = last.clone();
        let writer = &mut next.writers[index];
        match (step, phase) {
            (WriterStep::Crash, Phase::Committed) if last.left.crashes > 0 => {
                next.left.crashes -= 1;
                writer.end(Phase::Crashed);
            }
            (WriterStep::ReadClock, Phase::Committed) if self.omitted == Omitted::ClockAfterTheRows => {
                writer.phase = Phase::ReadTheClock;
            }
            (WriterStep::LoseDatabase, Phase::Committed | Phase::ReadTheRows | Phase::Notified)
                if last.left.unreachable > 0 =>
            {
                next.left.unreachable -= 1;
                writer.phase = Phase::Blind;
                writer.seen.clear();
            }
            (WriterStep::JoinRound, Phase::Committed) if self.omitted == Omitted::OwnRound => {
                let running = |other: &Writer| matches!(other.phase, Phase::ReadTheRows | Phase::Notified);
                if !last.writers.iter().any(running) {
                    return None;
                }
                writer.phase = Phase::Following;
            }
            _ => return None,
        }
        Some(next)
    }
}

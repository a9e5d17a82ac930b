//! The state of the model: what the database, the nodes and the writers know, and what is under way.

use std::collections::{BTreeMap, BTreeSet};

/// How many ticks a writer waits for a node that says nothing.
pub const LEASE: u8 = 3;
/// For how many ticks of its own clock a node trusts its lease. The difference is the margin for clocks.
pub const TRUST: u8 = 2;

/// A protocol that lacks a step, or has it at the wrong place. Each must be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Omitted {
    /// The protocol as it is.
    Nothing,
    /// The writer tells the nodes, and returns.
    Wait,
    /// A call that changed nothing returns at once.
    WaitWhenNothingChanged,
    /// Who does not answer is not waited for.
    LeaseWait,
    /// The writer's wait counts from before it read which nodes there are.
    ClockAfterTheRows,
    /// A row is removed though its node renewed meanwhile.
    Comparison,
    /// A call is content with a round that had begun before its commit.
    OwnRound,
    /// Two processes count their rounds under the same name.
    OwnName,
    /// The lease counts from the answer to the renewal.
    LeaseFromBefore,
    /// A renewal does not read the log.
    LogAtRenewal,
    /// A node that was removed takes its lease all the same.
    RowCheck,
    /// The row comes into being with the first renewal, after the log was read.
    RowBeforeTheLog,
    /// A node says that it heard before it applies what it heard.
    ApplyBeforeAcknowledging,
    /// The mark moves on before what was read is applied.
    ApplyBeforeMarking,
    /// What is filled in counts from its filling in.
    PlaceBeforeReading,
    /// A look-up begins, and fills in, where no log was read yet.
    MarkBeforeLookingUp,
    /// A lost connection leaves the memory as it was.
    ForgettingOnLoss,
    /// A look-up that began before all was forgotten fills in afterwards.
    ForgettingLookups,
    /// A check looks into memory, and then at the lease.
    LeaseBeforeMemory,
}

/// What a call changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// It deactivates the user; when another call did so before, it changes nothing.
    Deactivate,
    /// It changes somebody else.
    ChangeAnother,
}

/// How much may still go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// Nodes lose their connection, crash or stop.
    pub losses: u8,
    /// A node's clock misses a tick, or a writer's counts one twice.
    pub drift: u8,
    /// Writers crash after their commit.
    pub crashes: u8,
    /// Writers can't reach the database after their commit.
    pub unreachable: u8,
}

/// A node's row: whose, and in which of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId {
    pub node: usize,
    pub life: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Whether the user is active, in the database.
    pub active: bool,
    /// The committed changes; whether each concerns the user.
    pub log: Vec<bool>,
    /// The table of nodes: how often each renewed.
    pub rows: BTreeMap<RowId, u8>,
    pub nodes: Vec<Node>,
    pub writers: Vec<Writer>,
    pub left: Faults,
}

/// Part of the log: from a mark (none: nothing was read before) up to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    pub from: Option<usize>,
    pub upto: usize,
}

/// A renewal under way, and what its node's clock has counted since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Renewal {
    pub age: u8,
    pub step: RenewalStep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RenewalStep {
    Begun,
    Read(Stretch),
    Applied,
    Updated { found: bool },
}

/// A look-up under way, and the place in the log that the node had read up to when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lookup {
    Begun(usize),
    /// It found the user active.
    Read(usize),
}

/// The notice of this writer was received, and the log read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hearing {
    pub writer: usize,
    pub read: Stretch,
}

/// A check that began after a deactivating call had returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    None,
    SawTheLease,
    /// The wrong way round.
    SawTheMemory,
    Succeeded,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub life: u8,
    pub joined: bool,
    /// Up to where it has read the log.
    pub mark: Option<usize>,
    /// The mark at which a change of the user was last applied.
    pub changed: usize,
    /// For how many ticks of its clock the lease is still alive.
    pub lease: u8,
    /// It remembers the user as active, as of this place.
    pub memory: Option<usize>,
    pub renewal: Option<Renewal>,
    pub lookup: Option<Lookup>,
    pub hearing: Option<Hearing>,
    /// The writers whose notices are on their way.
    pub notices: BTreeSet<usize>,
    pub check: Check,
}

impl Node {
    /// Whether what it remembers counts.
    pub fn remembers(&self) -> bool {
        self.memory.is_some_and(|place| place >= self.changed)
    }

    /// The log since its mark.
    pub fn since_mark(&self, log: &[bool]) -> Stretch {
        Stretch { from: self.mark, upto: log.len() }
    }

    /// Forgets whoever stands in that part of the log; all, when there was no mark to read from.
    pub fn apply(&mut self, read: Stretch, log: &[bool], omitted: Omitted) {
        self.mark = Some(self.mark.map_or(read.upto, |mark| mark.max(read.upto)));
        let Some(from) = read.from else {
            if omitted != Omitted::ForgettingOnLoss {
                self.memory = None;
                if omitted != Omitted::MarkBeforeLookingUp && omitted != Omitted::ForgettingLookups {
                    self.lookup = None;
                }
            }
            return;
        };
        if log[from..read.upto].contains(&true) {
            self.changed = self.changed.max(read.upto);
            self.memory = None;
        }
    }

    /// The same node without its connection, and with it without lease and memory. A look-up under way finds that all
    /// was forgotten since it began, and does not fill in; so it is as good as over.
    pub fn disconnected(&self, omitted: Omitted) -> Self {
        let mut next = Self::outside(self.life + 1);
        next.check = self.check;
        if omitted == Omitted::ForgettingOnLoss {
            next.memory = self.memory;
            next.changed = self.changed;
        }
        if omitted == Omitted::ForgettingLookups {
            next.lookup = self.lookup;
        }
        next
    }

    /// A node that has not joined.
    pub fn outside(life: u8) -> Self {
        Self {
            life,
            joined: false,
            mark: None,
            changed: 0,
            lease: 0,
            memory: None,
            renewal: None,
            lookup: None,
            hearing: None,
            notices: BTreeSet::new(),
            check: Check::None,
        }
    }
}

/// A row as the writer saw it, and whether its node has said since that it heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    pub row: RowId,
    pub renewals: u8,
    pub heard: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    Idle,
    Committed,
    /// It has read its clock, but not the rows: the wrong way round.
    ReadTheClock,
    ReadTheRows,
    Notified,
    /// It can't reach the database, and waits.
    Blind,
    /// It leaves all to another's round.
    Following,
    Returned,
    Crashed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Writer {
    pub phase: Phase,
    /// What its clock has counted since the round began.
    pub waited: u8,
    /// The number of its round; 0 before it has one.
    pub round: u8,
    pub seen: Vec<Seen>,
}

impl Writer {
    pub fn idle() -> Self {
        Self { phase: Phase::Idle, waited: 0, round: 0, seen: Vec::new() }
    }

    pub fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::ReadTheClock | Phase::ReadTheRows | Phase::Notified | Phase::Blind)
    }

    pub fn all_heard(&self) -> bool {
        self.seen.iter().all(|seen| seen.heard)
    }

    pub fn end(&mut self, phase: Phase) {
        self.phase = phase;
        self.waited = 0;
        self.seen.clear();
    }
}

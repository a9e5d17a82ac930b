//! The protocol between nodes as a model, and a search through everything that can happen in it.
//!
//! Each node remembers whom it has let in, so that it need not ask the database every time. A writer that takes access
//! away must not return before every node has forgotten, or can no longer trust what it remembers. How that is done
//! stands in `ARCHITECTURE.md`; here stands why it may be believed. The model has one user, whom everybody takes for
//! active at first, a database, one or two nodes, and one or two writers. In each state it knows which steps could come
//! next, and the checker tries all of them, in every order. A state in which a check that began after a deactivating
//! call had returned is answered from memory breaks the promise.
//!
//! What stands for what:
//!
//! - **Time** goes in ticks. A tick may come between any two steps, and as many as like. Nobody reads a date: each node
//!   counts down its lease, each writer counts up its wait, and both stop counting where it no longer matters. So there
//!   is no last tick, and no state is left out for want of time. In one tick, a node's clock may stand still or a
//!   writer's may count two, as often as the margin between `LEASE` and `TRUST` allows.
//! - **A pause** of a process is no step of its own: nobody is made to take a step, however long it has been possible.
//!   The same holds for a node that can't reach the database, and for a notice that comes late or never.
//! - **A message** is lost when its receiver loses its connection. Of an acknowledgement it is enough to say that it is
//!   heard at once or never: a writer that hears it late is one that was paused.
//! - **A process that dies** loses its memory and its connection; its row stays. One that stops in good order deletes
//!   its row too. Who comes back has a new row.
//! - **Checks** that begin before such a call has returned may answer either way, so the model has none of them.
//! - **Faults** have a small number each, and so do renewals: that keeps the number of states small.
//!
//! A model can keep a promise because nothing happens in it. Against that stand the examples that must be found, and
//! the second half of the tests: each leaves out one step of the protocol, and the checker must find what goes wrong
//! then.

#![allow(unreachable_pub, missing_docs, reason = "a test binary exports nothing")]

mod protocol;
mod steps;

use stateright::{Checker, Model};

use protocol::{Call, Faults, LEASE, Omitted, TRUST};
use steps::{PROMISE, Situation};

const NO_FAULTS: Faults = Faults { losses: 0, drift: 0, crashes: 0, unreachable: 0 };

/// One node that remembers the user, one writer that deactivates them, and nothing that goes wrong.
fn plain() -> Situation {
    Situation {
        nodes: 1,
        calls: vec![Call::Deactivate],
        one_process: false,
        warm: true,
        faults: NO_FAULTS,
        renewals: 1,
        trust: TRUST,
        omitted: Omitted::Nothing,
        examples: false,
    }
}

/// Somebody else is changed by the first writer, the user is deactivated by the second.
fn two_writers() -> Situation {
    Situation { calls: vec![Call::ChangeAnother, Call::Deactivate], ..plain() }
}

fn keeps_the_promise(situation: Situation) {
    situation.checker().threads(2).spawn_bfs().join().assert_properties();
}

fn is_found_out(situation: Situation) {
    let omitted = situation.omitted;
    let checker = situation.checker().threads(2).spawn_bfs().join();
    assert!(checker.discovery(PROMISE).is_some(), "{omitted:?}: {} states, and no fault", checker.unique_state_count());
}

// What the protocol keeps.

#[test]
fn one_node_and_one_writer_keep_the_promise_whatever_fails() {
    let faults = Faults { losses: 1, drift: LEASE - TRUST, unreachable: 1, ..NO_FAULTS };
    keeps_the_promise(Situation { faults, renewals: 2, examples: true, ..plain() });
}

#[test]
fn a_node_that_joins_meanwhile_keeps_the_promise() {
    let faults = Faults { losses: 1, drift: LEASE - TRUST, ..NO_FAULTS };
    keeps_the_promise(Situation { warm: false, faults, renewals: 2, ..plain() });
}

#[test]
fn a_call_that_is_repeated_after_a_crash_keeps_the_promise() {
    let faults = Faults { losses: 1, crashes: 1, ..NO_FAULTS };
    keeps_the_promise(Situation { calls: vec![Call::Deactivate, Call::Deactivate], faults, ..plain() });
}

#[test]
fn two_writers_at_once_keep_the_promise() {
    keeps_the_promise(Situation { faults: Faults { drift: LEASE - TRUST, ..NO_FAULTS }, ..two_writers() });
}

#[test]
fn two_rounds_of_one_process_keep_the_promise() {
    keeps_the_promise(Situation { one_process: true, ..two_writers() });
}

#[test]
fn two_nodes_keep_the_promise() {
    keeps_the_promise(Situation { nodes: 2, ..plain() });
}

// What goes wrong without: at the writer.

#[test]
fn without_any_wait_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::Wait, ..plain() });
}

#[test]
fn without_a_wait_of_the_repeated_call_a_stale_answer_is_found() {
    let faults = Faults { crashes: 1, ..NO_FAULTS };
    let calls = vec![Call::Deactivate, Call::Deactivate];
    is_found_out(Situation { omitted: Omitted::WaitWhenNothingChanged, calls, faults, ..plain() });
}

#[test]
fn without_the_lease_wait_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::LeaseWait, ..plain() });
}

#[test]
fn without_reading_the_rows_before_the_clock_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::ClockAfterTheRows, ..two_writers() });
}

#[test]
fn without_comparing_renewals_at_the_removal_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::Comparison, ..two_writers() });
}

#[test]
fn without_a_round_that_begins_after_the_commit_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::OwnRound, one_process: true, ..two_writers() });
}

#[test]
fn without_a_name_for_each_process_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::OwnName, ..two_writers() });
}

// What goes wrong without: at the lease.

#[test]
fn without_counting_the_lease_from_before_the_renewal_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::LeaseFromBefore, ..plain() });
}

#[test]
fn without_reading_the_log_at_a_renewal_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::LogAtRenewal, ..plain() });
}

#[test]
fn without_looking_whether_the_row_is_there_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::RowCheck, ..two_writers() });
}

#[test]
fn without_the_row_before_the_log_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::RowBeforeTheLog, warm: false, ..plain() });
}

#[test]
fn without_a_clock_that_is_within_the_margin_a_stale_answer_is_found() {
    is_found_out(Situation { faults: Faults { drift: LEASE - TRUST + 1, ..NO_FAULTS }, ..plain() });
}

#[test]
fn without_a_margin_a_stale_answer_is_found() {
    is_found_out(Situation { trust: LEASE, faults: Faults { drift: 1, ..NO_FAULTS }, ..plain() });
}

// What goes wrong without: at the memory.

#[test]
fn without_applying_before_acknowledging_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::ApplyBeforeAcknowledging, ..plain() });
}

#[test]
fn without_applying_before_the_mark_moves_on_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::ApplyBeforeMarking, ..plain() });
}

#[test]
fn without_the_place_at_which_a_look_up_began_a_stale_answer_is_found() {
    let faults = Faults { losses: 1, ..NO_FAULTS };
    is_found_out(Situation { omitted: Omitted::PlaceBeforeReading, faults, ..plain() });
}

#[test]
fn without_a_mark_before_the_first_look_up_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::MarkBeforeLookingUp, warm: false, ..plain() });
}

#[test]
fn without_forgetting_when_the_connection_is_lost_a_stale_answer_is_found() {
    let faults = Faults { losses: 1, ..NO_FAULTS };
    is_found_out(Situation { omitted: Omitted::ForgettingOnLoss, faults, ..plain() });
}

#[test]
fn without_refusing_look_ups_from_before_the_loss_a_stale_answer_is_found() {
    let faults = Faults { losses: 1, ..NO_FAULTS };
    is_found_out(Situation { omitted: Omitted::ForgettingLookups, faults, ..plain() });
}

#[test]
fn without_looking_at_the_lease_before_the_memory_a_stale_answer_is_found() {
    is_found_out(Situation { omitted: Omitted::LeaseBeforeMemory, renewals: 2, ..plain() });
}

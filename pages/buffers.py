"""Buffers: what is withheld from each channel, what a change would do, and the forms to make it."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from dashboard.buffers import backtest, listing_maxima, reads, reservations
from dashboard.buffers import file as buffers_file
from dashboard.buffers import many as buffers_many
from dashboard.buffers import rules as buffers
from dashboard.shell import empty, header, links, said, user, words
from dashboard.shell import reads as shared
from dashboard.shell.act import act
from data_access.commands import buffers as commands
from data_access.commands import listings as listing_commands
from data_access.commands import reservations as reservation_commands
from data_access.commands.buffers import Change
from data_access.commands.listings import MaximumChange
from data_access.errors import Refused

PAGE = "buffers"


def carry_out(command: Callable[[], str], typed: object, finished: str) -> None:
    """Run a command and draw the page again; or say why it was refused, and keep what was `typed`.

    `finished`: what the keys of the fields begin with that are done with once the command has succeeded.
    """

    def refused(refusal: Refused) -> bool:
        st.session_state[f"{PAGE}.refused"] = typed, refusal.problems
        return typed is not None

    def saved() -> None:
        st.session_state[f"{PAGE}.finished"] = finished

    act(PAGE, command, saved=saved, refused=refused, conflict=buffers.conflict)


def done(edited: buffers.RuleEdit) -> str:
    """The command for what a person decided about one rule; what to say of it."""
    engine, actor = shared.engine(), user.current()
    if edited.act == "remove" and edited.rule_id is not None and edited.version is not None:
        commands.remove(engine, edited.rule_id, edited.version, edited.why, actor)
        return "The rule is removed. Its history stays in the audit."
    if edited.draft is not None:
        commands.save(engine, [Change(edited.draft, edited.rule_id, edited.version)], actor)
        return "Saved. Channel availability is updating."
    commands.undo(engine, edited.audit_id, actor)
    return "The last change is undone."


def saved_rules(changes: tuple[Change, ...]) -> str:
    """The command for many rules; what to say of it."""
    commands.save(shared.engine(), changes, user.current())
    return f"{words.counted(len(changes), 'rule')} saved. Channel availability is updating."


def reserved(edited: reservations.ReservationEdit) -> str:
    """The command for what a person decided about one reservation; what to say of it."""
    engine, actor = shared.engine(), user.current()
    if edited.act == "remove" and edited.reservation_id is not None and edited.version is not None:
        reservation_commands.remove(engine, edited.reservation_id, edited.version, edited.why, actor)
        return "The reservation is removed. Its history stays in the audit."
    if edited.draft is not None:
        reservation_commands.save(engine, edited.draft, actor, edited.reservation_id, edited.version)
        return "Saved. Channel availability is updating."
    reservation_commands.undo(engine, edited.audit_id, actor)
    return "The last change is undone."


def capped(decided: listing_maxima.Decided) -> str:
    """The command for what a person decided about maxima of listings; what to say of it."""
    if decided.audit_id is not None:
        listing_commands.undo(shared.engine(), decided.audit_id, user.current())
        return "The last change is undone."
    changes = [MaximumChange(*maximum) for maximum in decided.maxima]
    listing_commands.set_maximum(shared.engine(), changes, user.current(), decided.why)
    return "Saved. Channel availability is updating."


header.show("What does each channel hold back, and what would a change do?", watches=("buffers", "catalog", "channels", "stock"))
if shared.store_info().is_empty:
    empty.empty_store()
    st.stop()
if f"{PAGE}.finished" in st.session_state:
    buffers.forget(st.session_state.pop(f"{PAGE}.finished"))
rows = reads.rule_table()
buffers.arrive(rows)
reservations.arrive()
listing_maxima.arrive()
said.show(PAGE)

with st.container():  # one place, whether it says more or less: else what is below moves, and the address no longer follows it
    can_change = user.choose("change buffers")
    if can_change:
        buffers.arrive_with_draft()
    elif links.DRAFT in st.query_params:
        st.info("A draft of a rule waits: it opens once you have chosen who you are.", icon=":material/shield:")
view = buffers.choose_view()
if view == "rules":
    buffers.table(rows, PAGE)
    chosen = buffers.ask(rows, can_change)
    if chosen:
        edited = buffers.editor(chosen, rows, can_change, PAGE)
        if chosen != buffers.NEW:
            edited = buffers.history(int(chosen), can_change, PAGE) or edited
        if edited:
            carry_out(partial(done, edited), edited.draft, f"{PAGE}.rule.{chosen}.")
elif view in ("many", "file"):
    several = buffers_many.show(rows, can_change) if view == "many" else buffers_file.show(can_change)
    if several:
        carry_out(partial(saved_rules, several.changes), several.changes, several.finished)
elif view == "test":
    backtest.show(can_change, PAGE)
elif view == "reservations":
    reservation = reservations.show(can_change, PAGE)
    if reservation:
        carry_out(partial(reserved, reservation), reservation.draft, f"{PAGE}.reservation.{reservation.chosen}.")
elif view == "listings":
    decided = listing_maxima.show(can_change)
    if decided:
        carry_out(partial(capped, decided), decided, decided.finished)

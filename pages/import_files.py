"""Import: files dropped, shown as OnHand understands them, imported in the background, and taken back."""

from functools import partial
from typing import IO

import streamlit as st

from dashboard.imports import cards, dropped, foreign, forms, reads, runs, unknown
from dashboard.imports.dropped import DroppedFile
from dashboard.imports.foreign import NamedDraft
from dashboard.imports.unknown import UnknownChoice
from dashboard.jobs import import_start
from dashboard.settings import settings
from dashboard.shell import header, said, user, words
from dashboard.shell import reads as shared
from dashboard.shell.act import act
from data_access.commands.first_steps import FirstSteps, take_first_steps
from data_access.commands.imports import ImportRequest, undo_import
from data_access.commands.mappings import save_mapping, with_places
from data_access.commands.unknown_codes import create_locations, settle_codes
from data_access.domain.permissions import may
from data_access.imports.preview.file_format import FileFormat
from data_access.imports.preview.proposal import mapping_text

PAGE = "import"


def begun(steps: FirstSteps) -> str:
    """The command for the first steps at an empty store."""
    take_first_steps(shared.engine(), steps)
    return forms.began(steps)


def kept(files: list[tuple[str, IO[bytes]]]) -> str:
    """Keep what was dropped; what to say of it."""
    forms.taken()
    added = dropped.keep(settings().imports_dir, files)
    st.session_state[forms.FILES] = [*st.session_state.get(forms.FILES, []), *added]
    return f"Read: {', '.join(one.path.name for one in added)}. Look at the preview, then import."


def removed(file: DroppedFile) -> str:
    """Drop a kept file; what to say of it."""
    dropped.forget([file])
    return f"{file.path.name} is removed from this page."


def started(file: DroppedFile, chosen: forms.FormatChoice) -> str:
    """The command for an import."""
    request = ImportRequest(
        kind=chosen.form.kind,
        path=file.path,
        file_hash=file.file_hash,
        mapping=chosen.form.mapping,
        channel_id=chosen.places.channel_id,
        location_id=chosen.places.location_id,
    )
    import_start.start(settings(), shared.engine(), request, user.current())
    return f"The import of {file.path.name} has started."


def settled(choice: UnknownChoice, chosen: forms.FormatChoice) -> str:
    """The command for what a file names and the store does not know."""
    if choice.locations:
        return f"{create_locations(shared.engine(), choice.locations, user.current()):,} created."
    count = settle_codes(shared.engine(), choice.codes, choice.channel_id, user.current(), forms.mapping_of(chosen))
    return f"{count:,} settled. The preview is up to date."


def mapped(file: DroppedFile, named: NamedDraft) -> str:
    """The command for a mapping that was made here; the file is read by it from then on."""
    draft = named.draft if named.places is None else with_places(shared.engine(), named.draft, named.places)
    text = mapping_text(draft)
    path = save_mapping(shared.engine(), settings().mappings_dir, draft.kind, named.name, text, user.current())
    forms.read_by(file, FileFormat(draft.kind, str(path)))
    return f"The mapping {named.name} is kept, also for the command line: `onhand import {draft.kind} FILE --mapping {named.name}`."


def taken_back(decision: runs.RunDecision) -> str:
    """The command for taking an import back."""
    undone = undo_import(shared.engine(), decision.run_id, user.current())
    return f"Import {decision.run_id} ({decision.file_name}) is taken back: {undone.events:,} rows."


def show_file(file: DroppedFile) -> None:
    """One kept file: its import as it runs or ended, or its preview."""
    state = import_start.state(file.path)
    rows_key = f"import.rows.{file.path.parent.name}"
    if state is not None and state.is_running:
        runs.progress(file, st.session_state.get(rows_key, 0))
        return
    if state is not None:
        runs.outcome(file, state)
        if state.result is not None:
            if st.button("Close", key="import.close"):
                dropped.forget([file])
                st.rerun()
            return
    chosen = forms.read_as(file)
    if chosen is None:
        named = foreign.show(file)
        if named is not None:
            act(PAGE, partial(mapped, file, named))
    else:
        preview, problem = reads.preview(file.path, file.file_hash, chosen.form, chosen.places)
        if preview is None:
            st.error(words.plain(problem), icon=":material/error:")
        else:
            cards.show(preview)
            choice = unknown.show(preview, f"import.unknown.{file.path.parent.name}")
            if choice is not None:
                act(PAGE, partial(settled, choice, chosen))
            st.session_state[rows_key] = preview.rows
            if st.button("Import", type="primary", icon=":material/upload:", key="import.start", disabled=not can_import):
                act(PAGE, partial(started, file, chosen))
    if st.button("Remove this file", key="import.remove", icon=":material/delete:"):
        act(PAGE, partial(removed, file))


header.show("Which files do you want to import?", watches=("catalog", "channels", "inbox"))
said.show(PAGE)
if shared.store_info().is_empty and shared.users().is_empty() and shared.locations().is_empty() and user.is_safe():
    steps = forms.first_steps()
    if steps is not None:
        act(PAGE, partial(begun, steps))
    st.stop()
can_import = user.choose("import files")
if can_import:
    given = forms.drop()
    if given:
        act(PAGE, partial(kept, given))
    files = forms.kept()
    if files:
        with st.container(border=True):
            show_file(forms.choose_file(files))
st.subheader("Recent imports", anchor=False)
decision = runs.recent(reads.runs(), may(user.role(), "take back imports"))
if decision is not None:
    act(PAGE, partial(taken_back, decision))

"""The forms of the Import page: the first steps at an empty store, dropping files, and how a file is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import streamlit as st

from dashboard.imports import reads
from dashboard.imports.dropped import MAX_BYTES, MAX_FILES, DroppedFile
from dashboard.settings import settings
from dashboard.shell import options, user, words
from data_access.commands.first_steps import FirstSteps
from data_access.commands.mappings import saved_mappings
from data_access.imports.files.mapping import Mapping, load_mapping, mapping_names
from data_access.imports.places import ChosenPlaces
from data_access.imports.preview.file_format import EXPORTS, IN_ORDER, ORDERS, FileFormat

KINDS: Final = {
    "orders": "Orders",
    "products": "Products",
    "kits": "Kits",
    "listings": "Listings",
    "locations": "Locations",
    "channels": "Channels",
    "suppliers": "Suppliers",
    "counts": "Stock counts",
}
CHANNEL_KINDS: Final = {"webstore": "Web shop", "marketplace": "Marketplace", "social": "Social", "retail": "Shop or till"}
COMMAND: Final = "onhand import orders FILE --mapping auto"
FILES: Final = "import.files"
_WRITE_ONE: Final = "write one, see docs/importing.md."
_ROUND: Final = "import.round"


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """How a person wants a kept file read."""

    form: FileFormat
    places: ChosenPlaces


def first_steps() -> FirstSteps | None:
    """Draw the form for whoever is first at an empty store; what they filled in."""
    with st.form("import.first", border=True):
        st.markdown("**First steps.** This store is empty. Say who you are, where your goods are, and where you sell. More can follow.")
        admin = st.text_input("Your name", key="import.first.admin", help="You become the admin, who adds other people.")
        left, right = st.columns(2)
        place = left.text_input("First location", key="import.first.location", placeholder="Main warehouse")
        channel = right.text_input("First channel", key="import.first.channel", placeholder="Web shop")
        kind = left.selectbox("Kind of channel", list(CHANNEL_KINDS), format_func=CHANNEL_KINDS.__getitem__, key="import.first.kind")
        currency = right.text_input("Currency", key="import.first.currency", value="EUR", max_chars=3)
        zone = st.text_input("Time zone", key="import.first.zone", value=st.context.timezone or "UTC", help="Such as Europe/London.")
        if st.form_submit_button("Begin", type="primary"):
            return FirstSteps(admin=admin, location=place, channel=channel, channel_kind=kind, currency=currency, time_zone=zone)
    return None


def drop() -> list[tuple[str, IO[bytes]]]:
    """Draw the place where files are dropped; those that were."""
    st.caption(
        f"CSV, text with tabs, XLSX or ODS, also as GZ or ZIP: orders, products, listings, stock counts and other tables. At most "
        f"{MAX_BYTES // 1_000_000} MB unpacked and {MAX_FILES} files at once; for more use `{COMMAND}`. Nothing is imported before you "
        "have seen a preview."
    )
    given = st.file_uploader(
        "Files to import",
        accept_multiple_files=True,
        key=f"import.given.{st.session_state.get(_ROUND, 0)}",
        max_upload_size=MAX_BYTES // 1_000_000,
    )
    return [(one.name, one) for one in given]


def taken() -> None:
    """Empty the place where files are dropped."""
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


def kept() -> list[DroppedFile]:
    """The files of this session, in the order in which they are best imported."""
    files: list[DroppedFile] = [one for one in st.session_state.get(FILES, []) if one.path.exists()]
    ranks = {kind: rank for rank, kind in enumerate(IN_ORDER)}
    forms = {one: reads.file_format(one.path, one.file_hash)[0] for one in files}
    return sorted(files, key=lambda one: len(ranks) if (form := forms[one]) is None else ranks[form.kind])


def choose_file(files: list[DroppedFile]) -> DroppedFile:
    """Draw the choice of the file to look at, where there are several."""
    if len(files) == 1:
        st.markdown(f"**{words.plain(label(files[0]))}**")
        return files[0]
    st.caption(f"{words.counted(len(files), 'file')}, in the order in which they are best imported.")
    by_hash = {one.path.parent.name: one for one in files}
    if st.session_state.get("import.file") not in by_hash:
        st.session_state["import.file"] = next(iter(by_hash))
    chosen = st.selectbox("File", list(by_hash), format_func=lambda one: label(by_hash[one]), key="import.file")
    return by_hash[chosen]


def label(file: DroppedFile) -> str:
    """A file's name and kind."""
    form, _ = reads.file_format(file.path, file.file_hash)
    return f"{file.path.name} · {'unknown format' if form is None else format_label(form)}"


def format_label(form: FileFormat) -> str:
    """A format in words."""
    return KINDS[form.kind] if form.mapping is None else f"{KINDS[form.kind]}, {Path(form.mapping).name.removesuffix('.toml')}"


def read_as(file: DroppedFile) -> FormatChoice | None:
    """Draw how the file is read, which a person may change; None while nobody said it."""
    recognised, problem = reads.file_format(file.path, file.file_hash)
    if recognised is None:
        st.warning(words.plain(problem.replace(_WRITE_ONE, "say below what its columns are.")), icon=":material/help:")
    own = [FileFormat(kind, str(path)) for kind in reads.kinds() for path in saved_mappings(settings().mappings_dir, kind).values()]
    ready = [FileFormat(ORDERS, name) for name in mapping_names()]
    offered = [*own, *ready, *EXPORTS, *(FileFormat(kind) for kind in reads.kinds() if kind != ORDERS)]
    if recognised is not None and recognised not in offered:
        offered.insert(0, recognised)
    name = file.path.parent.name
    wanted = st.session_state.pop(f"import.wanted.{name}", None)
    if wanted is not None:
        st.session_state[f"import.format.{name}"] = wanted
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        form = st.selectbox(
            "Format",
            offered,
            index=None if recognised is None else offered.index(recognised),
            format_func=lambda one: format_label(one) + (" (recognised)" if one == recognised else ""),
            placeholder="Choose how to read it",
            key=f"import.format.{name}",
            width=300,
        )
        if form is None:
            return None
        if form.is_export:
            return FormatChoice(form, _export_places(file, form))
        return FormatChoice(form, _places(form, name) if form.kind == ORDERS else ChosenPlaces())


def read_by(file: DroppedFile, form: FileFormat) -> None:
    """Choose a file's format, once the page is drawn again."""
    st.session_state[f"import.wanted.{file.path.parent.name}"] = form


def mapping_of(chosen: FormatChoice) -> Mapping | None:
    """The mapping of a file of orders."""
    return load_mapping(chosen.form.mapping or "").mapping if chosen.form.kind == ORDERS else None


def _places(form: FileFormat, name: str) -> ChosenPlaces:
    """The channel and location of a file of orders: those of the mapping, or others of the store."""
    mapping = load_mapping(form.mapping or "").mapping
    there = options.offered()
    channel = _place("Channel", (mapping.channel.id, mapping.channel.name), there.channel, f"import.channel.{name}")
    location = _place("Location", (mapping.location.id, mapping.location.name or ""), there.location, f"import.location.{name}")
    return ChosenPlaces(
        None if channel == mapping.channel.id else channel,
        None if location == mapping.location.id else location,
    )


def _export_places(file: DroppedFile, form: FileFormat) -> ChosenPlaces:
    """Whose products or stock a channel's export has, and where its units are: what the file does not say itself."""
    there, name = options.offered(), file.path.parent.name
    channel = st.selectbox(
        "Channel",
        list(there.channel),
        format_func=there.channel.__getitem__,
        key=f"import.channel.{name}",
        width=220,
        placeholder="No channel yet",
    )
    named = reads.places_named_in(file.path, file.file_hash, form)
    of_file = ", ".join(named[:2]) + (f" and {len(named) - 2} more" if len(named) > 2 else "")
    unsaid = f"As the file says: {of_file}" if named else "Do not count units" if form.kind == "products" else None
    labels: dict[str | None, str] = {} if unsaid is None else {None: unsaid}
    labels.update(there.location.items())
    only = next(iter(there.location)) if len(there.location) == 1 else None
    known = {place.lower() for place in (*there.location, *there.location.values())}
    is_elsewhere = len(named) > 1 or bool(known & {place.lower() for place in named}) or (form.kind == "products" and _counts_follow(file))
    first = None if is_elsewhere and unsaid is not None else only
    location = st.selectbox(
        "Location of the units",
        list(labels),
        index=list(labels).index(first) if first in labels else 0 if labels else None,
        format_func=labels.__getitem__,
        key=f"import.location.{name}",
        width=280,
        placeholder="No location yet",
    )
    return ChosenPlaces(channel, location)


def _counts_follow(file: DroppedFile) -> bool:
    """Whether a file of counts was dropped too: then it says where the units are, and a file of products need not."""
    others = [one for one in kept() if one != file]
    forms = (reads.file_format(one.path, one.file_hash)[0] for one in others)
    return any(form is not None and form.kind == "counts" for form in forms)


def _place(title: str, own: tuple[str, str], there: dict[str, str], key: str) -> str:
    """One of them. What the mapping names and the store lacks is offered as new; the store's only one comes first."""
    labels = dict(there) if own[0] in there else {**there, own[0]: f"{own[1] or own[0]} (new)"}
    first = own[0] if own[0] in there or len(there) != 1 else next(iter(there))
    return st.selectbox(title, list(labels), index=list(labels).index(first), format_func=labels.__getitem__, key=key, width=220)


def began(steps: FirstSteps) -> str:
    """After the first steps: whoever took them goes on as the admin. What to say."""
    user.act_as(steps.admin.strip())
    return f"{steps.admin.strip()} is the admin. {steps.location} and {steps.channel} are ready: drop your files."

"""Rebase is a three-way merge of whole files: these hold for every three manifests."""

from hypothesis import given
from hypothesis import strategies as st

from aios.spec.vocabulary import Privacy
from aios.workspace.manifest import EMPTY, FileEntry, Manifest
from aios.workspace.rebase import rebase

ENTRIES = st.builds(
    FileEntry,
    sha256=st.sampled_from(["a" * 64, "b" * 64, "c" * 64]),
    size=st.just(1),
    executable=st.booleans(),
    privacy=st.sampled_from(Privacy),
)
PATHS = st.sampled_from(["a", "b", "c.py", "d/e", "d/f", "g/h/i"])
MANIFESTS = st.builds(Manifest, st.dictionaries(PATHS, ENTRIES, max_size=6))
TANGLED = st.builds(Manifest, st.dictionaries(st.sampled_from(["a", "a/b", "a/b/c", "a-b", "d"]), ENTRIES, max_size=5))


def content(manifest: Manifest) -> dict[str, tuple[str, bool]]:
    return {path: entry.content for path, entry in manifest.files.items()}


def changes(base: Manifest, new: Manifest) -> set[str]:
    before, after = content(base), content(new)
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


@given(base=MANIFESTS, theirs=MANIFESTS)
def test_without_changes_of_mine_theirs_stays(base: Manifest, theirs: Manifest) -> None:
    assert content(rebase(base, theirs, base).manifest) == content(theirs)
    assert rebase(base, theirs, base).conflicts == ()


@given(base=MANIFESTS, mine=MANIFESTS)
def test_on_an_unmoved_head_mine_is_the_result(base: Manifest, mine: Manifest) -> None:
    assert content(rebase(base, base, mine).manifest) == content(mine)
    assert rebase(base, base, mine).conflicts == ()


@given(base=MANIFESTS, theirs=MANIFESTS, mine=MANIFESTS)
def test_who_comes_first_does_not_change_the_outcome(base: Manifest, theirs: Manifest, mine: Manifest) -> None:
    one, other = rebase(base, theirs, mine), rebase(base, mine, theirs)
    assert one.conflicts == other.conflicts
    if not one.conflicts:
        assert content(one.manifest) == content(other.manifest)


@given(base=MANIFESTS, theirs=MANIFESTS, mine=MANIFESTS)
def test_no_update_is_lost(base: Manifest, theirs: Manifest, mine: Manifest) -> None:
    """Every change of either side is in the result, or its path is named as a conflict."""
    result = rebase(base, theirs, mine)
    merged = content(result.manifest)
    for side in (theirs, mine):
        for path in changes(base, side):
            assert path in result.conflicts or merged.get(path) == content(side).get(path)


@given(base=MANIFESTS, theirs=MANIFESTS, mine=MANIFESTS)
def test_conflicts_are_paths_that_both_changed(base: Manifest, theirs: Manifest, mine: Manifest) -> None:
    assert set(rebase(base, theirs, mine).conflicts) <= changes(base, theirs) & changes(base, mine)


@given(base=MANIFESTS, theirs=MANIFESTS, mine=MANIFESTS)
def test_rebasing_again_changes_nothing(base: Manifest, theirs: Manifest, mine: Manifest) -> None:
    once = rebase(base, theirs, mine)
    if not once.conflicts:
        again = rebase(base, once.manifest, mine)
        assert (content(again.manifest), again.conflicts) == (content(once.manifest), ())


@given(theirs=MANIFESTS, mine=MANIFESTS)
def test_a_file_both_wrote_alike_keeps_the_stricter_label(theirs: Manifest, mine: Manifest) -> None:
    merged = rebase(EMPTY, theirs, mine).manifest
    for path in theirs.files.keys() & mine.files.keys():
        one, other = theirs.files[path], mine.files[path]
        if one.content == other.content:
            assert merged.files[path].privacy == one.privacy.stricter(other.privacy)


@given(base=TANGLED, theirs=TANGLED, mine=TANGLED)
def test_a_path_is_never_a_file_and_a_folder(base: Manifest, theirs: Manifest, mine: Manifest) -> None:
    result = rebase(base, theirs, mine)
    paths = set(result.manifest.files)
    tangled = {p for p in paths if any(other.startswith(f"{p}/") for other in paths)}
    assert tangled <= set(result.conflicts)


def test_a_file_where_they_made_a_folder_is_a_conflict_that_names_no_file_within() -> None:
    entry = FileEntry("a" * 64, 1)
    result = rebase(EMPTY, Manifest({"x/y": entry}), Manifest({"x": entry, "x-z": entry}))
    assert result.conflicts == ("x",)

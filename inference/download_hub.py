"""Fetches a file from Hugging Face through huggingface_hub, from where it stopped; knows no other source."""

from __future__ import annotations

import re
from typing import BinaryIO, cast

from codeagent.inference.catalog import Entry, HuggingFace
from codeagent.inference.client import Frozen
from codeagent.inference.partial import Counted, Mark, Partial, Progress, SourceError

ANSWER_SECONDS = 10
_SHA256 = re.compile(r"[0-9a-f]{64}")


class HubFile(Frozen):
    """What the hub says of a file: where it is (pinned to a commit), its size in bytes and its SHA-256."""

    url: str
    size: int
    sha256: str


def look_up(entry: Entry, source: HuggingFace) -> HubFile:
    """Ask the hub, which answers within seconds or not at all.

    Raises SourceError when it cannot be reached, has no such file, publishes no checksum, or has another file than the
    catalogue's.
    """
    from huggingface_hub import (  # a second of import
        get_hf_file_metadata,  # pyright: ignore[reportUnknownVariableType]  # its annotations are incomplete
        hf_hub_url,
    )

    url = hf_hub_url(source.repo, source.file, revision=source.revision)
    try:
        found = get_hf_file_metadata(url, timeout=ANSWER_SECONDS)
    except Exception as e:  # the library's errors have no common base: HTTP ones are OSErrors, connection ones are not
        raise SourceError(
            f"Hugging Face cannot be reached or has no {source.repo}/{source.file} ({_reason(e)})."
        ) from e
    published = found.etag if found.etag and _SHA256.fullmatch(found.etag) else None
    sha256 = entry.sha256 or published
    if sha256 is None or found.size is None:
        raise SourceError(f"Hugging Face publishes no checksum for {source.repo}/{source.file}.")
    if entry.sha256 and (found.size != entry.size or (published and published != entry.sha256)):
        raise SourceError(f"Hugging Face now has another file as {source.repo}/{source.file} than the catalogue names.")
    pinned = hf_hub_url(source.repo, source.file, revision=found.commit_hash or source.revision)
    return HubFile(url=pinned, size=found.size, sha256=sha256)


def fetch(file: HubFile, partial: Partial, progress: Progress) -> None:
    """Bring the file, going on where an earlier attempt at it stopped. Raises SourceError; OSError for the disk."""
    from huggingface_hub.file_download import (
        http_get,  # pyright: ignore[reportUnknownVariableType]  # its annotations are incomplete
    )
    from huggingface_hub.utils import (
        build_hf_headers,  # pyright: ignore[reportUnknownVariableType]  # its annotations are incomplete
        disable_progress_bars,
    )

    disable_progress_bars()
    mark, start = partial.mark(), 0
    if mark and mark.sha256 == file.sha256:
        start = min(partial.size if mark.origin == "huggingface" else mark.length, file.size)
    with partial.append(start) as raw:
        partial.set_mark(Mark(sha256=file.sha256, origin="huggingface", length=start))
        counted = Counted(raw, start, file.size, progress)
        try:
            http_get(
                file.url,
                cast(BinaryIO, counted),
                resume_size=start,
                headers=build_hf_headers(),
                expected_size=file.size,
            )
        except Exception as e:  # as above; a full disk is an OSError too and must stay one
            if isinstance(e, OSError) and e.errno is not None and not isinstance(e, ConnectionError | TimeoutError):
                raise
            raise SourceError(f"The download from Hugging Face broke off ({_reason(e)}).") from e


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]

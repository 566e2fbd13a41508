"""Which files a command may look at without asking: those of the workspace that do not look like secrets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from codeagent.tools.commands.words import NotUnderstoodError

SECRET_NAMES = (
    ".env", ".env.*", "*.env", ".envrc", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "id_rsa*",
    "id_dsa*", "id_ecdsa*", "id_ed25519*", ".netrc", "_netrc", ".npmrc", ".pypirc", ".git-credentials", ".pgpass",
    ".my.cnf", ".htpasswd", ".dockercfg", "credentials", "credentials.json", "credentials.y*ml", "secrets.json",
    "secrets.y*ml", "secrets.toml", "secrets.txt", ".*_history", ".ssh", ".aws", ".gnupg", ".kube", ".docker",
    ".password-store", "*.tfstate", "service-account*.json",
)  # fmt: skip
"""Names, in small letters, of files and folders that hold secrets where they are what they are called."""
_HARMLESS = (".env.example", ".env.sample", ".env.template", ".env.dist", "*.pub")
NOTHING = "/dev/null"


def is_secret(name: str) -> bool:
    """Whether a file or folder of this name looks like one that holds secrets."""
    folded = name.casefold()
    if any(fnmatchcase(folded, pattern) for pattern in _HARMLESS):
        return False
    return any(fnmatchcase(folded, pattern) for pattern in SECRET_NAMES)


class Reach:
    """Says of each path that a command names whether it may be looked at."""

    def __init__(self, roots: Sequence[Path], folder: Path) -> None:
        """`roots` are the workspace's folders, free of symbolic links; `folder` is where the command runs."""
        self.roots = tuple(roots)
        self.folder = folder

    def within(self, folder: str) -> Reach:
        """The same after a `cd`. Raises NotUnderstoodError if it leads out, or to no folder."""
        path = self.look(folder)
        if not path.is_dir():
            raise NotUnderstoodError(f"goes to {folder}, which is no folder")
        return Reach(self.roots, path)

    def look(self, name: str) -> Path:
        """Where a path leads, symbolic links followed. Raises NotUnderstoodError if that is outside or secret."""
        if name == NOTHING:
            return Path(name)
        try:
            path = Path(os.path.realpath(self.folder / name))
        except (OSError, ValueError):
            raise NotUnderstoodError(f"names {name}, which cannot be found") from None
        if not any(path.is_relative_to(root) for root in self.roots):
            raise NotUnderstoodError(f"looks at {name}, which is outside the workspace")
        given = [part for part in Path(name).parts if part not in ("/", "..", ".")]
        root = next(root for root in self.roots if path.is_relative_to(root))
        secret = next((part for part in (*given, *path.relative_to(root).parts) if is_secret(part)), None)
        if secret is not None:
            raise NotUnderstoodError(f"looks at {name}, which may hold secrets")
        return path

    def check_value(self, text: str) -> None:
        """A word that is taken for something else than a path must not lead out of the workspace if it is one."""
        if text == "/":
            return  # a separator, as in cut -d/: nothing of the whole disk is read for it
        if ".." in Path(text).parts or text.startswith(("/", "~")):
            raise NotUnderstoodError(f"has the option value {text}, which may be a path outside the workspace")
        if os.path.lexists(self.folder / text):
            self.look(text)

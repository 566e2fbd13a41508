"""What of an environment a command may see; knows no command and starts nothing."""

from __future__ import annotations

from collections.abc import Mapping

# What programs need to work as they do for the person. Everything else stays here: keys and tokens, and what makes
# other programs run code (PYTHON*, LD_PRELOAD, BASH_ENV, GIT_*, NODE_OPTIONS).
_PASSED_ON = """
    PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TEMP TMP CI
    XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_RUNTIME_DIR
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS
    HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy
    VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV PYENV_ROOT PYENV_VERSION
    CARGO_HOME RUSTUP_HOME RUSTUP_TOOLCHAIN GOPATH GOROOT GOCACHE GOMODCACHE GOPROXY GOTOOLCHAIN
    JAVA_HOME MAVEN_HOME GRADLE_USER_HOME NVM_DIR NVM_BIN VOLTA_HOME PNPM_HOME COREPACK_HOME
    LD_LIBRARY_PATH CUDA_HOME CUDA_VISIBLE_DEVICES SDKROOT DEVELOPER_DIR
"""
_SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH", "COOKIE")
_FIXED = {
    "TERM": "dumb",
    "NO_COLOR": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    # An edit within a second of a run, of the same length, would not be seen by Python if it had written bytecode.
    "PYTHONDONTWRITEBYTECODE": "1",
}


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What of an environment a command may see: known harmless names, nothing that looks like a secret, no terminal."""
    passed_on = frozenset(_PASSED_ON.split())
    kept = {
        name: value
        for name, value in environ.items()
        if (name in passed_on or name.startswith("LC_"))
        and not any(word in name.upper() for word in _SECRET_WORDS)
        and not (name.lower().endswith("_proxy") and "@" in value)
    }
    return kept | _FIXED

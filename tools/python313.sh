#!/bin/sh
# Prints the folder of a real Python 3.13, the version that Lambda runs, for `sam build` to find first on its PATH.
#
# A shim (pyenv, asdf) is not enough: `sam build` looks at the file it finds. So every candidate is run and asked for
# the executable behind it. PYTHON313=/path/to/python3.13 comes first, if set.

for candidate in \
    "${PYTHON313:-}" \
    python3.13 \
    python3 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13 \
    "$HOME"/.local/share/uv/python/cpython-3.13*/bin/python3.13 \
    "$HOME"/.asdf/installs/python/3.13*/bin/python3.13 \
    "$HOME"/.local/share/mise/installs/python/3.13*/bin/python3.13 \
    /opt/homebrew/bin/python3.13 \
    /usr/local/bin/python3.13; do
    [ -n "$candidate" ] || continue
    folder=$("$candidate" -c '
import os, sys
folder = os.path.dirname(sys.executable)
wanted = sys.version_info[:2] == (3, 13) and os.access(os.path.join(folder, "python3.13"), os.X_OK)
print(folder) if wanted else sys.exit(1)' 2>/dev/null) || continue
    echo "$folder"
    exit 0
done

cat >&2 <<'MESSAGE'
`make build` needs Python 3.13, the version that Lambda runs, and found none. Any of these installs it:

    uv python install 3.13          (https://docs.astral.sh/uv)
    pyenv install 3.13              (https://github.com/pyenv/pyenv)
    brew install python@3.13        (macOS)
    sudo apt install python3.13     (Debian 13, Ubuntu 25.04 or newer)

If it lies somewhere unusual: make build PYTHON313=/path/to/python3.13
`make test` and `make demo` do not need it; any Python from 3.11 on will do for them.
MESSAGE
exit 1

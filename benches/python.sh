# Sourced by scripts that need a certain Python.

# python_of_version VERSION [VARIABLE]
#
# Prints a command that runs Python of that version, such as 3.12, or says what to set: the variable (PYTHON, where
# none is named), which is taken where it is set. A name that exists is not enough: pyenv has a python3.12 that
# fails where another version is selected.
python_of_version() {
    local wanted=$1 variable=${2:-PYTHON} pyenv=${PYENV_ROOT:-${HOME:-}/.pyenv} candidate
    local candidates=("python$wanted" python3 python "$pyenv/versions/$wanted".*/bin/python)
    [ -z "${!variable:-}" ] || candidates=("${!variable}")
    for candidate in "${candidates[@]}"; do
        if [[ "$("$candidate" --version 2>&1)" == "Python $wanted."* ]]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    echo "expected Python $wanted, found none under these names: ${candidates[*]}" >&2
    echo "hint: set $variable to one, as in $variable=/path/to/python$wanted $0" >&2
    return 1
}

#!/bin/sh
# Builds the virtual environments of the peer programs: bench/setup.sh [DIR]   (DIR is bench/venv unless given)
#
#   DIR/jax-0.10  JAX 0.10.2 and PyTorch 2.15.0, on Python 3.11
#   DIR/jax-0.12  JAX 0.12.0.1, on Python 3.12 or later, which it needs
#
# Both versions of JAX are worth a row: which one is faster depends on the program. PyTorch brings 5 GB of packages
# that a CPU never uses, but does not import without them. Two to four minutes; torch.compile also needs g++.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${1:-$here/venv}

# find_python VERSION...: the first Python of these versions, on the path or under pyenv.
find_python() {
	for version in "$@"; do
		for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python; do
			if command -v "$candidate" >/dev/null 2>&1 &&
				[ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$version" ]; then
				echo "$candidate"
				return
			fi
		done
	done
	echo "no Python of version $* found: install one, or put it on the path" >&2
	return 1
}

build() { # build NAME PYTHON
	"$2" -m venv "$dir/$1"
	"$dir/$1/bin/pip" install --quiet --requirement "$here/peers/$1.txt"
	"$dir/$1/bin/python" -c 'import sys, jax; print("Python", sys.version.split()[0], "JAX", jax.__version__)'
}

old=$(find_python 3.11)
new=$(find_python 3.13 3.12 3.14)
mkdir -p "$dir"
build jax-0.10 "$old"
"$dir/jax-0.10/bin/python" -c 'import torch; print("PyTorch", torch.__version__, torch.backends.cpu.get_cpu_capability())'
build jax-0.12 "$new"
command -v g++ >/dev/null || echo "warning: no g++, torch.compile will fail" >&2

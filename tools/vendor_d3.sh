#!/usr/bin/env bash
# Renews api/viewer/vendor/d3 from the release of D3 named on the command line: tools/vendor_d3.sh 7.9.0
# Needs npm, whose own settings say where packages come from; nothing of the package is executed.
set -euo pipefail

version="${1:?usage: tools/vendor_d3.sh VERSION}"
target="$(cd "$(dirname "$0")/.." && pwd)/api/viewer/vendor/d3"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

(cd "$scratch" && npm pack --ignore-scripts --silent "d3@$version" >/dev/null && tar -xzf "d3-$version.tgz")
install -m 644 "$scratch/package/dist/d3.min.js" "$scratch/package/LICENSE" "$target/"
python3 - "$target" "$version" <<'PYTHON'
import hashlib, json, pathlib, sys

target, version = pathlib.Path(sys.argv[1]), sys.argv[2]
files = {name: hashlib.sha256((target / name).read_bytes()).hexdigest() for name in ("LICENSE", "d3.min.js")}
manifest = {"name": "d3", "version": version, "licence": "ISC", "sha256": files}
(target / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
PYTHON
echo "D3 $version is in $target; run the browser tests before committing it."

"""The generated code in the repository is what its sources give."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")


def generated_files(root):
    folder = root / "protos/swarm/v1"
    return {path.name: path.read_text() for pattern in GENERATED for path in folder.glob(pattern)}


def test_regenerating_leaves_no_diff(tmp_path):
    subprocess.run(
        [ROOT / ".ci/generate-protos", tmp_path], env={**os.environ, "PYTHON": sys.executable}, check=True, timeout=300
    )
    fresh = generated_files(tmp_path)
    assert fresh
    assert fresh == generated_files(ROOT)

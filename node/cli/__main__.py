"""`python -m node.cli`: the command line where its script is not on the search path."""

from node.cli import main

main(prog_name="swarm-node")

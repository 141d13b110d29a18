"""The command line: one file per command group; a command declares options, calls one function, prints."""

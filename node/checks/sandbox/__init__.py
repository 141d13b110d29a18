"""Where untrusted code runs: build scripts, procedural macros, the compiler on other people's code, and tests."""

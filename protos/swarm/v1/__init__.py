"""Version 1 of the protocol buffers. Generated files are never edited: `make protos` rewrites them."""

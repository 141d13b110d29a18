"""The node: everything that touches the world. Start reading in `app.py`."""

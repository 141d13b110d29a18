"""Text models that generate and judge; the source engine, which needs none, lives in `node.tasks`."""

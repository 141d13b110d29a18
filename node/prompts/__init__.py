"""What language models are asked, as versioned files: one per task category, one per thing a judge is asked.

A file decides what comes out, so it is named by its digest: each row a model wrote carries the digest of its prompt
(`Prompt.digest`), and a job signs the digest of all of them (`PROMPTS.digest`). Whoever changes a file changes its
`version` too; a node whose files differ from the job's does not generate for it.
"""

from node.prompts.library import PROMPTS, Prompt, PromptError, Prompts, fill, load_prompts
from node.prompts.material import inert, quoted

__all__ = ["PROMPTS", "Prompt", "PromptError", "Prompts", "fill", "inert", "load_prompts", "quoted"]

"""A language model of 3.5 MB with random weights, for tests of the plumbing against real vLLM. It knows nothing.

Being random it samples uniformly and hits corners of a grammar that a trained model meets once in 10,000 answers. It is
built where it is needed and never committed; its config carries `RANDOM_MARK`, which makes a node refuse it.
"""

from __future__ import annotations

import json
from pathlib import Path

from node.engines.settings import RANDOM_MARK

VOCABULARY = 4096
CONTEXT_TOKENS = 4096
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CORPUS_BYTES = 1_000_000


def build_tiny_checkpoint(folder: Path, corpus: list[Path]) -> Path:
    """Train a tokenizer on `corpus` and write a Qwen3 of two layers with random weights into `folder`."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    _build_tokenizer(corpus).save_pretrained(folder)
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        eos_token_id=SPECIALS.index("<|im_end|>"),
        pad_token_id=SPECIALS.index("<|endoftext|>"),
    )
    torch.manual_seed(0)
    Qwen3ForCausalLM(config).save_pretrained(folder)
    described = folder / "config.json"
    described.write_text(json.dumps(json.loads(described.read_text()) | {RANDOM_MARK: True}))
    return folder


def _build_tokenizer(corpus: list[Path]):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_pieces(corpus), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHATML
    )


def _pieces(corpus: list[Path]):
    left = CORPUS_BYTES
    for path in corpus:
        text = path.read_text(errors="replace")[:left]
        left -= len(text)
        yield text
        if left <= 0:
            return

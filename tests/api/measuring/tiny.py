"""Configs of the smallest models that still have everything: grouped queries, windows, experts, soft caps, biases."""

from __future__ import annotations

from typing import Any

BLOCKS = 2
LAYERS = BLOCKS + 2
VOCABULARY = 53

_LIKE_LLAMA = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
}
_NO_DROPOUT = {"embd_pdrop": 0.0, "resid_pdrop": 0.0, "attn_pdrop": 0.0}

CONFIGS: dict[str, dict[str, Any]] = {
    "llama": {**_LIKE_LLAMA, "model_type": "llama"},
    "gpt2": {
        **_NO_DROPOUT,
        "model_type": "gpt2",
        "n_embd": 32,
        "n_layer": BLOCKS,
        "n_head": 4,
        "vocab_size": VOCABULARY,
        "n_positions": 32,
        "bos_token_id": 1,
        "eos_token_id": 2,
    },
    "qwen2": {
        **_LIKE_LLAMA,
        "model_type": "qwen2",
        "use_sliding_window": True,
        "sliding_window": 5,
        "max_window_layers": 1,
    },
    "qwen3": {**_LIKE_LLAMA, "model_type": "qwen3", "head_dim": 8},
    "mistral": {**_LIKE_LLAMA, "model_type": "mistral", "sliding_window": 5},
    "mixtral": {**_LIKE_LLAMA, "model_type": "mixtral", "num_local_experts": 4},
    "gemma": {**_LIKE_LLAMA, "model_type": "gemma", "head_dim": 16, "tie_word_embeddings": True},
    "gemma2": {
        **_LIKE_LLAMA,
        "model_type": "gemma2",
        "head_dim": 16,
        "sliding_window": 5,
        "tie_word_embeddings": True,
    },
    "phi": {**_LIKE_LLAMA, **_NO_DROPOUT, "model_type": "phi", "num_key_value_heads": 4},
    "phi3": {**_LIKE_LLAMA, **_NO_DROPOUT, "model_type": "phi3"},
}

"""Makes the GGUF files of this directory, and beside them what a reader must get out of them.

It is written from the description of the format and knows nothing of the engine's code:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and the block structures of ggml-common.h.

    python3 make.py      (Python 3.10 or later, and numpy)

blocks.gguf has a tensor of each number format, with random bits. blocks.safetensors has the same numbers in float32.
little.gguf is a small model, and little/ is the same model as a Hugging Face directory.
"""

import json
import os
import struct

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
F32, F16, Q4_0, Q8_0, Q4_K, Q5_K, Q6_K, BF16 = 0, 1, 2, 8, 12, 13, 14, 30
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64 = 4, 5, 6, 7, 8, 9, 10


# ---- The container ----------------------------------------------------------------------------------------------


def text(value):
    raw = value.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


def scalar(kind, value):
    if kind == STRING:
        return text(value)
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?", UINT64: "<Q"}[kind], value)


def entry(key, kind, value):
    if isinstance(value, list):
        items = b"".join(scalar(kind, item) for item in value)
        return text(key) + struct.pack("<IIQ", ARRAY, kind, len(value)) + items
    return text(key) + struct.pack("<I", kind) + scalar(kind, value)


def padded(raw, alignment):
    return raw + b"\0" * (-len(raw) % alignment)


def write_gguf(path, metadata, tensors, alignment=32):
    """metadata: (key, type, value); tensors: (name, type, shape with the outer dimension first, bytes)."""
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    header += b"".join(entry(*each) for each in metadata)
    data = b""
    for name, kind, shape, raw in tensors:
        header += text(name) + struct.pack("<I", len(shape))
        header += b"".join(struct.pack("<Q", size) for size in reversed(shape))
        header += struct.pack("<IQ", kind, len(data))
        data += padded(raw, alignment)
    with open(path, "wb") as file:
        file.write(padded(header, alignment) + data)


def write_safetensors(path, tensors):
    """tensors: name to array, float32 or, as uint16, bfloat16."""
    header, data = {}, b""
    for name, array in tensors.items():
        raw = array.tobytes()
        kind = "BF16" if array.dtype == np.uint16 else "F32"
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head + data)


# ---- The number formats: rows of blocks, uint8 [blocks, bytes of a block], to float32 [blocks, numbers] --------


def half(raw):
    return np.ascontiguousarray(raw).view("<f2").astype(np.float32)


def decode_q4_0(raw):
    """struct { half d; uint8_t qs[16]; }"""
    d, qs = half(raw[:, :2]), raw[:, 2:]
    integers = np.concatenate([qs & 15, qs >> 4], axis=1).astype(np.int32) - 8
    return integers.astype(np.float32) * d


def decode_q8_0(raw):
    """struct { half d; int8_t qs[32]; }"""
    return np.ascontiguousarray(raw[:, 2:]).view(np.int8).astype(np.float32) * half(raw[:, :2])


def scales_and_minimums(scales):
    """12 bytes have eight pairs of 6 bits."""
    first, second, third = scales[:, 0:4], scales[:, 4:8], scales[:, 8:12]
    scale = np.concatenate([first & 63, (third & 15) | ((first >> 6) << 4)], axis=1)
    minimum = np.concatenate([second & 63, (third >> 4) | ((second >> 6) << 4)], axis=1)
    return scale.astype(np.float32), minimum.astype(np.float32)


def decode_q4_k(raw):
    """struct { half d; half dmin; uint8_t scales[12]; uint8_t qs[128]; }"""
    d, dmin = half(raw[:, 0:2]), half(raw[:, 2:4])
    scale, minimum = scales_and_minimums(raw[:, 4:16])
    qs = raw[:, 16:144].reshape(-1, 4, 32)
    integers = np.stack([qs & 15, qs >> 4], axis=2).reshape(-1, 8, 32).astype(np.float32)
    return ((d * scale)[:, :, None] * integers - (dmin * minimum)[:, :, None]).reshape(-1, 256)


def decode_q5_k(raw):
    """struct { half d; half dmin; uint8_t scales[12]; uint8_t qh[32]; uint8_t qs[128]; }"""
    d, dmin = half(raw[:, 0:2]), half(raw[:, 2:4])
    scale, minimum = scales_and_minimums(raw[:, 4:16])
    qh = raw[:, 16:48].reshape(-1, 1, 32)
    qs = raw[:, 48:176].reshape(-1, 4, 32)
    low = np.stack([qs & 15, qs >> 4], axis=2).reshape(-1, 8, 32)
    high = (qh >> np.arange(8, dtype=np.uint8).reshape(1, 8, 1)) & 1
    integers = (low + 16 * high).astype(np.float32)
    return ((d * scale)[:, :, None] * integers - (dmin * minimum)[:, :, None]).reshape(-1, 256)


def decode_q6_k(raw):
    """struct { uint8_t ql[128]; uint8_t qh[64]; int8_t scales[16]; half d; }"""
    ql = raw[:, 0:128].reshape(-1, 2, 2, 32)  # halves, bytes 0-31 and 32-63
    qh = raw[:, 128:192].reshape(-1, 2, 1, 32)
    low = np.concatenate([ql & 15, ql >> 4], axis=2)  # halves, quarters
    high = (qh >> np.array([0, 2, 4, 6], dtype=np.uint8).reshape(1, 1, 4, 1)) & 3
    integers = ((low | (high << 4)).astype(np.int32) - 32).astype(np.float32).reshape(-1, 16, 16)
    scale = np.ascontiguousarray(raw[:, 192:208]).view(np.int8).astype(np.float32)
    return ((half(raw[:, 208:210]) * scale)[:, :, None] * integers).reshape(-1, 256)


def decode_bf16(raw):
    return (np.ascontiguousarray(raw).view("<u2").astype(np.uint32) << 16).view(np.float32)


def decode_f32(raw):
    return np.ascontiguousarray(raw).view("<f4")


# name, type, numbers in a block, bytes of a block, offsets of its float16 numbers, decoder
FORMATS = [
    ("f32", F32, 1, 4, [], decode_f32),
    ("f16", F16, 1, 2, [], half),
    ("bf16", BF16, 1, 2, [], decode_bf16),
    ("q4_0", Q4_0, 32, 18, [0], decode_q4_0),
    ("q8_0", Q8_0, 32, 34, [0], decode_q8_0),
    ("q4_k", Q4_K, 256, 144, [0, 2], decode_q4_k),
    ("q5_k", Q5_K, 256, 176, [0, 2], decode_q5_k),
    ("q6_k", Q6_K, 256, 210, [208], decode_q6_k),
]

# Scales: zero, the smallest, negative ones, the largest of float16, and random ones.
SCALES = [0.0, 6e-8, -6e-8, 65504.0, -65504.0, 1.0, -0.25, 6.1e-5]


def make_blocks(random):
    gguf, numbers = [], {}
    for name, kind, size, block_bytes, halves, decode in FORMATS:
        rows, columns = 3, 512
        blocks = rows * columns // size
        raw = random.integers(0, 256, (blocks, block_bytes), dtype=np.uint8)
        for at in halves:
            scales = random.normal(0, 0.05, blocks).astype(np.float16)
            scales[: min(blocks, len(SCALES))] = np.roll(SCALES, at)[: min(blocks, len(SCALES))]
            raw[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
        if not halves:  # plain numbers, all finite
            values = random.normal(0, 1, blocks).astype(np.float32)
            values[: len(SCALES)] = SCALES
            if kind == F32:
                raw = values.view(np.uint8).reshape(-1, 4)
            elif kind == F16:
                raw = values.astype(np.float16).view(np.uint8).reshape(-1, 2)
            else:
                raw = (values.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8).reshape(-1, 2)
        gguf.append((name + ".weight", kind, (rows, columns), raw.tobytes()))
        numbers[name + ".weight"] = decode(raw).reshape(rows, columns).astype(np.float32)
    write_gguf(os.path.join(HERE, "blocks.gguf"), [("general.architecture", STRING, "qwen3")], gguf)
    write_safetensors(os.path.join(HERE, "blocks.safetensors"), numbers)


# ---- A small model ----------------------------------------------------------------------------------------------

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
ADDED = ["<think>", "</think>"]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HIDDEN, LAYERS, HEADS, KEY_HEADS, HEAD, WIDE = 32, 2, 4, 2, 16, 48


def alphabet():
    """The characters that stand for bytes in a byte-level vocabulary."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    shown = {byte: chr(byte) for byte in plain}
    for byte in range(256):
        if byte not in shown:
            shown[byte] = chr(256 + len(shown) - len(plain))
    return [shown[byte] for byte in range(256)]


def vocabulary():
    """All bytes, and merges for some English words."""
    tokens, merges = alphabet(), []
    for word in ["the", "\u0120the", "\u0120and", "ing", "\u0120in", "er", "\u00c3\u00a9", "\u0120of", "\u0120a", "an"]:
        left = word[0]
        for right in word[1:]:
            if left + right not in tokens:
                tokens.append(left + right)
                merges.append(left + " " + right)
            left += right
    return tokens, merges


def make_little(random):
    tokens, merges = vocabulary()
    base = len(tokens)
    rows = base + len(SPECIAL) + len(ADDED) + 7  # and rows that no token has
    ids = {token: base + i for i, token in enumerate(SPECIAL + ADDED)}

    def normal(*shape):
        return random.normal(0, 0.3, shape).astype(np.float32)

    def bfloat(*shape):
        return (normal(*shape).view(np.uint32) >> 16).astype(np.uint16)

    # The name in GGUF, the name of transformers, and the numbers.
    weights = [
        ("token_embd.weight", "model.embed_tokens.weight", normal(rows, HIDDEN)),
        ("output_norm.weight", "model.norm.weight", 1 + normal(HIDDEN)),
    ]
    for i in range(LAYERS):
        make = bfloat if i == 1 else normal
        for name, other, array in [
            ("attn_norm", "input_layernorm", 1 + normal(HIDDEN)),
            ("attn_q", "self_attn.q_proj", make(HEADS * HEAD, HIDDEN)),
            ("attn_k", "self_attn.k_proj", make(KEY_HEADS * HEAD, HIDDEN)),
            ("attn_v", "self_attn.v_proj", make(KEY_HEADS * HEAD, HIDDEN)),
            ("attn_q_norm", "self_attn.q_norm", 1 + normal(HEAD)),
            ("attn_k_norm", "self_attn.k_norm", 1 + normal(HEAD)),
            ("attn_output", "self_attn.o_proj", make(HIDDEN, HEADS * HEAD)),
            ("ffn_norm", "post_attention_layernorm", 1 + normal(HIDDEN)),
            ("ffn_gate", "mlp.gate_proj", make(WIDE, HIDDEN)),
            ("ffn_up", "mlp.up_proj", make(WIDE, HIDDEN)),
            ("ffn_down", "mlp.down_proj", make(HIDDEN, WIDE)),
        ]:
            weights.append((f"blk.{i}.{name}.weight", f"model.layers.{i}.{other}.weight", array))

    def kind(array):
        return BF16 if array.dtype == np.uint16 else F32

    padding = [f"[PAD{i}]" for i in range(base + len(ids), rows)]
    metadata = [
        ("general.architecture", STRING, "qwen3"),
        ("general.type", STRING, "model"),
        ("general.name", STRING, "little"),
        ("general.tags", STRING, ["test", "random"]),
        ("general.quantization_version", UINT32, 2),
        ("general.alignment", UINT32, 64),
        ("qwen3.block_count", UINT32, LAYERS),
        ("qwen3.context_length", UINT32, 512),
        ("qwen3.embedding_length", UINT32, HIDDEN),
        ("qwen3.feed_forward_length", UINT32, WIDE),
        ("qwen3.attention.head_count", UINT32, HEADS),
        ("qwen3.attention.head_count_kv", UINT32, KEY_HEADS),
        ("qwen3.attention.key_length", UINT32, HEAD),
        ("qwen3.attention.value_length", UINT32, HEAD),
        ("qwen3.attention.layer_norm_rms_epsilon", FLOAT32, 1e-6),
        ("qwen3.rope.freq_base", FLOAT32, 1e6),
        ("tokenizer.ggml.model", STRING, "gpt2"),
        ("tokenizer.ggml.pre", STRING, "qwen2"),
        ("tokenizer.ggml.tokens", STRING, tokens + SPECIAL + ADDED + padding),
        ("tokenizer.ggml.token_type", INT32, [1] * base + [3] * len(SPECIAL) + [4] * len(ADDED) + [5] * len(padding)),
        ("tokenizer.ggml.merges", STRING, merges),
        ("tokenizer.ggml.eos_token_id", UINT32, ids["<|im_end|>"]),
        ("tokenizer.ggml.padding_token_id", UINT32, ids["<|endoftext|>"]),
        ("tokenizer.ggml.bos_token_id", UINT32, ids["<|endoftext|>"]),
        ("tokenizer.ggml.add_bos_token", BOOL, False),
        ("tokenizer.chat_template", STRING, TEMPLATE),
    ]
    tensors = [(name, kind(array), array.shape, array.tobytes()) for name, _, array in weights]
    write_gguf(os.path.join(HERE, "little.gguf"), metadata, tensors, 64)

    directory = os.path.join(HERE, "little")
    os.makedirs(directory, exist_ok=True)

    def write(name, content):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=False)
            file.write("\n")

    write_safetensors(os.path.join(directory, "model.safetensors"), {name: array for _, name, array in weights})
    write(
        "config.json",
        {
            "architectures": ["Qwen3ForCausalLM"],
            "model_type": "qwen3",
            "vocab_size": rows,
            "hidden_size": HIDDEN,
            "intermediate_size": WIDE,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": KEY_HEADS,
            "head_dim": HEAD,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-6,
            "rope_theta": 1000000,
            "max_position_embeddings": 512,
            "tie_word_embeddings": True,
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
        },
    )
    write("generation_config.json", {"eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]]})
    write(
        "tokenizer_config.json",
        {
            "add_bos_token": False,
            "bos_token": None,
            "eos_token": "<|im_end|>",
            "tokenizer_class": "Qwen2Tokenizer",
            "chat_template": TEMPLATE,
        },
    )
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    write(
        "tokenizer.json",
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {"id": id, "content": token, **flags, "special": token in SPECIAL} for token, id in ids.items()
            ],
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False},
                    byte_level,
                ],
            },
            "post_processor": byte_level,
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": "",
                "end_of_word_suffix": "",
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {token: id for id, token in enumerate(tokens)},
                "merges": merges,
            },
        },
    )


if __name__ == "__main__":
    make_blocks(np.random.default_rng(23))
    make_little(np.random.default_rng(24))

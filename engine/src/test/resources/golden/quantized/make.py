"""Makes a small quantized checkpoint of each scheme in this directory, and the same model without quantization.

It is written from the descriptions of the formats and knows nothing of the engine's code: the papers of GPTQ and AWQ,
the shapes and the packing in the documentation of GPTQModel, AutoAWQ and compressed-tensors, and the tensors of the
published Qwen3-FP8 models.

    python3 make.py      (Python 3.10 or later, and numpy)

Integers, zero points, scales and floats of 8 bits are drawn at random. They are packed as the scheme says, into
NAME/model.safetensors, and their values are computed without the packed form: (integer - zero point) * scale in
float32. NAME/expected.safetensors.gz has these values, and the tensors that are not quantized.
"""

import gzip
import json
import os
import struct

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


# ---- Files ------------------------------------------------------------------------------------------------------


class Bf16:
    """Numbers in bfloat16; `values` are the same numbers in float32."""

    def __init__(self, values):
        self.bits = (np.asarray(values, dtype=np.float32).view(np.uint32) >> 16).astype("<u2")
        self.values = (self.bits.astype(np.uint32) << 16).view(np.float32)
        self.shape = self.bits.shape


class F16:
    """Numbers in float16."""

    def __init__(self, values):
        self.bits = np.asarray(values).astype("<f2")
        self.values = self.bits.astype(np.float32)
        self.shape = self.bits.shape


class F32:
    """Numbers in float32."""

    def __init__(self, values):
        self.bits = self.values = np.asarray(values).astype("<f4")
        self.shape = self.bits.shape


class Float8:
    """Numbers in F8_E4M3: a sign, 4 bits of exponent with the bias 7, 3 bits of fraction, and no infinities."""

    def __init__(self, bits):
        self.bits = bits
        sign = np.where(bits & 0x80, -1.0, 1.0)
        exponent, fraction = ((bits >> 3) & 15).astype(np.float64), (bits & 7).astype(np.float64)
        magnitude = np.where(exponent == 0, 2.0**-6 * fraction / 8, 2.0 ** (exponent - 7) * (1 + fraction / 8))
        self.values = (sign * magnitude).astype(np.float32)
        self.shape = bits.shape


def dtype(array):
    names = {Bf16: "BF16", F16: "F16", F32: "F32", Float8: "F8_E4M3"}
    if type(array) in names:
        return names[type(array)]
    return {"int8": "I8", "int32": "I32", "int64": "I64"}[array.dtype.name]


def safetensors(tensors):
    header, data = {}, b""
    for name, array in tensors.items():
        raw = getattr(array, "bits", array).tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": dtype(array), "shape": list(array.shape), "data_offsets": offsets}
        data += raw
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + data


# ---- Packing ----------------------------------------------------------------------------------------------------


def pack(integers, bits, axis, order=None):
    """Packs unsigned integers into words of 32 bits along an axis, the first in the lowest bits.

    order[i] is the place, among those of a word, of the integer in the i-th lowest bits.
    """
    count = 32 // bits
    integers = np.moveaxis(integers, axis, -1)
    missing = -integers.shape[-1] % count
    integers = np.pad(integers, [(0, 0)] * (integers.ndim - 1) + [(0, missing)])
    integers = integers.reshape(*integers.shape[:-1], -1, count).astype(np.uint32)
    words = np.zeros(integers.shape[:-1], dtype=np.uint32)
    for i in range(count):
        words |= integers[..., i if order is None else order[i]] << np.uint32(bits * i)
    return np.ascontiguousarray(np.moveaxis(words, -1, axis)).view(np.int32)


def scales_at_random(random, shape, size, least=6e-8):
    """Scales of both signs, and some that are zero or subnormal in float16; `least` is 2^-24 in BF16 and F16."""
    scales = random.uniform(0.5, 1.5, shape) * size
    if scales.size >= 8:
        scales.flat[1], scales.flat[3], scales.flat[5] = -size, 0, least
    return scales


def runs(inputs, size):
    return np.arange(inputs) // size


# ---- The schemes: a weight [outputs, inputs] as tensors, and its values -----------------------------------------


def gptq(random, outputs, inputs, bits, size, added, float_type, ordered=False, symmetric=False, index=True):
    size = inputs if size == -1 else size
    groups = -(-inputs // size)
    integers = random.integers(0, 2**bits, (inputs, outputs))
    zeros = random.integers(0, 2**bits, (groups, outputs))
    if symmetric:
        zeros[:] = 2 ** (bits - 1)
    scales = float_type(scales_at_random(random, (groups, outputs), 0.6 / 2**bits))
    group = runs(inputs, size)
    if ordered:
        group = random.permutation(group)
    tensors = {
        "qweight": pack(integers, bits, 0),
        "qzeros": pack((zeros - added) % 2**bits, bits, 1),
        "scales": scales,
    }
    if index:
        tensors["g_idx"] = group.astype(np.int32)
    values = (integers - zeros[group]).astype(np.float32) * scales.values[group]
    return tensors, values.T


def awq(random, outputs, inputs, size):
    groups = -(-inputs // size)
    integers = random.integers(0, 16, (inputs, outputs))
    zeros = random.integers(0, 16, (groups, outputs))
    scales = F16(scales_at_random(random, (groups, outputs), 0.04))
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    tensors = {
        "qweight": pack(integers, 4, 1, order),
        "qzeros": pack(zeros, 4, 1, order),
        "scales": scales,
    }
    group = runs(inputs, size)
    return tensors, ((integers - zeros[group]).astype(np.float32) * scales.values[group]).T


def packed(random, outputs, inputs, bits, size, symmetric=True, ordered=False, least=6e-8):
    size = inputs if size == -1 else size
    groups = -(-inputs // size)
    half = 2 ** (bits - 1)
    integers = random.integers(-half, half, (outputs, inputs))
    scales = Bf16(scales_at_random(random, (outputs, groups), 0.6 / 2**bits, least))
    zeros = np.zeros((outputs, groups), dtype=np.int64)
    group = runs(inputs, size)
    tensors = {
        "weight_packed": pack(integers + half, bits, 1),
        "weight_scale": scales,
        "weight_shape": np.array([outputs, inputs], dtype=np.int64),
    }
    if not symmetric:
        zeros = random.integers(-half, half, (outputs, groups))
        tensors["weight_zero_point"] = pack(zeros + half, bits, 0)
    if ordered:
        group = random.permutation(group)
        tensors["weight_g_idx"] = group.astype(np.int32)
    values = (integers - zeros[:, group]).astype(np.float32) * scales.values[:, group]
    return tensors, values


def whole_integers(random, outputs, inputs, shape, symmetric):
    integers = random.integers(-128, 128, (outputs, inputs))
    scales = Bf16(scales_at_random(random, shape, 0.003))
    tensors = {"weight": integers.astype(np.int8), "weight_scale": scales}
    zeros = np.zeros(shape, dtype=np.int64)
    if not symmetric:
        zeros = random.integers(-128, 128, shape)
        tensors["weight_zero_point"] = zeros.astype(np.int8)
    return tensors, (integers - zeros).astype(np.float32) * scales.values


def floats8(random, outputs, inputs):
    """Every pattern of bits but the two NaNs."""
    bits = random.integers(0, 256, (outputs, inputs)).astype(np.uint8)
    bits[(bits & 0x7F) == 0x7F] ^= 1
    return Float8(bits)


def floats(random, outputs, inputs, shape, name="weight_scale"):
    weight = floats8(random, outputs, inputs)
    scales = F32(scales_at_random(random, shape, 0.002))
    return {"weight": weight, name: scales}, weight.values * scales.values


def blocks(random, outputs, inputs, high, wide, name, float_type):
    weight = floats8(random, outputs, inputs)
    shape = (-(-outputs // high), -(-inputs // wide))
    scales = float_type(scales_at_random(random, shape, 0.002))
    each = scales.values[runs(outputs, high)][:, runs(inputs, wide)]
    return {"weight": weight, name: scales}, weight.values * each


def power_of_two(random, outputs, inputs):
    """The values have at most 4 significant bits, so they are bfloat16."""
    weight = floats8(random, outputs, inputs)
    scale = F32(2.0 ** random.integers(-11, -8))
    return {"weight": weight, "weight_scale": scale}, Bf16(weight.values * scale.values)


# ---- Models -----------------------------------------------------------------------------------------------------


def write_model(name, seed, quantization, quantize, kind="qwen3", hidden=32, wide=48, vocabulary=48, extra=None):
    """quantize(random, layer's name, outputs, inputs) returns the tensors of a weight and its values."""
    random = np.random.default_rng(seed)
    heads, key_heads, head, experts = 2, 1, 16, 4

    def normal(*shape):
        return random.normal(0, 0.3, shape).astype(np.float32)

    stored, expected = {}, {}

    def plain(name, array):
        stored[name] = expected[name] = array

    def quantized(layer, outputs, inputs):
        tensors, values = quantize(random, layer, outputs, inputs)
        for ending, array in tensors.items():
            stored[f"{layer}.{ending}"] = array
        expected[f"{layer}.weight"] = values if isinstance(values, Bf16) else F32(values)

    plain("model.embed_tokens.weight", Bf16(normal(vocabulary, hidden)))
    plain("model.norm.weight", Bf16(1 + normal(hidden)))
    layer = "model.layers.0"
    plain(f"{layer}.input_layernorm.weight", F16(1 + normal(hidden)))
    plain(f"{layer}.post_attention_layernorm.weight", F32(1 + normal(hidden)))
    widths = {"q": heads * head, "k": key_heads * head, "v": key_heads * head}
    for projection, outputs in widths.items():
        quantized(f"{layer}.self_attn.{projection}_proj", outputs, hidden)
        if kind == "qwen2":
            plain(f"{layer}.self_attn.{projection}_proj.bias", F16(normal(outputs)))
    quantized(f"{layer}.self_attn.o_proj", hidden, heads * head)
    if kind != "qwen2":
        plain(f"{layer}.self_attn.q_norm.weight", Bf16(1 + normal(head)))
        plain(f"{layer}.self_attn.k_norm.weight", Bf16(1 + normal(head)))
    places = [f"{layer}.mlp"]
    if kind == "qwen3_moe":
        plain(f"{layer}.mlp.gate.weight", Bf16(normal(experts, hidden)))
        places = [f"{layer}.mlp.experts.{expert}" for expert in range(experts)]
    for place in places:
        quantized(f"{place}.gate_proj", wide, hidden)
        quantized(f"{place}.up_proj", wide, hidden)
        quantized(f"{place}.down_proj", hidden, wide)
    for surplus, array in (extra or {}).items():
        stored[surplus] = array

    config = {
        "model_type": kind,
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": wide,
        "num_hidden_layers": 1,
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "head_dim": head,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "eos_token_id": 5,
    }
    if kind == "qwen3_moe":
        config |= {
            "num_experts": experts,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": wide,
            "norm_topk_prob": True,
            "decoder_sparse_step": 1,
            "mlp_only_layers": [],
        }
    config["quantization_config"] = quantization
    directory = os.path.join(HERE, name)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=1)
        file.write("\n")
    with open(os.path.join(directory, "model.safetensors"), "wb") as file:
        file.write(safetensors(stored))
    with open(os.path.join(directory, "expected.safetensors.gz"), "wb") as file:
        file.write(gzip.compress(safetensors(expected), 9, mtime=0))


def group_of(num_bits, kind, strategy, symmetric=True, activations=None, **more):
    weights = {"num_bits": num_bits, "type": kind, "strategy": strategy, "symmetric": symmetric, "dynamic": False}
    weights |= {"observer": "minmax", "observer_kwargs": {}, **more}
    return {"targets": ["Linear"], "weights": weights, "input_activations": activations, "output_activations": None}


def compressed(format, *groups, **more):
    return {
        "quant_method": "compressed-tensors",
        "format": format,
        "quantization_status": "compressed",
        "global_compression_ratio": None,
        "kv_cache_scheme": None,
        "ignore": ["lm_head", "re:.*mlp.gate$"],
        "config_groups": {f"group_{i}": group for i, group in enumerate(groups)},
        **more,
    }


def main():
    write_model(
        "gptq",
        1,
        {
            "quant_method": "gptq",
            "bits": 4,
            "group_size": 16,
            "desc_act": False,
            "sym": True,
            "damp_percent": 0.01,
            "true_sequential": True,
            "checkpoint_format": "gptq",
        },
        lambda random, _, outputs, inputs: gptq(random, outputs, inputs, 4, 16, 1, F16, symmetric=True),
        vocabulary=288,
    )
    write_model(
        "gptq-v2-int8",
        2,
        {
            "quant_method": "gptq",
            "bits": 8,
            "group_size": -1,
            "desc_act": False,
            "sym": False,
            "checkpoint_format": "gptq_v2",
            "pack_dtype": "int32",
            "dynamic": {"-:.*lm_head.*": {}},
        },
        lambda random, _, outputs, inputs: gptq(random, outputs, inputs, 8, -1, 0, Bf16, index=False),
    )
    write_model(
        "gptq-order",
        3,
        {"quant_method": "gptq", "bits": 4, "group_size": 8, "desc_act": True, "sym": False},
        lambda random, _, outputs, inputs: gptq(random, outputs, inputs, 4, 8, 1, F16, ordered=True),
        kind="qwen2",
        extra={
            "model.layers.0.self_attn.o_proj.bias": F16(np.zeros(32)),
            "model.layers.0.mlp.gate_proj.bias": F16(np.zeros(48)),
            "model.layers.0.mlp.up_proj.bias": F16(np.zeros(48)),
            "model.layers.0.mlp.down_proj.bias": F16(-np.zeros(32)),
        },
    )
    write_model(
        "awq",
        4,
        {
            "quant_method": "awq",
            "bits": 4,
            "group_size": 16,
            "zero_point": True,
            "version": "gemm",
            "modules_to_not_convert": None,
        },
        lambda random, _, outputs, inputs: awq(random, outputs, inputs, 16),
    )
    write_model(
        "packed-int4",
        5,
        compressed("pack-quantized", group_of(4, "int", "group", group_size=16)),
        lambda random, _, outputs, inputs: packed(random, outputs, inputs, 4, 16),
        kind="qwen3_moe",
        wide=16,
    )
    write_model(
        "packed-int4-zeros",
        6,
        compressed(
            "pack-quantized", group_of(4, "int", "group", symmetric=False, group_size=16, actorder="group")
        ),
        lambda random, _, outputs, inputs: packed(random, outputs, inputs, 4, 16, False, True),
        wide=44,
    )
    write_model(
        "packed-int8",
        7,
        compressed("pack-quantized", group_of(8, "int", "channel")),
        lambda random, _, outputs, inputs: packed(random, outputs, inputs, 8, -1),
        wide=46,
    )
    dynamic = {"num_bits": 8, "type": "int", "strategy": "token", "dynamic": True, "symmetric": True}
    write_model(
        "int8",
        8,
        compressed(
            "int-quantized",
            group_of(8, "int", "channel", symmetric=False, activations=dynamic),
            group_of(8, "int", "tensor", activations=dynamic),
        ),
        lambda random, layer, outputs, inputs: whole_integers(
            random, outputs, inputs, *([(outputs, 1), False] if "attn" in layer else [(1,), True])
        ),
    )
    static = {"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": False, "symmetric": True}
    write_model(
        "float8",
        9,
        compressed(
            "float-quantized",
            group_of(8, "float", "tensor", activations=static),
            group_of(8, "float", "channel", activations=static),
            kv_cache_scheme=static,
        ),
        lambda random, layer, outputs, inputs: floats(
            random, outputs, inputs, (1,) if "attn" in layer else (outputs, 1)
        ),
        extra={
            "model.layers.0.self_attn.q_proj.input_scale": F32([0.5]),
            "model.layers.0.self_attn.k_scale": F32([0.5]),
            "model.layers.0.self_attn.v_scale": F32([0.5]),
        },
    )
    write_model(
        "float8-blocks",
        10,
        compressed("float-quantized", group_of(8, "float", "block", block_structure=[20, 12])),
        lambda random, _, outputs, inputs: blocks(random, outputs, inputs, 20, 12, "weight_scale", Bf16),
    )
    write_model(
        "fp8",
        11,
        {
            "quant_method": "fp8",
            "fmt": "e4m3",
            "activation_scheme": "dynamic",
            "weight_block_size": [128, 128],
            "modules_to_not_convert": ["lm_head"],
        },
        lambda random, _, outputs, inputs: blocks(random, outputs, inputs, 128, 128, "weight_scale_inv", F32),
        wide=144,
    )
    write_model(
        "fp8-powers",
        12,
        {"quant_method": "fp8", "activation_scheme": "dynamic"},
        lambda random, _, outputs, inputs: power_of_two(random, outputs, inputs),
    )
    # In the next models, the integers and scales of some weights fit 4 or 8 bits with a scale for 32 or 128 inputs.
    write_model(
        "gptq-groups",
        13,
        {"quant_method": "gptq", "bits": 4, "group_size": 32, "desc_act": False, "sym": True},
        lambda random, _, outputs, inputs: gptq(random, outputs, inputs, 4, 32, 1, F16, symmetric=True),
        hidden=64,
        wide=104,
    )
    write_model(
        "gptq-int8",
        14,
        {"quant_method": "gptq", "bits": 8, "group_size": -1, "desc_act": False, "sym": True},
        lambda random, _, outputs, inputs: gptq(random, outputs, inputs, 8, -1, 1, Bf16, symmetric=True),
    )
    write_model(
        "awq-groups",
        15,
        {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm"},
        lambda random, _, outputs, inputs: awq(random, outputs, inputs, 128),
        hidden=136,
        wide=40,
    )
    write_model(
        "packed-int4-groups",
        16,
        compressed("pack-quantized", group_of(4, "int", "group", group_size=32)),
        # A bfloat16 of 1e-9 is no float16, so the scales of these weights do not fit.
        lambda random, layer, outputs, inputs: packed(
            random, outputs, inputs, 4, 32, least=1e-9 if layer.endswith("up_proj") else 6e-8
        ),
        kind="qwen3_moe",
        hidden=64,
        wide=40,
    )


if __name__ == "__main__":
    main()

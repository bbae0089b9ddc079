"""Trains the LoRA adapter beside this file on the project's pages, in numpy alone, and writes the held-out pages.

python3 make.py REPOSITORY OUTPUT: OUTPUT becomes a directory in PEFT's format, and OUTPUT.jsonl has the documents that
it was not trained on. It takes less than two minutes on two cores.
"""

import json
import re
import struct
import sys
import time
from pathlib import Path

import numpy as np

RANK, ALPHA = 4, 16
STEPS, SEQUENCES, LENGTH = 120, 4, 256
RATE, WARMUP, CLIP = 2e-3, 10, 1.0
MATRICES = {"q_proj": "self_attn", "k_proj": "self_attn", "v_proj": "self_attn", "o_proj": "self_attn",
            "gate_proj": "mlp", "up_proj": "mlp", "down_proj": "mlp"}


# --- texts ---

def prose(page):
    """Returns a page's paragraphs of prose, without code, tables and the signs of Markdown."""
    text = re.sub(r"^```.*?^```\n", "", page.read_text(), flags=re.S | re.M)
    text = re.sub(r"^\|.*\n", "", text, flags=re.M)
    text = re.sub(r"^#+ ", "", text, flags=re.M)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<(https?:[^>]*)>", "", re.sub(r"[`*]", "", text))
    paragraphs = [re.sub(r"\s+", " ", part).strip() for part in re.split(r"\n\s*\n|\n(?=- |\d+\. )", text)]
    return [re.sub(r"^(- |\d+\. )", "", part) for part in paragraphs if len(part) > 40]


def beginning(page, most=700):
    """Returns the first sentences of a decision."""
    text = re.sub(r"Date: [0-9-]+ · Status: \w+ ?", "", " ".join(prose(page))).strip()
    cut = text[:most]
    return text if len(text) <= most else cut[:max(cut.rfind(". "), cut.rfind("? ")) + 1]


def pages(repository):
    """Returns the pages to train on, and those that are held out: every other decision."""
    docs = Path(repository) / "docs"
    decisions = sorted(docs.glob("decisions/0*.md"))
    held = [page for i, page in enumerate(decisions) if i == 0 or i % 2 == 1]
    others = [*Path(repository).glob("*.md"), *docs.glob("*.md"), *docs.glob("guides/*.md")]
    return [*sorted(others, key=str), *(page for page in decisions if page not in held)], held


# --- files ---

def read_model(directory):
    """Returns config.json, and the tensors in float32 by name."""
    tensors = {}
    for file in sorted(Path(directory).glob("*.safetensors")):
        data = file.read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        for name, entry in json.loads(data[8:8 + size]).items():
            if name != "__metadata__":
                start, end = (8 + size + at for at in entry["data_offsets"])
                assert entry["dtype"] == "BF16"
                bits = np.frombuffer(data[start:end], "<u2").astype(np.uint32) << 16
                tensors[name] = bits.view(np.float32).reshape(entry["shape"])
    return json.loads((Path(directory) / "config.json").read_text()), tensors


def bfloat16(numbers):
    """Rounds to nearest even."""
    bits = np.ascontiguousarray(numbers, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


def write_adapter(directory, pairs):
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    header, data = {}, b""
    for (layer, matrix), (a, b) in sorted(pairs.items()):
        for letter, numbers in (("A", a), ("B", b)):
            name = f"base_model.model.model.layers.{layer}.{MATRICES[matrix]}.{matrix}.lora_{letter}.weight"
            raw = bfloat16(numbers).tobytes()
            place = [len(data), len(data) + len(raw)]
            header[name] = {"dtype": "BF16", "shape": list(numbers.shape), "data_offsets": place}
            data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (directory / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (directory / "adapter_config.json").write_text(json.dumps({
        "base_model_name_or_path": "tiny-qwen3", "bias": "none", "fan_in_fan_out": False, "inference_mode": True,
        "init_lora_weights": True, "lora_alpha": ALPHA, "lora_dropout": 0.0, "modules_to_save": None,
        "peft_type": "LORA", "r": RANK, "rank_pattern": {}, "alpha_pattern": {}, "target_modules": list(MATRICES),
        "task_type": "CAUSAL_LM", "use_dora": False, "use_rslora": False}, indent=2) + "\n")


class Tokenizer:
    """The byte-level BPE of tokenizer.json, for texts whose letters Python's re knows as such."""

    WORDS = re.compile(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|(?:(?![\r\n\d])(?:[^\w]|_))?[^\W\d_]+|\d"
                       r"| ?(?:[^\s\w]|_)+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

    def __init__(self, directory):
        model = json.loads((Path(directory) / "tokenizer.json").read_text())["model"]
        self.vocab = model["vocab"]
        self.ranks = {tuple(pair): rank for rank, pair in enumerate(model["merges"])}
        plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
        spare = iter(range(256, 512))
        self.letters = {byte: chr(byte if byte in plain else next(spare)) for byte in range(256)}
        self.known = {}

    def word(self, word):
        if word not in self.known:
            parts = [self.letters[byte] for byte in word.encode()]
            while len(parts) > 1:
                rank, at = min((self.ranks.get(pair, 1 << 30), i) for i, pair in enumerate(zip(parts, parts[1:])))
                if rank == 1 << 30:
                    break
                parts[at:at + 2] = [parts[at] + parts[at + 1]]
            self.known[word] = [self.vocab[part] for part in parts]
        return self.known[word]

    def ids(self, text):
        return [i for word in self.WORDS.findall(text) for i in self.word(word)]


# --- the model, forwards and backwards ---

def norm(x, weight, epsilon):
    """RMSNorm over the last axis; returns the output and what its gradient needs."""
    r = 1 / np.sqrt(np.mean(x * x, -1, keepdims=True) + epsilon)
    n = x * r
    return n * weight, (n, r)


def norm_back(dy, weight, saved):
    n, r = saved
    dn = dy * weight
    return r * (dn - n * np.mean(dn * n, -1, keepdims=True))


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


class Model:
    def __init__(self, directory):
        self.config, self.tensors = read_model(directory)
        c = self.config
        self.layers, self.heads, self.kv = c["num_hidden_layers"], c["num_attention_heads"], c["num_key_value_heads"]
        self.dim, self.eps = c["head_dim"], c["rms_norm_eps"]
        self.frequencies = c["rope_theta"] ** (-np.arange(0, self.dim, 2) / self.dim)

    def matrix(self, layer, name):
        return self.tensors[f"model.layers.{layer}.{MATRICES[name]}.{name}.weight"]

    def weight(self, layer, name):
        return self.tensors[f"model.layers.{layer}.{name}.weight"]

    def run(self, ids, weights, gradient):
        """Computes a batch `ids` [sequences, length] with `weights` by (layer, matrix).

        Returns the loss of each token but the first [sequences, length - 1], and, if wanted, the gradient of their
        mean for each matrix.
        """
        s, t = ids.shape
        h, kv, dim, group = self.heads, self.kv, self.dim, self.heads // self.kv
        embed = self.tensors["model.embed_tokens.weight"]
        angles = np.arange(t)[:, None] * self.frequencies
        cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        hidden = np.triu(np.full((t, t), -1e30, np.float32), 1)
        x = embed[ids]
        saved = []
        for i in range(self.layers):
            w = lambda name: weights[i, name]
            y, n1 = norm(x, self.weight(i, "input_layernorm"), self.eps)
            heads = lambda z, count: z.reshape(s, t, count, dim).transpose(0, 2, 1, 3)
            q, nq = norm(heads(y @ w("q_proj").T, h), self.weight(i, "self_attn.q_norm"), self.eps)
            k, nk = norm(heads(y @ w("k_proj").T, kv), self.weight(i, "self_attn.k_norm"), self.eps)
            v = heads(y @ w("v_proj").T, kv)
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
            q5 = q.reshape(s, kv, group, t, dim)
            scores = q5 @ k[:, :, None].swapaxes(-1, -2) / np.sqrt(np.float32(dim)) + hidden
            p = np.exp(scores - scores.max(-1, keepdims=True))
            p /= p.sum(-1, keepdims=True)
            o = (p @ v[:, :, None]).reshape(s, h, t, dim).transpose(0, 2, 1, 3).reshape(s, t, h * dim)
            x1 = x + o @ w("o_proj").T
            z, n2 = norm(x1, self.weight(i, "post_attention_layernorm"), self.eps)
            g, u = z @ w("gate_proj").T, z @ w("up_proj").T
            sigma = 1 / (1 + np.exp(-g))
            m = g * sigma * u
            saved.append((y, n1, q5, nq, k, nk, v, p, o, z, n2, g, u, sigma, m))
            x = x1 + m @ w("down_proj").T
        final, nf = norm(x, self.tensors["model.norm.weight"], self.eps)
        logits = final[:, :-1] @ embed.T
        top = logits.max(-1, keepdims=True)
        e = np.exp(logits - top)
        total = e.sum(-1, keepdims=True)
        targets = ids[:, 1:, None]
        loss = (top + np.log(total) - np.take_along_axis(logits, targets, -1))[..., 0]
        if not gradient:
            return loss, None

        e /= total
        np.put_along_axis(e, targets, np.take_along_axis(e, targets, -1) - 1, -1)
        dfinal = np.zeros_like(final)
        dfinal[:, :-1] = e @ embed / loss.size
        dx = norm_back(dfinal, self.tensors["model.norm.weight"], nf)
        flat = lambda z: z.reshape(-1, z.shape[-1])
        gradients = {}
        for i in reversed(range(self.layers)):
            y, n1, q5, nq, k, nk, v, p, o, z, n2, g, u, sigma, m = saved[i]

            def back(name, d, given):
                gradients[i, name] = flat(d).T @ flat(given)
                return d @ weights[i, name]

            dm = back("down_proj", dx, m)
            dg = dm * u * sigma * (1 + g * (1 - sigma))
            dz = back("gate_proj", dg, z) + back("up_proj", dm * g * sigma, z)
            dx1 = dx + norm_back(dz, self.weight(i, "post_attention_layernorm"), n2)
            do = back("o_proj", dx1, o).reshape(s, t, h, dim).transpose(0, 2, 1, 3).reshape(s, kv, group, t, dim)
            dv = (p.swapaxes(-1, -2) @ do).sum(2)
            dp = do @ v[:, :, None].swapaxes(-1, -2)
            ds = p * (dp - (dp * p).sum(-1, keepdims=True)) / np.sqrt(np.float32(dim))
            dq = (ds @ k[:, :, None]).reshape(s, h, t, dim)
            dk = (ds.swapaxes(-1, -2) @ q5).sum(2)
            dq = norm_back(rotate(dq, cos, -sin), self.weight(i, "self_attn.q_norm"), nq)
            dk = norm_back(rotate(dk, cos, -sin), self.weight(i, "self_attn.k_norm"), nk)
            joined = lambda z: z.transpose(0, 2, 1, 3).reshape(s, t, -1)
            dy = back("q_proj", joined(dq), y) + back("k_proj", joined(dk), y) + back("v_proj", joined(dv), y)
            dx = dx1 + norm_back(dy, self.weight(i, "input_layernorm"), n1)
        return loss, gradients


# --- training ---

def merged(model, pairs):
    return {key: model.matrix(*key) + ALPHA / RANK * (b @ a) for key, (a, b) in pairs.items()}


def begin(model, random):
    """A of each matrix is random and B zero, so that training starts with the model itself."""
    pairs = {}
    for i in range(model.layers):
        for name in MATRICES:
            rows, columns = model.matrix(i, name).shape
            a = random.uniform(-1, 1, (RANK, columns)) / np.sqrt(columns)
            pairs[i, name] = [a.astype(np.float32), np.zeros((rows, RANK), np.float32)]
    return pairs


def train(model, tokens, steps, random):
    pairs = begin(model, random)
    moments = {key: [[np.zeros_like(x) for x in pair] for _ in range(2)] for key, pair in pairs.items()}
    started = time.time()
    for step in range(steps):
        starts = random.integers(0, len(tokens) - LENGTH, SEQUENCES)
        ids = np.stack([tokens[at:at + LENGTH] for at in starts])
        loss, full = model.run(ids, merged(model, pairs), True)
        scale = np.float32(ALPHA / RANK)
        gradients = {key: (scale * pairs[key][1].T @ d, scale * d @ pairs[key][0].T) for key, d in full.items()}
        size = np.sqrt(sum(float((x * x).sum()) for pair in gradients.values() for x in pair))
        rate = RATE * min(1, (step + 1) / WARMUP) * 0.5 * (1 + np.cos(np.pi * step / steps))
        for key, pair in gradients.items():
            for j, x in enumerate(pair):
                x = x * min(1, CLIP / size)
                first, second = moments[key]
                first[j] = 0.9 * first[j] + 0.1 * x
                second[j] = 0.95 * second[j] + 0.05 * x * x
                change = first[j] / (1 - 0.9 ** (step + 1)) / (np.sqrt(second[j] / (1 - 0.95 ** (step + 1))) + 1e-8)
                pairs[key][j] -= np.float32(rate) * change.astype(np.float32)
        if step % 10 == 0 or step == steps - 1:
            print(f"step {step}: loss {loss.mean():.3f}, {time.time() - started:.0f} s", flush=True)
    return pairs


def main():
    repository, output = sys.argv[1:]
    directory = Path(repository) / "data-samples/tiny-qwen3"
    trained, held = pages(repository)
    with open(output + ".jsonl", "w") as file:
        for page in held:
            row = {"id": "decision-" + page.name[:4], "text": beginning(page)}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    model, tokenizer = Model(directory), Tokenizer(directory)
    tokens = []
    for page in trained:
        tokens += [*tokenizer.ids("\n\n".join(prose(page))), model.config["eos_token_id"]]
    print(f"{len(tokens)} tokens")
    write_adapter(output, train(model, np.array(tokens), STEPS, np.random.default_rng(1)))


if __name__ == "__main__":
    main()

"""CLIP in plain PyTorch (and the worker for it and peer_captioner.py), as a user of PyTorch would write it: what Glimpse is timed against.

Reads requests on standard input and answers on standard output, one JSON object a line. The parameters have OpenAI's
names, so that both sides load the same file.
"""
import ctypes
import json
import math
import os
import struct
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


def blas():
    """Which library multiplies matrices: with another one PyTorch may be several times slower."""
    torch.ones(8, 8) @ torch.ones(8, 8)
    try:
        paths = {line.split()[-1] for line in open("/proc/self/maps") if "blas" in line}
    except OSError:
        return "an unknown BLAS"
    kinds = {"openblas-openmp", "openblas-pthread", "openblas-serial", "atlas", "mkl", "blas"}
    found = [kind for kind in sorted(kinds, key=len, reverse=True) if any("/" + kind + "/" in path for path in paths)]
    return found[0] if found else "its own BLAS"


def right_kernels():
    """OpenBLAS takes a processor younger than itself for a Prescott of 2004, and multiplies at a quarter of its speed. Then it is told what the
    processor has, as a user who noticed would tell it, and this program starts again."""
    torch.ones(8, 8) @ torch.ones(8, 8)
    try:
        paths = sorted({line.split()[-1] for line in open("/proc/self/maps") if "libopenblas" in line})
        name = ctypes.CDLL(paths[0]).openblas_get_corename
        flags = set(next(line for line in open("/proc/cpuinfo") if line.startswith("flags")).split())
    except (OSError, AttributeError, IndexError, StopIteration):
        return  # another library, or another system
    name.restype = ctypes.c_char_p
    arguments = getattr(sys, "orig_argv", None)  # since Python 3.10
    if name() != b"Prescott" or "OPENBLAS_CORETYPE" in os.environ or not {"avx2", "fma"} <= flags or arguments is None:
        return
    os.environ["OPENBLAS_CORETYPE"] = "SkylakeX" if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags else "Haswell"
    os.execv(sys.executable, [sys.executable] + arguments[1:])


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", QuickGELU())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))

    def forward(self, x, mask=None):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width, layers, heads):
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads) for _ in range(layers))

    def forward(self, x, mask=None):
        for block in self.resblocks:
            x = block(x, mask)
        return x


class VisionTransformer(nn.Module):
    def __init__(self, size, patch, width, layers, heads, embed):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty((size // patch) ** 2 + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Transformer(width, layers, heads)
        self.proj = nn.Parameter(torch.empty(width, embed))

    def forward(self, x):
        x = self.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1), x], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class Bottleneck(nn.Module):
    def __init__(self, inplanes, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inplanes, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes)
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride > 1 or inplanes != 4 * planes:
            self.downsample = nn.Sequential()
            self.downsample.add_module("-1", nn.AvgPool2d(stride) if stride > 1 else nn.Identity())
            self.downsample.add_module("0", nn.Conv2d(inplanes, 4 * planes, 1, bias=False))
            self.downsample.add_module("1", nn.BatchNorm2d(4 * planes))

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.pool(self.relu(self.bn2(self.conv2(y))))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class AttentionPool(nn.Module):
    def __init__(self, positions, width, heads, out):
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.empty(positions + 1, width))
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.c_proj = nn.Linear(width, out)
        self.heads = heads

    def forward(self, x):
        x = x.flatten(2).permute(2, 0, 1)
        x = torch.cat([x.mean(0, keepdim=True), x]) + self.positional_embedding[:, None]
        y, _ = F.multi_head_attention_forward(
            x[:1], x, x, x.shape[-1], self.heads, None,
            torch.cat([self.q_proj.bias, self.k_proj.bias, self.v_proj.bias]), None, None, False, 0,
            self.c_proj.weight, self.c_proj.bias, use_separate_proj_weight=True, training=False, need_weights=False,
            q_proj_weight=self.q_proj.weight, k_proj_weight=self.k_proj.weight, v_proj_weight=self.v_proj.weight)
        return y[0]


class ModifiedResNet(nn.Module):
    def __init__(self, size, width, blocks, heads, embed):
        super().__init__()
        half = width // 2
        self.conv1, self.bn1 = nn.Conv2d(3, half, 3, 2, 1, bias=False), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = nn.Conv2d(half, half, 3, 1, 1, bias=False), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = nn.Conv2d(half, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.relu, self.pool = nn.ReLU(inplace=True), nn.AvgPool2d(2)
        inplanes = width
        for i, n in enumerate(blocks):
            layer = nn.Sequential()
            for j in range(n):
                layer.add_module(str(j), Bottleneck(inplanes, width << i, 2 if i > 0 and j == 0 else 1))
                inplanes = 4 * (width << i)
            setattr(self, "layer%d" % (i + 1), layer)
        self.attnpool = AttentionPool((size // 32) ** 2, inplanes, heads, embed)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.pool(self.relu(self.bn3(self.conv3(x))))
        return self.attnpool(self.layer4(self.layer3(self.layer2(self.layer1(x)))))


class CLIP(nn.Module):
    def __init__(self, c):
        super().__init__()
        v, t, embed = c["vision"], c["text"], c["embed_dim"]
        if "vit" in v:
            self.visual = VisionTransformer(v["height"], v["patch"], v["vit"]["width"], v["vit"]["layers"], v["vit"]["heads"], embed)
        else:
            self.visual = ModifiedResNet(v["height"], v["resnet"]["width"], v["resnet"]["blocks"], v["resnet"]["heads"], embed)
        self.token_embedding = nn.Embedding(t["vocab_size"], t["width"])
        self.positional_embedding = nn.Parameter(torch.empty(t["context_length"], t["width"]))
        self.transformer = Transformer(t["width"], t["layers"], t["heads"])
        self.ln_final = nn.LayerNorm(t["width"])
        self.text_projection = nn.Parameter(torch.empty(t["width"], embed))
        self.logit_scale = nn.Parameter(torch.empty([]))
        self.register_buffer("mask", torch.full((t["context_length"],) * 2, -math.inf).triu_(1), persistent=False)

    def encode_text(self, ids):
        x = self.token_embedding(ids) + self.positional_embedding
        x = self.ln_final(self.transformer(x, self.mask))
        return x[torch.arange(x.shape[0]), ids.argmax(-1)] @ self.text_projection

    def loss(self, images, ids):
        a, b = F.normalize(self.visual(images), dim=-1), F.normalize(self.encode_text(ids), dim=-1)
        logits = self.logit_scale.exp() * a @ b.t()
        labels = torch.arange(len(a))
        return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2


def read_safetensors(path):
    """The tensors of a file, one after the other."""
    kinds = {"F32": torch.float32, "I32": torch.int32}
    with open(path, "rb") as f:
        n = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(n))
        for name, entry in header.items():
            if name != "__metadata__":
                start, end = entry["data_offsets"]
                f.seek(8 + n + start)
                yield name, torch.frombuffer(bytearray(f.read(end - start)), dtype=kinds[entry["dtype"]]).reshape(entry["shape"])


def load(model, path):
    """Fills a model from a file, in which every weight has to be."""
    parameters = dict(model.named_parameters(), **dict(model.named_buffers()))
    with torch.no_grad():
        for name, tensor in read_safetensors(path):
            parameters.pop(name if name in parameters else "decoder." + name).copy_(tensor)
    left = [n for n in parameters if not n.endswith("num_batches_tracked") and n != "mask"]
    if left:
        raise ValueError("weights without values: %s" % left)


STEPS, CAPTIONS = 3, 3  # that are compared before anything is timed


class Worker:
    def prepare(self, r):
        torch.set_num_threads(r["threads"])
        kind = r["kind"]
        if kind in ("caption training", "writing"):
            self.model = Captioner(r["captioner"])
        else:
            self.model = CLIP(r["config"])
        load(self.model, r["weights"])
        self.inputs = dict(read_safetensors(r["inputs"]))
        training = kind.endswith("training")
        self.model.train(training)
        if training:
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, weight_decay=0.1)
        if kind == "caption training":
            return self.prepare_captions()
        if kind == "writing":
            self.call = lambda: self.write(r["size"], r["captioner"]["beam"])
            return {"output": self.write(CAPTIONS, r["captioner"]["beam"])}
        images, ids = self.inputs["images"], self.inputs["text_ids"].long()
        if training:
            self.call = lambda: self.step(images, ids)[:1]
        else:
            self.call = lambda: self.encode(self.model.visual, images) if kind == "images" else self.encode(self.model.encode_text, ids)
        return {"output": self.call()}

    def prepare_captions(self):
        seen = self.inputs["images"] if "images" in self.inputs else self.inputs["features"]
        captions, lengths = self.inputs["captions"].long(), self.inputs["lengths"].long()
        self.call = lambda: self.step(seen, captions, lengths)
        return {"output": [x for _ in range(STEPS) for x in self.call()]}

    def step(self, *batch):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.model.loss(*batch)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return [loss.item(), norm.item()]

    def encode(self, tower, x):
        with torch.no_grad():
            return F.normalize(tower(x), dim=-1)[0].tolist()

    def write(self, pictures, k):
        numbers = []
        with torch.no_grad():
            for i in range(pictures):
                score, words = self.model.decoder.beam(self.inputs["features"][i : i + 1], k)
                if i < CAPTIONS:
                    numbers += [score] + words
        return numbers

    def run(self, r):
        seconds = []
        for _ in range(r["times"]):
            start = time.perf_counter()
            self.call()
            seconds.append(time.perf_counter() - start)
        return {"seconds": seconds}

    def matmul(self, r):
        a, b = torch.randn(r["size"], r["size"]), torch.randn(r["size"], r["size"])
        seconds = []
        for _ in range(r["times"]):
            start = time.perf_counter()
            torch.mm(a, b)
            seconds.append(time.perf_counter() - start)
        return {"seconds": seconds}

    def version(self, r):
        library, told = blas(), os.environ.get("OPENBLAS_CORETYPE")
        if told and library.startswith("openblas"):
            library += " (told to take its kernels for %s)" % told
        return {"version": "PyTorch " + torch.__version__ + " with " + library}


right_kernels()
worker = Worker()
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = getattr(worker, request["do"])(request)
    except Exception as e:  # the other side says it to the user
        answer = {"error": "%s: %s" % (type(e).__name__, e)}
    print(json.dumps(answer), flush=True)

# The reference for TestGolden: GPT-2 written with PyTorch's own layers, on weights that a formula makes, so that no weights are kept.
#   python3 gpt2.py > gpt2.json        (PyTorch 1.13)
import json, math, torch
import torch.nn.functional as F

V, C, W, L, H, EPS = 11, 9, 8, 2, 2, 1e-5

def weight(name, *shape):
    n, start = math.prod(shape), sum(name.encode())
    values = [0.3 * math.sin(0.7 * i + start) + (1 if name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight")) else 0) for i in range(n)]
    return torch.tensor(values, dtype=torch.float64).float().reshape(shape).requires_grad_()

p = {"wte.weight": weight("wte.weight", V, W), "wpe.weight": weight("wpe.weight", C, W)}
for i in range(L):
    for name, shape in {"ln_1.weight": [W], "ln_1.bias": [W], "attn.c_attn.weight": [W, 3 * W], "attn.c_attn.bias": [3 * W],
                        "attn.c_proj.weight": [W, W], "attn.c_proj.bias": [W], "ln_2.weight": [W], "ln_2.bias": [W],
                        "mlp.c_fc.weight": [W, 4 * W], "mlp.c_fc.bias": [4 * W], "mlp.c_proj.weight": [4 * W, W], "mlp.c_proj.bias": [W]}.items():
        p[f"h.{i}.{name}"] = weight(f"h.{i}.{name}", *shape)
p["ln_f.weight"], p["ln_f.bias"] = weight("ln_f.weight", W), weight("ln_f.bias", W)

ids = torch.tensor([[1, 4, 2, 7, 10, 0], [3, 3, 9, 5, 6, 8]])
T = ids.shape[1]
x = p["wte.weight"][ids] + p["wpe.weight"][:T]
hidden = [x]
for i in range(L):
    w = lambda name: p[f"h.{i}.{name}"]
    y = F.layer_norm(x, [W], w("ln_1.weight"), w("ln_1.bias"), EPS)
    q, k, v = (y @ w("attn.c_attn.weight") + w("attn.c_attn.bias")).split(W, -1)
    split = lambda t: t.reshape(2, T, H, W // H).transpose(1, 2)
    scores = split(q) @ split(k).transpose(-1, -2) / math.sqrt(W // H)
    scores = scores.masked_fill(torch.triu(torch.ones(T, T, dtype=torch.bool), 1), -math.inf)
    y = (scores.softmax(-1) @ split(v)).transpose(1, 2).reshape(2, T, W)
    x = x + y @ w("attn.c_proj.weight") + w("attn.c_proj.bias")
    y = F.layer_norm(x, [W], w("ln_2.weight"), w("ln_2.bias"), EPS)
    y = F.gelu(y @ w("mlp.c_fc.weight") + w("mlp.c_fc.bias"), approximate="tanh")
    x = x + y @ w("mlp.c_proj.weight") + w("mlp.c_proj.bias")
    hidden.append(x)
logits = F.layer_norm(x, [W], p["ln_f.weight"], p["ln_f.bias"], EPS) @ p["wte.weight"].T
loss = F.cross_entropy(logits[:, :-1].reshape(-1, V), ids[:, 1:].reshape(-1))
loss.backward()
flat = lambda t: [float(f"{v:.7g}") for v in t.detach().flatten().tolist()]
print(json.dumps({"config": {"vocab_size": V, "n_positions": C, "n_embd": W, "n_layer": L, "n_head": H, "layer_norm_epsilon": EPS},
                  "ids": ids.tolist(), "hidden": [flat(h) for h in hidden], "logits": flat(logits), "loss": float(f"{loss.item():.7g}"),
                  "gradients": {name: flat(t.grad) for name, t in p.items()}}, separators=(",", ":")))

"""Show, Attend and Tell in plain PyTorch, as a user of PyTorch would write it, with the names of Glimpse's weights."""
import torch
import torch.nn.functional as F
from torch import nn

START, END = 1, 2


class CNN(nn.Module):
    def __init__(self, c):
        super().__init__()
        channels = 3
        for i, out in enumerate(c["channels"]):
            stage = nn.Sequential()
            stage.add_module("conv", nn.Conv2d(channels, out, 3, 2, 1, bias=False))
            stage.add_module("norm", nn.GroupNorm(c["groups"], out))
            stage.add_module("relu", nn.ReLU(inplace=True))
            self.add_module("stage%d" % i, stage)
            channels = out

    def forward(self, x):
        for stage in self.children():
            x = stage(x)
        return x.flatten(2).transpose(1, 2).contiguous()


class Attention(nn.Module):
    def __init__(self, D, H, A):
        super().__init__()
        self.W_a, self.W_h = nn.Parameter(torch.empty(A, D)), nn.Parameter(torch.empty(A, H))
        self.b, self.v = nn.Parameter(torch.empty(A)), nn.Parameter(torch.empty(A))

    def keys(self, a):
        return F.linear(a, self.W_a, self.b)

    def forward(self, keys, a, h):
        e = torch.tanh(keys + F.linear(h, self.W_h).unsqueeze(1)) @ self.v
        alpha = torch.softmax(e, 1)
        return alpha, torch.bmm(alpha.unsqueeze(1), a).squeeze(1)


class Decoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        V, E, H, A, D = (c[k] for k in ("vocab_size", "embed_dim", "hidden", "attention_dim", "feature_dim"))
        self.embedding = nn.Embedding(V, E)
        self.init_h, self.init_c = nn.Linear(D, H), nn.Linear(D, H)
        self.att, self.gate, self.lstm = Attention(D, H, A), nn.Linear(H, D), nn.LSTMCell(E + D, H)
        self.out = nn.Linear(H, V)
        self.max_len, self.weight = c["max_len"], c["lambda"]

    def start(self, a):
        mean = a.mean(1)
        return self.init_h(mean), self.init_c(mean)

    def step(self, keys, a, y, h, c):
        alpha, z = self.att(keys, a, h)
        h, c = self.lstm(torch.cat([y, torch.sigmoid(self.gate(h)) * z], 1), (h, c))
        return alpha, h, c

    def loss(self, a, captions, lengths):
        keys, y = self.att.keys(a), self.embedding(captions[:, :-1])
        h, c = self.start(a)
        alphas, hs = [], []
        for t in range(y.shape[1]):
            alpha, h, c = self.step(keys, a, y[:, t], h, c)
            alphas.append(alpha)
            hs.append(h)
        mask = torch.arange(y.shape[1]) < lengths[:, None] - 1
        cross_entropy = F.cross_entropy(self.out(torch.stack(hs, 1)[mask]), captions[:, 1:][mask])
        looked = (torch.stack(alphas, 1) * mask.unsqueeze(2)).sum(1)
        return cross_entropy + self.weight * ((1 - looked) ** 2).mean()

    def beam(self, a, k):
        """The best caption of a picture with the features a [1, L, D]: its log p and its words."""
        a, keys = a.expand(k, -1, -1), self.att.keys(a).expand(k, -1, -1)
        h, c = self.start(a)
        words, scores = torch.full((k, 1), START), torch.zeros(k, 1)
        finished = []
        for t in range(self.max_len):
            _, h, c = self.step(keys, a, self.embedding(words[:, -1]), h, c)
            scores = scores + F.log_softmax(self.out(h), 1)
            flat = scores[0] if t == 0 else scores.view(-1)  # at first all hypotheses are the same
            best, at = flat.topk(k)
            before, word = torch.div(at, scores.shape[1], rounding_mode="floor"), at % scores.shape[1]
            words = torch.cat([words[before], word.unsqueeze(1)], 1)
            ended = word == END
            for i in ended.nonzero().flatten().tolist():
                finished.append((best[i].item(), words[i, 1:].tolist()))
            left = (~ended).nonzero().flatten()
            k = len(left)
            if k == 0:
                break
            words, scores, before = words[left], best[left].unsqueeze(1), before[left]
            h, c, a, keys = h[before], c[before], a[:k], keys[:k]
        if not finished:
            finished = [(scores[i].item(), words[i, 1:].tolist()) for i in range(k)]
        return max(finished)


class Captioner(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.cnn = CNN(c["cnn"]) if "cnn" in c else nn.Identity()
        self.decoder = Decoder(c["decoder"])

    def loss(self, seen, captions, lengths):
        return self.decoder.loss(self.cnn(seen), captions, lengths)

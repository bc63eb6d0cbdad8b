# Writes pieces.json: what the pattern of GPT-2's encoder.py finds, by the module regex that it is written for.
#
#   python3 pieces.py
import json
import random

import regex

pattern = regex.compile(r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""")
random.seed(1)
texts = ["Hello world", "  two  spaces ", "it's they're I'LL won't 'tis", "a\n\n b\t\tc", "x=1234;y=½ Ⅻ", "naïve café", "日本語 テスト", "e\u0301 combining",
         "tabs\t end\t", "\u00a0nbsp\u00a0\u00a0x", "\u2003em space", "\x1cfile\x1dsep", "\x85next", "😀 smile😀😀", "a  'll b", "''s", "'", " '", " 's", "\n", "", "   ",
         "a\u200bb", "end \n"]
alphabet = list("ab1 '\n\t.sdlreéß½日\u00a0\u2003\u0301😀") + ["'s", "'ll", "  "]
for _ in range(300):
    texts.append("".join(random.choice(alphabet) for _ in range(random.randint(1, 12))))
found = [{"text": t, "pieces": pattern.findall(t)} for t in texts]
with open("pieces.json", "w") as f:
    json.dump(found, f, ensure_ascii=True, separators=(",", ":"))

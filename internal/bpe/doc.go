// Package bpe is what byte-pair encodings have in common (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units", arXiv
// 1508.07909; over bytes, Radford et al. 2019): the merging of symbols, a printable rune for every byte, and the memory of words. CLIP's tokenizer and
// GPT-2's are made of it.
package bpe

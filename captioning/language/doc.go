// Package language is GPT-2: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", the decoder-only transformer of Vaswani et al.
// 2017 with its layer norms before the attention and the network of each block, one after the last block, learned positions, and
// the scores of tokens as products with their embeddings.
//
// What a caption's model needs beside it is here too: vectors may stand where tokens would, before the first one ([Run] takes vectors, not ids);
// something may be let in between the blocks ([Between], for Flamingo's cross-attention); and a token can be read on its own, with the
// keys and values of those before it kept ([Step]).
//
// Variables are named as in Hugging Face's checkpoints of GPT-2: wte.weight [V, W], wpe.weight [context, W], h.0.ln_1, h.0.attn.c_attn.weight
// [W, 3W] (in, out), h.0.attn.c_proj, h.0.ln_2, h.0.mlp.c_fc [W, 4W], h.0.mlp.c_proj, ln_f.
//
// Published models are read by [Read], their vocabulary by [ReadTokenizer]. Left out: dropout of the attention's weights.
package language

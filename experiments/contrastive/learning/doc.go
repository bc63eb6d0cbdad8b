// Package learning answers "is it learning?" for contrastive runs, from what their metrics.jsonl holds and nothing else: it knows
// no model, and a notebook can use it on the lines of any run.
//
// [Look] says what is seen and, in a sentence each, what is wrong, by which numbers, and what to do (rules.go). [Watcher] does
// so while a training goes on. [Panel] draws the figures as small multiples. The figures (names.go) are recorded at every
// recorded step but for the effective rank, which needs all embeddings of an evaluation.
package learning

// Package benchmark times the lab against plain PyTorch: the same weights, the same inputs, side by side in one run,
// in turns. Each side is a process of its own that does one case, so that peak memory can be compared too; the answers
// are compared before anything is timed.
package benchmark

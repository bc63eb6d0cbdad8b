// Package demo holds the two experiments of `make demo` and the page it writes: clip.go trains a small CLIP on
// product photographs with titles and photographs with captions; captioner.go trains a small Show, Attend and
// Tell on photographs with captions; page.go shows what both have learned.
package demo

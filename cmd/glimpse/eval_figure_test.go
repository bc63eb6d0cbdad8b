package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A confusion matrix of 2 to 600 classes can be drawn. Look at the pictures with GLIMPSE_KEEP=DIR.
func TestConfusionFigure(t *testing.T) {
	for _, n := range []int{2, 10, 50, 600} {
		var classes []string
		confusion := make([][]int, n)
		for i := range confusion {
			classes = append(classes, fmt.Sprintf("class number %d", i))
			confusion[i] = make([]int, n)
			if i == 1 {
				continue // without examples
			}
			confusion[i][i], confusion[i][(i*7+1)%n] = 20+i, 5
		}
		dir := t.TempDir()
		if keep := os.Getenv("GLIMPSE_KEEP"); keep != "" {
			dir = keep
		}
		path := filepath.Join(dir, fmt.Sprintf("confusion-%d.png", n))
		if err := drawConfusion(path, "Zero-shot on a data set", classes, confusion); err != nil {
			t.Errorf("%d classes: %v", n, err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() < 1000 {
			t.Errorf("%d classes: expected a picture, found %v, %v", n, info, err)
		}
	}
}

// Of too many classes the figure shows those with the most mistakes, on either side.
func TestMostConfused(t *testing.T) {
	confusion := [][]int{{9, 0, 0, 0}, {0, 5, 2, 0}, {0, 1, 7, 0}, {1, 0, 0, 8}} // mistakes of each class: 1, 3, 3, 1
	for n, want := range map[int][]int{1: {1}, 2: {1, 2}, 3: {0, 1, 2}, 9: {0, 1, 2, 3}} {
		if got := mostConfused(confusion, n); !slices.Equal(got, want) {
			t.Errorf("%d classes: %v, expected %v", n, got, want)
		}
	}
}

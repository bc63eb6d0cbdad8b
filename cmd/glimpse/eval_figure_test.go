package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A confusion matrix of 2 to 50 classes can be drawn. Look at the pictures with GLIMPSE_KEEP=DIR.
func TestConfusionFigure(t *testing.T) {
	for _, n := range []int{2, 10, 50} {
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

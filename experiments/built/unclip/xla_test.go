//go:build cgo && !noxla && linux

package unclip

import (
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
)

func TestWritesForXLA(t *testing.T) { lessontest.WritesForXLA(t, Study(), 4, small...) }

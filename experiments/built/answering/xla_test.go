//go:build cgo && !noxla && linux

package answering

import (
	"testing"

	"github.com/glimpse-ml/glimpse/experiments/lesson/lessontest"
)

func TestWritesForXLA(t *testing.T) { lessontest.WritesForXLA(t, Study(), 5, small...) }

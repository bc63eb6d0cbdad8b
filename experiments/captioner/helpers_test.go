package captioner

import (
	"io"

	"github.com/glimpse-ml/glimpse/experiments"
)

func quiet(c *Model) *experiments.Env {
	return &experiments.Env{Backend: c.backend, Messages: io.Discard}
}

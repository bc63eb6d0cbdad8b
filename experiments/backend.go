package experiments

import (
	"io"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// OpenBackend opens what computes: the backend that GOMLX_BACKEND names, or the best one of this machine. Fallbacks
// are said on messages, one line each.
func OpenBackend(messages io.Writer) (*backend.Backend, error) { return backend.Open(messages) }

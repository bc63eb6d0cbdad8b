package clip

import (
	"io"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// OpenBackend opens what computes: the backend that the environment variable GOMLX_BACKEND names, or the best one of
// this machine. Fallbacks are said on messages, one line each. Finalize it when the work is done.
func OpenBackend(messages io.Writer) (*backend.Backend, error) { return backend.Open(messages) }

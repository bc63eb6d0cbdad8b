// Package quiet switches off the log lines of the libraries below GoMLX, for a command whose standard error is read by
// people: what goes wrong is in the errors as well. GLIMPSE_DEBUG=1 leaves them on.
//
// It does so when it is initialised, because go-xla logs during its own initialisation, such as when HOME is not
// set. Packages are initialised in the order of their import paths where nothing else decides (language
// specification, "Program initialization"), which puts this one before github.com/gomlx.
package quiet

import (
	"os"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

func init() {
	if os.Getenv("GLIMPSE_DEBUG") != "1" {
		klog.SetLogger(logr.Discard())
	}
}

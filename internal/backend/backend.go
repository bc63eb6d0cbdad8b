// Package backend chooses what computes: XLA through a PJRT plugin when one is there (CUDA first), else ONNX
// Runtime, else pure Go. The environment variable GOMLX_BACKEND overrides the choice. Every step down the list
// is said in one line, and a backend that was asked for by name is never silently replaced by another.
package backend

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // pure Go, in every build
)

// Env names the environment variable that overrides the choice, such as "go", "onnx:cpu" or "xla:cuda".
const Env = "GOMLX_BACKEND"

// goConfig runs one operation at a time, each with as many workers as there are cores. Operations that run
// beside each other deadlock with SIMD matrix multiplications (docs/upstream.md).
const goConfig = "go:ops_sequential"

// Backend is an open backend together with how it came to be chosen.
type Backend struct {
	compute.Backend
	Kind    Kind   // which of the three
	Config  string // what GoMLX was asked for, such as "onnx:cpu,/usr/lib/libonnxruntime.so"
	Reason  string // why this one, in half a sentence
	Library string // the file that computes; "" when it is this program
	Version string // the library's version, as it says itself; "" when it is this program
	Devices int    // that a training is spread over ([Backend.UseDevices]); 0 and 1 for one
}

// Kind is one of the three families of backends.
type Kind string

const (
	XLA  Kind = "xla"
	ONNX Kind = "onnx"
	Go   Kind = "go"
)

// Deterministic reports whether two runs with the same seed give the same bits.
func (k Kind) Deterministic() bool { return k == Go }

// Open returns the backend that GOMLX_BACKEND names, or the best one of this machine. Fallbacks are said on
// messages, one line each. A library that the user names in ONNXRUNTIME_SHARED_LIBRARY_PATH counts as asked for:
// when it does not work that is an error, while one that was merely found and does not work is a fallback.
func Open(messages io.Writer) (*Backend, error) {
	if want := strings.TrimSpace(os.Getenv(Env)); want != "" {
		return OpenNamed(want)
	}
	for _, try := range []func() (*Backend, error){openBestXLA, openONNX} {
		b, err := try()
		if err == nil {
			return b, nil
		}
		var named *namedError
		if errors.As(err, &named) {
			return nil, err
		}
		var absent *absentError
		if !errors.As(err, &absent) || !absent.quiet {
			fmt.Fprintf(messages, "glimpse: %s; trying the next backend\n", oneLine(err))
		}
	}
	return openGo(goConfig, "it needs nothing but this program")
}

// OpenNamed opens the backend of a GoMLX configuration: "go", "onnx[:options]" or "xla[:plugin[,options]]".
func OpenNamed(config string) (*Backend, error) {
	name, options, _ := strings.Cut(config, ":")
	reason := fmt.Sprintf("%s=%s asks for it", Env, config)
	switch name {
	case "go":
		if options == "" {
			config = goConfig
		}
		return openGo(config, reason)
	case "onnx", "onnxruntime":
		return openONNXWith(options, reason)
	case "xla", "stablehlo", "hlo", "pjrt":
		return openXLAWith(options, reason)
	}
	return nil, fmt.Errorf("unknown backend %q in %s: expected go, onnx, onnx:cpu, onnx:cuda, xla, xla:cuda or xla:cpu; "+
		"unset it to let glimpse choose", config, Env)
}

func openGo(config, reason string) (*Backend, error) {
	b, err := compute.NewWithConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot open the pure Go backend with %q: %s", config, oneLine(err))
	}
	return &Backend{Backend: mended(b), Kind: Go, Config: config, Reason: reason}, nil
}

// absentError says that a backend is not there at all, which is a fact about the machine and no fault. Quiet
// ones are not worth a line: most machines have no PJRT plugin.
type absentError struct {
	text  string
	quiet bool
}

func (e *absentError) Error() string { return e.text }

// namedError says that something the user asked for by name does not work.
type namedError struct{ error }

// oneLine folds an error into one line without stack traces.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

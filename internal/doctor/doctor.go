// Package doctor examines a machine: what will compute and why, what is installed, which data is there, and for
// everything that is missing the command that brings it. It changes nothing and asks no network.
package doctor

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Report is what was found. Its JSON form is that of `glimpse doctor --json`.
type Report struct {
	Backend       string            `json:"backend"`        // "xla", "onnx" or "go"; "" when none can be used
	BackendReason string            `json:"backend_reason"` // why this one, or why none
	BackendConfig string            `json:"backend_config"` // what GOMLX_BACKEND would be set to for the same
	Devices       []string          `json:"devices"`        // of the backend, that a training can be spread over
	Libraries     map[string]string `json:"libraries"`      // name -> version, NAME_path -> path
	SIMD          string            `json:"simd"`           // what pure Go uses: "avx512", "avx2" or "none"
	SIMDBuild     bool              `json:"simd_build"`     // built with GOEXPERIMENT=simd
	Cores         int               `json:"cores"`          // usable at once, limits of containers respected
	CPU           string            `json:"cpu"`
	GPU           bool              `json:"gpu"` // an NVIDIA device is there
	MemoryBytes   int64             `json:"memory_bytes"`
	MemoryFree    int64             `json:"memory_free_bytes"`
	CacheDir      string            `json:"cache_dir"`
	DiskFree      int64             `json:"disk_free_bytes"` // in CacheDir
	System        string            `json:"system"`          // such as "linux/amd64"
	Go            string            `json:"go"`              // that built this program
	Tools         map[string]string `json:"tools"`           // name -> version or path
	Data          map[string]string `json:"data"`            // data set -> folder
	Missing       []Missing         `json:"missing"`
	Notes         []string          `json:"notes"` // what else should be known, a sentence each
}

// Missing is something that is not there.
type Missing struct {
	What    string `json:"what"`    // what it is, and what for
	Command string `json:"command"` // brings it
}

// Dataset is a data set to look for. Find returns its folder; Get is the command that brings it.
type Dataset struct {
	Name string
	Find func() (string, error)
	Get  string
}

// Examine looks at the machine. The error says that no backend can be used; the report is complete even so.
func Examine(ctx context.Context, data []Dataset) (*Report, error) {
	r := &Report{
		Libraries: map[string]string{}, Tools: map[string]string{}, Data: map[string]string{},
		Devices: []string{}, Missing: []Missing{}, Notes: []string{},
		SIMD: simdInUse(), SIMDBuild: simdBuild, Cores: runtime.GOMAXPROCS(0), CPU: cpuName(),
		System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
	}
	r.MemoryBytes, r.MemoryFree = memory()
	tools := lookForTools(ctx)
	err := r.examineBackend()
	r.examineLibraries()
	r.examineCache()
	r.examineTools(<-tools)
	for _, d := range data {
		if dir, err := d.Find(); err == nil {
			r.Data[d.Name] = dir
		} else {
			r.miss("data set "+d.Name, d.Get)
		}
	}
	return r, err
}

func (r *Report) miss(what, command string) {
	r.Missing = append(r.Missing, Missing{what, command})
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// examineBackend opens the backend as every other command does, and lets it compute something.
func (r *Report) examineBackend() error {
	var messages bytes.Buffer
	b, err := backend.Open(&messages)
	for line := range strings.Lines(messages.String()) {
		r.note("%s", strings.TrimPrefix(strings.TrimSpace(line), "glimpse: "))
	}
	if err != nil {
		r.BackendReason = err.Error()
		return err
	}
	defer b.Finalize()
	if err := compute(b); err != nil {
		err = fmt.Errorf("the backend %s opens and cannot compute: %w; choose another with %s=go", b.Kind, err, backend.Env)
		r.BackendReason = err.Error()
		return err
	}
	r.Backend, r.BackendReason, r.BackendConfig, r.Devices = string(b.Kind), b.Reason, b.Config, b.DeviceNames()
	return nil
}

package doctor

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Print writes the report for people, ending with the commands that bring what is missing.
func (r *Report) Print(w io.Writer) error {
	p := &printer{w: w}
	if r.Backend == "" {
		p.line("Backend", "none can be used: %s", r.BackendReason)
	} else {
		p.line("Backend", "%s%s - %s", r.Backend, r.backendVersion(), r.BackendReason)
	}
	if len(r.Devices) > 1 {
		for i, name := range r.Devices {
			p.line("", "device %d of %d: %s", i+1, len(r.Devices), name)
		}
		p.line("", "glimpse train --devices all spreads a training over them")
	}
	p.line("", "built with %s; pure Go multiplies with SIMD: %s", r.Go, r.SIMD)
	p.line("Machine", "%s, %d cores%s", r.System, r.Cores, prefixed(", ", r.CPU))
	p.line("", "memory %s, of which %s free", size(r.MemoryBytes), size(r.MemoryFree))
	if r.CacheDir != "" {
		p.line("", "disk %s free in %s", size(r.DiskFree), r.CacheDir)
	}
	p.pairs("Libraries", r.Libraries)
	p.pairs("Tools", r.Tools)
	p.pairs("Data", r.Data)
	for i, note := range r.Notes {
		p.line(first(i, "Notes"), "%s", note)
	}
	if len(r.Missing) == 0 {
		p.line("Missing", "nothing")
		return p.err
	}
	for i, m := range r.Missing {
		p.line(first(i, "Missing"), "%s", m.What)
		p.line("", "    %s", m.Command)
	}
	return p.err
}

func (r *Report) backendVersion() string {
	if r.Backend == "onnx" {
		return prefixed(", ONNX Runtime ", r.Libraries["onnxruntime"])
	}
	return ""
}

// printer writes two columns and remembers the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(head, format string, args ...any) {
	_, err := fmt.Fprintf(p.w, "%-10s %s\n", head, fmt.Sprintf(format, args...))
	if p.err == nil {
		p.err = err
	}
}

func (p *printer) pairs(head string, values map[string]string) {
	names := slices.Sorted(maps.Keys(values))
	if len(names) == 0 {
		p.line(head, "none found")
	}
	for i, name := range names {
		p.line(first(i, head), "%-18s %s", name, values[name])
	}
}

func first(i int, head string) string {
	if i == 0 {
		return head
	}
	return ""
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// size is a number of bytes for people: "23.5 GB".
func size(bytes int64) string {
	switch {
	case bytes <= 0:
		return "unknown"
	case bytes < 1e9:
		return fmt.Sprintf("%.0f MB", float64(bytes)/1e6)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(bytes)/1e9), ".0") + " GB"
}

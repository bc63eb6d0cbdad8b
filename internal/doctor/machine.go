package doctor

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/cpu"
)

// simdInUse names the instructions that the pure Go backend multiplies matrices with.
func simdInUse() string {
	switch {
	case !simdBuild:
		return "none"
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512CD && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL:
		return "avx512"
	case cpu.X86.HasAVX2:
		return "avx2"
	}
	return "none"
}

func hasNVIDIA() bool {
	devices, _ := filepath.Glob("/dev/nvidia[0-9]*")
	return len(devices) > 0
}

// cpuName is the processor's name as the kernel gives it, "" where it does not.
func cpuName() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(key) == "model name" {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}

// memory is how many bytes this process may use in all, and how many are free now; the limits of containers
// (cgroups, both versions) are respected. Zero means unknown.
func memory() (total, free int64) {
	info, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	defer info.Close()
	for lines := bufio.NewScanner(info); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		kilobytes, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "MemTotal:":
			total = kilobytes << 10
		case "MemAvailable:":
			free = kilobytes << 10
		}
	}
	groups, _ := os.ReadFile("/proc/self/cgroup")
	for _, g := range memoryGroups(string(groups)) {
		limit, ok := readNumber("/sys/fs/cgroup" + g.limit)
		if !ok || limit <= 0 {
			continue
		}
		total = min(total, limit)
		if used, ok := readNumber("/sys/fs/cgroup" + g.usage); ok {
			free = min(free, max(0, limit-used))
		}
	}
	return total, free
}

// memoryGroup names the two files of a memory limit.
type memoryGroup struct{ limit, usage string }

// memoryGroups lists the memory limits that hold for the process with this /proc/self/cgroup: those of its groups
// and of all groups above.
func memoryGroups(cgroup string) []memoryGroup {
	var groups []memoryGroup
	for line := range strings.Lines(cgroup) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, limit, usage := "/", "memory.max", "memory.current"
		switch {
		case parts[1] == "memory":
			root, limit, usage = "/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
		case parts[0] != "0":
			continue
		}
		for dir := filepath.Clean("/" + parts[2]); ; dir = filepath.Dir(dir) {
			groups = append(groups, memoryGroup{filepath.Join(root, dir, limit), filepath.Join(root, dir, usage)})
			if dir == "/" {
				break
			}
		}
	}
	return groups
}

// readNumber reads a file with one number; "max" is none.
func readNumber(path string) (int64, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}

// examineCache looks at the folder that libraries, data and features are kept in.
func (r *Report) examineCache() {
	cache, err := os.UserCacheDir()
	if err != nil {
		r.note("there is no cache folder (%s); libraries and data cannot be kept: set HOME or XDG_CACHE_HOME", err)
		return
	}
	r.CacheDir = filepath.Join(cache, "glimpse")
	r.DiskFree = diskFree(existing(r.CacheDir))
	const enough = 2 << 30
	if r.DiskFree > 0 && r.DiskFree < enough {
		r.note("only %s are free in %s; data and cached features want about 2 GB", size(r.DiskFree), r.CacheDir)
	}
	if !writable(existing(r.CacheDir)) {
		r.note("the cache folder %s cannot be written to; XDG_CACHE_HOME chooses another", r.CacheDir)
	}
}

// existing is the nearest folder at or above path that exists.
func existing(path string) string {
	for {
		if info, err := os.Stat(path); err == nil && info.IsDir() || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

func writable(dir string) bool {
	f, err := os.CreateTemp(dir, ".glimpse-doctor-*")
	if err != nil {
		return false
	}
	f.Close()
	os.Remove(f.Name())
	return true
}

// Machine names this machine in one line: processor, cores, system.
func Machine() string {
	name := cpuName()
	if name == "" {
		name = "an unnamed processor"
	}
	return fmt.Sprintf("%s, %d cores, %s/%s", name, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
}

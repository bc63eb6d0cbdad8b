package features_test

import (
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/features"
)

// TestFullDisk runs itself in a process that may write 4 kB to a file and no more, as if the disk were full then.
func TestFullDisk(t *testing.T) {
	const variable = "GLIMPSE_TEST_FULL_DISK"
	if dir := os.Getenv(variable); dir != "" {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 4096, Max: 4096}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		var calls atomic.Int32
		_, err := features.Cache{Dir: dir}.Get(t.Context(), key, 100, []int{64}, rows(&calls, 100, 64))
		if err == nil || !strings.Contains(err.Error(), "cannot write row") || !strings.Contains(err.Error(), "free some space") {
			t.Errorf("expected an error that says which row could not be written and what to do, found: %v", err)
		}
		return
	}
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	child.Env = append(os.Environ(), variable+"="+dir)
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestFullDisk") {
		t.Errorf("%v\n%s", err, out)
	}
	if names := visible(t, dir); len(names) > 0 {
		t.Errorf("expected an empty folder, found %q", names)
	}
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A sweep that is stopped (Ctrl-C) or killed takes its workers with it, and they give back what they do: nobody has to wait for
// a lease, which is an hour here, and what they have done is gone on with.
func TestStoppedSweeps(t *testing.T) {
	glimpse, err := exec.LookPath("glimpse") // testscript.Main put the test binary there
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	count := func(pattern string) int {
		found, _ := filepath.Glob(filepath.Join(dir, "sweep", "trials", "*", pattern))
		return len(found)
	}
	wait := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(40 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("waited 40 seconds for %s", what)
			}
		}
	}
	for round, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		cmd := exec.Command(glimpse, strings.Fields("sweep captioner --quick --set pictures=40 --set held_out=10 --set train.steps=100000 "+
			"--over train.optimizer.lr=1e-3,2e-3 --metric heldout_loss --minimize --workers 2 --lease 1h --out sweep")...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir, "GOMLX_BACKEND=go", "GLIMPSE_DATA=")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { // the workers see that it has gone
			_ = cmd.Process.Kill()
			if t.Failed() {
				t.Log(stderr.String())
			}
		})
		wait("two trials to be trained", func() bool {
			trained := 0
			for trial := range 2 {
				info, err := os.Stat(filepath.Join(dir, "sweep", "trials", fmt.Sprintf("%04d/run-%d/metrics.jsonl", trial, round+1)))
				if err == nil && info.Size() > 0 {
					trained++
				}
			}
			return trained == 2
		})
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); signal == syscall.SIGINT && (code != exitStopped || !strings.Contains(stderr.String(), "`glimpse sweep resume sweep` goes on with it")) {
			t.Errorf("exit code %d, and it said %q", code, stderr.String())
		}
		wait("two trials to be given back", func() bool { return count("ended-*.json") == 2*(round+1) })
	}
	for trial := range 2 { // the second attempt went on with what the first has left
		data, err := os.ReadFile(filepath.Join(dir, "sweep", "trials", fmt.Sprintf("%04d/run-2/log.txt", trial)))
		if err != nil || !strings.Contains(string(data), "resumed") {
			t.Errorf("trial %d was not gone on with: %s (%v)", trial, data, err)
		}
	}
	ends, _ := filepath.Glob(filepath.Join(dir, "sweep", "trials", "*", "ended-*.json"))
	for _, path := range ends {
		if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), `"why": "released"`) {
			t.Errorf("%s: found %s (%v)", path, data, err)
		}
	}
}

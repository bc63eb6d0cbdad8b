//go:build unix

package memo_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/experiments/memo"
)

// The test binary is also the processes that want a result: with this variable it runs as one.
const role = "GLIMPSE_TEST_MEMO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(role); dir != "" {
		process(dir)
		return
	}
	os.Exit(m.Run())
}

// large makes writing take a while, and all of it is checked.
func large() string { return strings.Repeat("glimpse ", 1<<19) }

// process wants the result, adds a line to the file "computed" if it has to compute, and says that it has begun.
func process(dir string) {
	got, err := memo.Do(filepath.Join(dir, "results"), memo.Of("large", "1", os.Getenv("INPUT")), func() (string, error) {
		f, err := os.OpenFile(filepath.Join(dir, "computed"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return "", err
		}
		defer f.Close()
		_, err = io.WriteString(f, "once\n")
		fmt.Println("computing")
		return large(), err
	})
	if err != nil || got != large() {
		fmt.Println("failed", len(got), err)
		os.Exit(1)
	}
}

func start(t *testing.T, dir, input string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+dir, "INPUT="+input)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(out)
}

func computed(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "computed"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(text), "once")
}

// Of several processes that want the same at once, one computes.
func TestProcessesComputeOnce(t *testing.T) {
	dir := t.TempDir()
	var all []*exec.Cmd
	for range 6 {
		cmd, _ := start(t, dir, "same")
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if n := computed(t, dir); n != 1 {
		t.Errorf("expected one computation in six processes, found %d", n)
	}
}

// A process that is killed at a random moment of its writing leaves a whole result or none, and the next one mends it and clears
// away what was left.
func TestKilledWhileWriting(t *testing.T) {
	dir := t.TempDir()
	for i := range 25 {
		input := fmt.Sprint(i)
		cmd, out := start(t, dir, input)
		if line, _ := out.ReadString('\n'); line != "computing\n" {
			t.Fatalf("the process said %q", line)
		}
		time.Sleep(time.Duration(i) * 2 * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		got, err := memo.Do(filepath.Join(dir, "results"), memo.Of("large", "1", input), func() (string, error) { return large(), nil })
		if err != nil || got != large() {
			t.Fatalf("after kill %d: %d bytes (%v)", i, len(got), err)
		}
		parts, err := filepath.Glob(filepath.Join(dir, "results", ".*.part"))
		if err != nil || len(parts) > 0 {
			t.Errorf("after kill %d: left behind %q (%v)", i, parts, err)
		}
	}
	if n := computed(t, dir); n != 25 {
		t.Errorf("expected 25 computations to have begun, found %d", n)
	}
}

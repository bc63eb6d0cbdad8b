//go:build unix

package search

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// child runs this test again in a process of its own, which updates the index of dir.
const childVariable = "GLIMPSE_TEST_SEARCH_CHILD"

func child(t *testing.T, name, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+name+"$", "-test.v")
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	return cmd
}

// updateInChild updates slowly, and writes a line for every batch that the model was asked about.
func updateInChild(dir string, pause time.Duration) error {
	var asked atomic.Int64
	enc := colours(&asked)
	encode := enc.Encode
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	enc.Encode = func(p [][]float32) ([][]float32, error) {
		fmt.Fprintln(log, len(p))
		time.Sleep(pause)
		return encode(p)
	}
	_, err = Update(context.Background(), filepath.Join(dir, "index"), filepath.Join(dir, "pictures"), enc, Options{})
	return err
}

// TestKilled kills the process that makes an index with SIGKILL at random moments, again and again, and then one that brings
// it up to date. The index is absent or whole at every moment, and at most one batch is encoded twice for each kill.
func TestKilled(t *testing.T) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := updateInChild(dir, 3*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		return
	}
	f := newFolder(t, 10*batchSize)
	if err := os.Mkdir(filepath.Join(f.dir, "child"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(f.dir, "child")
	rename(t, f.pictures, filepath.Join(dir, "pictures"))
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	kills, batches := 0, 0
	round := func(rows func(int) bool) {
		for {
			cmd := child(t, "TestKilled", dir)
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			var finished bool
			select {
			case err := <-ended:
				if err != nil {
					t.Fatalf("the child failed: %v\n%s", err, said.String())
				}
				finished = true
			case <-time.After(time.Duration(30+rng.IntN(100+5*kills)) * time.Millisecond):
				_ = cmd.Process.Kill()
				finished = <-ended == nil
				kills++
			}
			x, err := Open(filepath.Join(dir, "index"))
			switch {
			case err == nil:
				if !rows(x.Len()) {
					t.Fatalf("after %d kills the index has %d rows", kills, x.Len())
				}
				x.Close()
			case finished || !strings.Contains(err.Error(), "not finished") && !strings.Contains(err.Error(), "found nothing there"):
				t.Fatalf("after %d kills: %v", kills, err)
			}
			if finished {
				return
			}
			if kills > 500 {
				t.Fatal("it does not come to an end")
			}
		}
	}
	round(func(n int) bool { return n == 10*batchSize })
	batches += 10
	for i := range 3 * batchSize {
		paint(t, filepath.Join(dir, "pictures", fmt.Sprintf("new-%d.png", i)), 5000+i)
	}
	round(func(n int) bool { return n == 10*batchSize || n == 13*batchSize })
	batches += 3

	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	if done := strings.Count(string(log), "\n"); done > batches+kills {
		t.Errorf("%d kills: %d batches were encoded for %d, expected at most one more for each kill", kills, done, batches)
	} else {
		t.Logf("%d kills: %d batches were encoded for %d", kills, done, batches)
	}
	if err := os.Remove(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	f.dir, f.pictures, f.index = dir, filepath.Join(dir, "pictures"), filepath.Join(dir, "index")
	f.check()
}

// TestFullDisk updates in a process that may write 4 kB to a file and no more, as if the disk were full then. With room, it
// goes on.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(childVariable); dir != "" {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 4096, Max: 4096}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		err := updateInChild(dir, 0)
		if err == nil || !strings.Contains(err.Error(), "cannot write") || !strings.Contains(err.Error(), "goes on here") {
			t.Errorf("expected an error that says what could not be written and what to do, found: %v", err)
		}
		return
	}
	f := newFolder(t, batchSize)
	if out, err := child(t, "TestFullDisk", f.dir).CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestFullDisk") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(f.index); err == nil {
		t.Error("there is something under the index's name")
	}
	if err := os.Remove(filepath.Join(f.dir, "log")); err != nil {
		t.Fatal(err)
	}
	f.mustUpdate()
}

// A file is read once, so that hash and pixels are of the same content: a pipe gives its content once only.
func TestReadOnce(t *testing.T) {
	f := newFolder(t, 1)
	content, err := os.ReadFile(f.pictures + "/00/000.png")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(f.pictures+"/pipe.png", 0o600); err != nil {
		t.Skipf("this system has no pipes with names: %v", err)
	}
	done := make(chan error)
	go func() { done <- os.WriteFile(f.pictures+"/pipe.png", content, 0o600) }()
	u := &update{pictures: f.pictures, enc: f.enc}
	l := u.load(file{path: "pipe.png"})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if l.failure != nil || l.Problem != "" || l.prepared == nil || l.Hash != sha256.Sum256(content) {
		t.Errorf("found %+v", l)
	}
	if l := u.load(file{path: "gone.png"}); l.failure == nil || l.Problem != "" {
		t.Errorf("a file that went away: %+v", l)
	}
}

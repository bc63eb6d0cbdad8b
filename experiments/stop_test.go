package experiments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// A folder may have any name, one that is a pattern for shells too: old checkpoints go, and the newest is found.
func TestFolderWithTheNameOfAPattern(t *testing.T) {
	b := wrap(backendtest.Go(t))
	e, options := classifier(nil), Options{Seed: 3, Saving: Saving{Steps: 2}}
	want := undisturbed(t, e, b, options)
	r := stoppedAt(t, b, filepath.Join(t.TempDir(), "lr=[1]*?"), 1013, options)
	if paths := r.checkpoints(); len(paths) != 3 {
		t.Errorf("expected the last checkpoint of one training and two of the other, found %q", paths)
	}
	write(t, r.Path(checkpointsDir, ".x.0123456789abcdef.part"), "half")
	again, ctx := stopping(t, 7, 1)
	if _, _, err := again.Resume(ctx, b, r.Dir, options); err != nil {
		t.Errorf("the first training, which was over, was begun anew: %v", err)
	}
	outcomeOf(t, r).same(t, want)
}

// The name of a training may hold words that names of checkpoints hold.
func TestTrainingNamedStep(t *testing.T) {
	r := &Run{Dir: t.TempDir()}
	p := &phase{env: &Env{Run: r}, number: 1, name: "One step further"}
	if err := os.Mkdir(r.Path(checkpointsDir), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, p.path(4, false), "")
	write(t, p.path(4, true), "")
	if err := p.removeAllBut(0); err != nil {
		t.Fatal(err)
	}
	if left := r.checkpoints(); len(left) != 1 || left[0] != p.path(4, true) {
		t.Errorf("expected the training's last checkpoint, found %q", left)
	}
}

// A checkpoint of a later version is no damaged one: nothing is taken in its place, and it stays.
func TestCheckpointOfANewerVersion(t *testing.T) {
	b := wrap(backendtest.Go(t))
	options := Options{Seed: 3, Saving: Saving{Steps: 2}}
	r := stoppedAt(t, b, filepath.Join(t.TempDir(), "run"), 9, options)
	paths := r.checkpoints()
	newest := paths[len(paths)-1]
	writeNewer(t, newest)
	_, _, err := classifier(nil).Resume(t.Context(), b, r.Dir, options)
	sentence(t, err, newest, "written by a newer glimpse", "update glimpse")
	if _, err := os.Stat(newest); err != nil {
		t.Errorf("the newer checkpoint is gone: %v", err)
	}
}

// writeNewer makes a checkpoint one of a later version, with the checksum that belongs to it.
func writeNewer(t *testing.T, path string) {
	t.Helper()
	file, err := safetensors.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	file.Metadata[stateKey] = strings.Replace(file.Metadata[stateKey], `{"format":1,`, `{"format":2,`, 1)
	file.Metadata[checksumKey] = noSum
	hash := sha256.New()
	if err := safetensors.Encode(hash, file.Tensors, file.Metadata); err != nil {
		t.Fatal(err)
	}
	file.Metadata[checksumKey] = hex.EncodeToString(hash.Sum(nil))
	if err := safetensors.Write(path, file.Tensors, file.Metadata); err != nil {
		t.Fatal(err)
	}
}

// A run that is stopped and cannot write its checkpoint says so; it can be resumed all the same, from the one before or from its beginning.
func TestStopWithAFullDisk(t *testing.T) {
	b := wrap(backendtest.Go(t))
	want := undisturbed(t, classifier(nil), b, Options{Seed: 3})
	for _, every := range []int{4, 1000} {
		options := Options{Seed: 3, Saving: Saving{Steps: every}, Out: filepath.Join(t.TempDir(), "run")}
		ctx, cancel := context.WithCancel(t.Context())
		undo := func() {}
		e := classifier(func(k int) {
			if k == 6 {
				undo = atomicfile.InjectFaults(func(op atomicfile.Op, path string) error {
					if filepath.Base(filepath.Dir(path)) == checkpointsDir {
						return syscall.ENOSPC
					}
					return nil
				})
				cancel()
			}
		})
		r, _, err := e.Start(ctx, b, options)
		undo()
		if !errors.Is(err, ErrStopped) || !errors.Is(err, context.Canceled) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("expected a run that was stopped on a full disk, found %v", err)
		}
		sentence(t, err, "can be resumed", "is lost and comes again", "no space left")
		if r, _, err = classifier(nil).Resume(t.Context(), b, r.Dir, options); err != nil {
			t.Fatal(err)
		}
		outcomeOf(t, r).same(t, want)
	}
}

// Before its first recorded step a run leaves nothing, and there is nothing to resume.
func TestStopBeforeTheFirstStep(t *testing.T) {
	b := wrap(backendtest.Go(t))
	e, ctx := stopping(t, 0, 1)
	dir := filepath.Join(t.TempDir(), "run")
	r, _, err := e.Start(ctx, b, Options{Seed: 3, Out: dir})
	if r != nil || errors.Is(err, ErrStopped) || !errors.Is(err, context.Canceled) {
		t.Errorf("expected nothing to resume, found %v, %v", r, err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder is still there")
	}
}

// A folder in which another process has made a run, while this one waited for the lock, is left alone.
func TestTwoRunsInOneFolder(t *testing.T) {
	b := wrap(backendtest.Go(t))
	dir := t.TempDir()
	other := flock.New(filepath.Join(dir, lockFile))
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, _, err := classifier(nil).Start(t.Context(), b, Options{Seed: 3, Out: dir})
		done <- err
	}()
	time.Sleep(glance / 10)
	write(t, filepath.Join(dir, manifestFile), `{"format":1}`)
	other.Unlock()
	sentence(t, <-done, "already holds a run")
	if data, err := os.ReadFile(filepath.Join(dir, manifestFile)); err != nil || string(data) != `{"format":1}` {
		t.Errorf("the other's manifest: %s, %v", data, err)
	}
}

// Whoever asks whether a run is running keeps nobody from going on with it.
func TestLookingKeepsNobodyAway(t *testing.T) {
	r := &Run{Dir: t.TempDir()}
	looking := flock.New(r.Path(lockFile))
	if err := looking.RLock(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(glance/10, func() { looking.Unlock() })
	if err := r.open(); err != nil {
		t.Error(err)
	}
	r.close()
}

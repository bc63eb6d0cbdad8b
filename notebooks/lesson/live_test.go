//go:build unix

package lesson

import (
	"context"
	"encoding/gob"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/backend/backendtest"
)

// kernel plays GoNB's part: it takes what a cell shows and acknowledges what waits for it.
func kernel(t *testing.T) (shown chan protocol.DisplayData) {
	t.Helper()
	dir := t.TempDir()
	there, back := filepath.Join(dir, "there"), filepath.Join(dir, "back")
	for _, path := range []string{there, back} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(protocol.GONB_PIPE_ENV, there)
	t.Setenv(protocol.GONB_PIPE_BACK_ENV, back)
	gonbui.IsNotebook = true
	shown = make(chan protocol.DisplayData, 1000)
	go func() {
		in, err := os.OpenFile(there, os.O_RDONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		out, err := os.OpenFile(back, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		decoder, encoder := gob.NewDecoder(in), gob.NewEncoder(out)
		for {
			var data protocol.DisplayData
			if decoder.Decode(&data) != nil {
				return
			}
			if value, ok := data.Data[protocol.MIMECommValue].(protocol.CommValue); ok && value.Address == protocol.GonbuiSyncAddress {
				close(shown)
				_ = encoder.Encode(protocol.CommValue{Address: protocol.GonbuiSyncAckAddress, Value: value.Value})
				return
			}
			shown <- data
		}
	}()
	return shown
}

// A training of a few seconds shows one display, which has been changed meanwhile and ends with all steps.
func TestLive(t *testing.T) {
	shown := kernel(t)
	const steps = 12
	e := experiments.New("slow", "", func(experiments.Form, backend.Kind) struct{} { return struct{}{} },
		func(_ context.Context, env *experiments.Env, _ struct{}) (experiments.Result, error) {
			for step := 1; step <= steps; step++ {
				if err := env.Run.Record(experiments.Step{Step: step, Loss: 1 / float64(step), Scalars: map[string]float64{}}); err != nil {
					return experiments.Result{}, err
				}
				time.Sleep(liveEvery / 4)
			}
			return experiments.Result{}, nil
		})
	dir := filepath.Join(t.TempDir(), "run")
	b := backendtest.Open(t, "go")
	run := Live(dir, LossCurve, func() (*experiments.Run, error) {
		run, _, err := e.Start(t.Context(), b, experiments.Options{Form: experiments.Quick, Out: dir})
		return run, err
	})
	if run == nil || run.Dir != dir {
		t.Fatalf("expected the run in %s, found %v", dir, run)
	}
	ids, pictures, last := map[string]bool{}, map[string]bool{}, ""
	for data := range shown {
		html, _ := data.Data[protocol.MIMETextHTML].(string)
		if !strings.HasPrefix(html, `<img src="data:image/png;base64,`) {
			t.Errorf("expected a picture, found %.60q", html)
		}
		ids[data.DisplayID], pictures[html], last = true, true, html
	}
	if len(ids) != 1 || ids[""] {
		t.Errorf("expected one display with a name of its own, found %v", ids)
	}
	if len(pictures) < 3 {
		t.Errorf("expected a figure that changes, found %d", len(pictures))
	}
	all, err := run.Metrics()
	if err != nil || len(all) != steps {
		t.Fatalf("%d steps (%v)", len(all), err)
	}
	figure, err := LossCurve(all)
	if err != nil {
		t.Fatal(err)
	}
	if whole, err := figure.HTML(); err != nil || string(whole) != last {
		t.Errorf("the last figure is not that of all steps (%v)", err)
	}
}

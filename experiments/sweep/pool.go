package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/glimpse-ml/glimpse/internal/progress"
)

// Pool is workers on this machine, each a process of its own.
type Pool struct {
	Workers int
	// Command is the command line of a worker: it calls [Sweep.Work] with the name that it is given, and stops cleanly when it gets
	// SIGTERM or its standard input ends, which it does even if this process is killed.
	Command  func(name string) *exec.Cmd
	Messages io.Writer     // progress; nil for none
	Every    time.Duration // between looks at the folder; 0 for a second
}

// patience is how long workers that were told to stop may take: a little less than this process has itself.
const patience = 9 * time.Second

// process is a worker's process.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.Closer
	log    string // path of what it says
	failed error
}

// Run works on the sweep until every trial has its result. A worker that dies is replaced, and what it had begun is given back at
// once. One that gives up with a sentence of its own ends the sweep, because the others would give up too.
func (p Pool) Run(ctx context.Context, s *Sweep) error {
	ended := make(chan *process)
	running := map[*process]bool{}
	if p.Every == 0 {
		p.Every = time.Second
	}
	prefix := freshName()
	count := 0
	start := func() error {
		count++
		worker, err := p.start(s, fmt.Sprintf("%s-%d", prefix, count), ended)
		if err == nil {
			running[worker] = true
		}
		return err
	}
	stop := func() { p.stop(running, ended, s) }
	defer stop()
	for range min(p.Workers, s.Spec.Total()) {
		if err := start(); err != nil {
			return err
		}
	}
	bar := newBar(s, p.Messages)
	defer bar.done()
	tick := time.NewTicker(p.Every)
	defer tick.Stop()
	idle := 0 // workers in a row that died before they began anything
	for len(running) > 0 {
		select {
		case <-ctx.Done():
			stop()
			bar.show()
			return ctx.Err()
		case <-tick.C:
			bar.show()
		case worker := <-ended:
			delete(running, worker)
			if worker.failed == nil {
				continue
			}
			began, err := s.giveBack(worker.name)
			if err != nil {
				return err
			}
			if idle++; began {
				idle = 0
			}
			if code := worker.cmd.ProcessState.ExitCode(); code == 1 || code == 2 || idle >= 3 {
				return fmt.Errorf("a worker gave up: %s", lastWords(worker))
			}
			if err := start(); err != nil {
				return err
			}
		}
	}
	bar.show()
	return nil
}

// start begins a worker whose end is told on a channel.
func (p Pool) start(s *Sweep, name string, ended chan<- *process) (*process, error) {
	worker := &process{name: name, cmd: p.Command(name), log: filepath.Join(s.Dir, "workers", name+".log")}
	log, err := os.Create(worker.log)
	if err != nil {
		return nil, fmt.Errorf("cannot write what a worker says: %w", err)
	}
	defer log.Close()
	worker.cmd.Stdout, worker.cmd.Stderr = log, log
	ownGroup(worker.cmd) // Ctrl-C reaches this process alone, which tells the workers
	if worker.stdin, err = worker.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := worker.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start a worker: %w", err)
	}
	go func() {
		worker.failed = worker.cmd.Wait()
		ended <- worker
	}()
	return worker, nil
}

// stop tells the workers to stop and waits for them. Those that do not are killed, and what they had begun is given back.
func (p Pool) stop(running map[*process]bool, ended <-chan *process, s *Sweep) {
	for worker := range running {
		_ = terminate(worker.cmd.Process)
		worker.stdin.Close()
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for len(running) > 0 {
		select {
		case <-late.C:
			for worker := range running {
				_ = worker.cmd.Process.Kill()
			}
		case worker := <-ended:
			delete(running, worker)
			if worker.failed != nil {
				_, _ = s.giveBack(worker.name)
			}
		}
	}
}

// giveBack ends the attempts of a worker that is known to be dead, so that nobody has to wait for its lease. It says whether the
// worker had begun any.
func (s *Sweep) giveBack(worker string) (began bool, err error) {
	trials, err := s.trials(0)
	if err != nil {
		return false, err
	}
	for _, t := range trials {
		st, err := s.state(t.Number)
		if err != nil {
			return began, err
		}
		if st.attempts == 0 {
			continue
		}
		var b begun
		if _, err := readJSON(s.trialPath(t.Number, "attempt-%d.json", st.attempts), &b); err != nil {
			return began, err
		}
		if b.Worker != worker {
			continue
		}
		began = true
		if !st.result && st.last == nil {
			if err := s.end(t.Number, st.attempts, died, ""); err != nil {
				return began, err
			}
		}
	}
	return began, nil
}

// lastWords is the last line that a worker wrote, or how it ended.
func lastWords(p *process) string {
	data, err := os.ReadFile(p.log)
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	if last := string(lines[len(lines)-1]); err == nil && last != "" {
		return strings.TrimPrefix(last, "glimpse: ")
	}
	var exit *exec.ExitError
	if errors.As(p.failed, &exit) {
		return fmt.Sprintf("%s, without a word", exit)
	}
	return p.failed.Error()
}

// Threads is how many threads each of n workers on this machine should compute with.
func Threads(n int) int { return max(1, runtime.GOMAXPROCS(0)/max(n, 1)) }

// bar shows how far a sweep is.
type bar struct {
	ledger *ledger
	bar    *progress.Bar
}

func newBar(s *Sweep, w io.Writer) *bar {
	b := &bar{newLedger(s), progress.New(w, "sweep", int64(s.Spec.Total()), progress.Options{})}
	b.show()
	return b
}

// show counts what is in the folder. What cannot be read now is not shown now.
func (b *bar) show() {
	sum, err := b.ledger.summarise()
	if err != nil {
		return
	}
	text := fmt.Sprintf("%d running", sum.Running)
	if sum.Failed > 0 {
		text += fmt.Sprintf(", %d failed", sum.Failed)
	}
	if len(sum.Settings) > 0 && sum.Settings[0].Mean != nil {
		text += fmt.Sprintf(", best %s %.4g", sum.Metric, sum.Settings[0].Mean.Value)
	}
	b.bar.Describe(text)
	b.bar.Set(int64(sum.Done + sum.Failed))
}

func (b *bar) done() { b.bar.Done() }
